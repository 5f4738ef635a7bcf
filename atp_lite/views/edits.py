"""Editing latents: what an edited latent changes in all that follows it, as plain rounded numbers.

A `LatentEdit` changes the latent of one step; `rethink` runs the planner again with edited latents fed back in their
places; `compare_thoughts` compares the original run with the edited one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from atp_lite.domains import Problem
from atp_lite.model import Decoded, Distribution
from atp_lite.planner import Planner
from atp_lite.rl import group_advantages, total_reward, used_groups
from atp_lite.views.measure import coherence_graph, rounded, thought_table
from atp_lite.views.projection import Projection

PAPER_REWARD = {"correct": 1.0, "correct-coherence": 1.0, "format": 0.5}
"""The paper's total, (1 + R_coh) R_correct + 0.5 R_format, as weights of registered rewards."""


@dataclass(frozen=True)
class LatentEdit:
    """Where the latent of one step goes. The parts add up, in this order."""

    swap: Tensor | None = None
    """(d,) taken in the place of the original latent; None keeps that."""
    toward: Tensor | None = None
    """(d,) the latent it is moved towards."""
    fraction: float = 0.0
    """How far: 0 stays, 1 arrives."""
    along: tuple[float, ...] = ()
    """Steps along the first principal axes, in standard deviations of the reference set along each."""
    noise: Tensor | None = None
    """(d,) added as it is."""

    def __call__(self, latent: Tensor, projection: Projection | None = None) -> Tensor:
        """latent (d,) -> the moved one (d,).

        Raises:
            ValueError: steps along axes without a projection, or more of them than it has axes.
        """
        moved = latent if self.swap is None else self.swap
        if self.toward is not None:
            moved = torch.lerp(moved, self.toward, self.fraction)
        if any(self.along):
            if projection is None or len(self.along) > len(projection.axes):
                count = 0 if projection is None else len(projection.axes)
                raise ValueError(f"{len(self.along)} steps along {count} axes: fit a projection with as many")
            axes = torch.as_tensor(projection.axes[: len(self.along)], dtype=moved.dtype)  # (k, d)
            stddev = torch.as_tensor(projection.stddev[: len(self.along)], dtype=moved.dtype)
            moved = moved + (torch.tensor(self.along, dtype=moved.dtype) * stddev) @ axes
        return moved if self.noise is None else moved + self.noise


def noise_of_norm(size: int, norm: float, generator: torch.Generator) -> Tensor:
    """(size,) noise in a random direction, exactly `norm` long. Raises ValueError for a negative norm."""
    if norm < 0:
        raise ValueError(f"norm {norm}: a length is 0 or more")
    direction = torch.randn(size, generator=generator)
    return norm * direction / direction.norm().clamp(min=1e-12)


def sample_latent(trace: Decoded, row: int, t: int, source: str, generator: torch.Generator) -> Tensor:
    """A fresh latent for place t (from 1) of a row: from its `posterior` N(mu, sigma^2) or the `prior` N(0, I).

    Raises ValueError for another source.
    """
    eps = torch.randn(trace.mu.shape[-1], generator=generator)
    if source == "prior":
        return eps
    if source == "posterior":
        return trace.mu[row, t - 1] + trace.sigma[row, t - 1] * eps
    raise ValueError(f"source {source!r}: choose posterior or prior")


@torch.no_grad()
def rethink(planner: Planner, problem: Problem, edits: Mapping[int, Tensor] | None = None) -> Decoded:
    """Think about one problem with edits: latent t (from 1) is replaced by `edits[t]`, all after it follow anew.

    Raises ValueError for an edit at a place that no latent can have.
    """
    edits = dict(edits or {})
    limit = planner.model.config.max_latents
    wrong = [t for t in edits if not 1 <= t <= limit]
    if wrong:
        raise ValueError(f"there is no latent {wrong[0]}: this planner thinks 1 to {limit}")
    return planner.finish(planner.think([problem], edits=edits or None))


@torch.no_grad()
def answer_probabilities(planner: Planner, trace: Decoded, row: int = 0, top: int = 6) -> list[dict]:
    """The likeliest first tokens of the answer, as `{"text", "probability"}`, likeliest first.

    For toy arithmetic a number is one token, so this is the distribution over answers.
    """
    logits = planner.model.replay(trace).answer_logits[row, 0]
    chances = torch.softmax(logits.float(), -1)
    best = chances.topk(min(top, len(chances)))
    texts = planner.collate.text(best.indices[:, None])
    pairs = zip(texts, best.values.tolist(), strict=True)
    return [{"text": text, "probability": rounded(chance)} for text, chance in pairs]


def reward_terms(trace: Decoded, row: int = 0, weights: Mapping[str, float] = PAPER_REWARD) -> dict:
    """The reward of one row, term by term: `terms` with name, weight, value, product; and their `total`."""
    total, parts = total_reward(trace, trace.problems, weights)
    return _terms(weights, parts, total, row)


def _terms(weights: Mapping[str, float], parts: Mapping[str, Tensor], total: Tensor, row: int) -> dict:
    values = {name: parts[name][row].item() for name in weights}
    terms = [
        {"name": name, "weight": weights[name], "value": rounded(value), "product": rounded(weights[name] * value)}
        for name, value in values.items()
    ]
    return {"terms": terms, "total": rounded(total[row].item())}


@dataclass(frozen=True)
class ThoughtSummary:
    """One thought about a problem, measured once for everything that shows it."""

    table: dict
    """`thought_table`."""
    graph: dict
    """`coherence_graph`."""
    answer_probabilities: list[dict]
    """`answer_probabilities`."""
    reward: dict
    """`reward_terms`."""
    path: list[list[float]] = field(default_factory=list)
    """Coordinates of each latent on the axes of the projection."""


def measure_thought(planner: Planner, trace: Decoded, projection: Projection | None = None) -> ThoughtSummary:
    """Everything that is shown of the one problem in `trace`."""
    problem = trace.problems[0]
    path = []
    if projection is not None:
        path = projection(trace.latents[0][trace.latent_mask[0]]).round(3).tolist()
    return ThoughtSummary(
        table=thought_table(planner, trace),
        graph=coherence_graph(trace.steps[0], trace.answers[0], problem.answer or None, trace.domain, problem.question),
        answer_probabilities=answer_probabilities(planner, trace),
        reward=reward_terms(trace),
        path=path,
    )


def compare_thoughts(before: ThoughtSummary, after: ThoughtSummary) -> dict:
    """What an edit changed.

    Returns:
        `steps`: number, before, after (texts, None where one side has no such step) and changed, for every step that
        either side has; `answer`: before, after, changed; `reward`: before, after, difference; `summary`, a sentence.
    """
    old, new = before.table["steps"], after.table["steps"]
    steps = []
    for i in range(max(len(old), len(new))):
        texts = [side[i]["text"] if i < len(side) else None for side in (old, new)]
        steps.append({"number": i + 1, "before": texts[0], "after": texts[1], "changed": texts[0] != texts[1]})
    answers = before.table["answer"], after.table["answer"]
    rewards = before.reward["total"], after.reward["total"]
    changed = [str(step["number"]) for step in steps if step["changed"]]
    noun = "steps" if len(changed) > 1 else "step"
    if not changed and answers[0] == answers[1]:
        summary = "Nothing that can be read has changed."
    else:
        what = f"{noun.capitalize()} {', '.join(changed)} changed" if changed else "The steps read as before"
        fate = f"the answer went from {answers[0] or 'nothing'} to {answers[1] or 'nothing'}"
        summary = f"{what}; {fate if answers[0] != answers[1] else f'the answer stayed {answers[0]}'}."
    return {
        "steps": steps,
        "answer": {"before": answers[0], "after": answers[1], "changed": answers[0] != answers[1]},
        "reward": {"before": rewards[0], "after": rewards[1], "difference": rounded(rewards[1] - rewards[0])},
        "summary": summary,
    }


def rewrite(trace: Decoded, row: int, steps: Sequence[str], answer: str) -> Decoded:
    """One row of a trace with other words in it: what rewards would say if the decoder had read these steps.

    steps: texts; empty ones are left out. The latents stay as they were.
    """
    single = trace.questions(torch.tensor([row // trace.group_size]))
    keep, part = row % trace.group_size, {}
    for name, value in vars(single).items():
        per_row = isinstance(value, Tensor | Distribution | list) and name not in ("question", "question_mask")
        part[name] = value[keep : keep + 1] if per_row else value
    part |= {"group_size": 1, "steps": [[step.strip() for step in steps if step.strip()]], "answers": [answer.strip()]}
    return Decoded(**part)


@torch.no_grad()
def sample_group(
    planner: Planner, problem: Problem, group_size: int, sigma: float | None, generator: torch.Generator
) -> Decoded:
    """G sampled trajectories of one problem, latents and answers drawn, as GRPO draws them.

    sigma: of the latents; None takes the head's own. Raises ValueError for fewer than two trajectories.
    """
    if group_size < 2:
        raise ValueError(f"a group of {group_size} has nobody to be compared with: draw 2 or more")
    how = {"sample": True, "sigma": sigma, "temperature": 1.0, "group_size": group_size, "generator": generator}
    return planner.reason([problem], **how)


def measure_group(trace: Decoded, weights: Mapping[str, float] = PAPER_REWARD) -> dict:
    """The trajectories of one question, compared as GRPO compares them.

    Returns:
        `question`, `reference`, `used` (whether their rewards differ), and `rows`, each with `graph`
        (`coherence_graph`), `reward` (`reward_terms`), `advantage` (reward minus the group's mean, over its standard
        deviation; 0 where they do not differ), answer and correct.
    """
    total, parts = total_reward(trace, trace.problems, weights)
    advantages, used = group_advantages(total, trace.group_size), used_groups(total, trace.group_size)
    problem = trace.problems[0]
    rows = [
        {
            "graph": coherence_graph(
                trace.steps[i], trace.answers[i], problem.answer or None, trace.domain, problem.question
            ),
            "reward": _terms(weights, parts, total, i),
            "advantage": rounded(advantages[i].item()),
            "answer": trace.answers[i],
            "correct": bool(parts["correct"][i]) if "correct" in parts else None,
        }
        for i in range(len(trace))
    ]
    return {"question": problem.question, "reference": problem.answer, "used": bool(used[0]), "rows": rows}
