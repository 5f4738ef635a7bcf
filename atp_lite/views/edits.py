"""Editing latents: what an edited latent changes in all that follows it, as plain rounded numbers.

A `LatentEdit` changes the latent of one step; `rethink` runs the planner again with edited latents fed back in their
places; `compare_thoughts` compares the original run with the edited one.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from atp_lite.domains import Problem
from atp_lite.model import Decoded, Distribution
from atp_lite.planner import Planner
from atp_lite.rl import group_advantages, total_reward, used_groups
from atp_lite.views.measure import rounded, thought_table, trace_graph
from atp_lite.views.projection import Projection

PAPER_REWARD = {"correct": 1.0, "correct-coherence": 1.0, "format": 0.5}
"""The paper's total reward, (1 + R_coh) R_correct + 0.5 R_format, as weights of registered rewards."""


@dataclass(frozen=True)
class LatentEdit:
    """A change of one latent. The parts are applied in this order."""

    swap: Tensor | None = None
    """(d,) replaces the latent."""
    toward: Tensor | None = None
    """(d,) the latent to interpolate towards."""
    fraction: float = 0.0
    """How far: 0 stays, 1 arrives."""
    along: tuple[float, ...] = ()
    """Shifts along the first principal axes, in standard deviations of the reference set along each."""
    noise: Tensor | None = None
    """(d,) added."""
    source: str = ""
    """Where `swap` is from, in words."""

    def __call__(self, latent: Tensor, projection: Projection | None = None) -> Tensor:
        """latent (d,) -> the edited one (d,).

        Raises:
            ValueError: shifts along axes without a projection, or more of them than it has axes.
        """
        edited = latent if self.swap is None else self.swap
        if self.toward is not None:
            edited = torch.lerp(edited, self.toward, self.fraction)
        if any(self.along):
            if projection is None or len(self.along) > len(projection.axes):
                count = 0 if projection is None else len(projection.axes)
                raise ValueError(f"{len(self.along)} steps along {count} axes: fit a projection with as many")
            axes = torch.as_tensor(projection.axes[: len(self.along)], dtype=edited.dtype)  # (k, d)
            stddev = torch.as_tensor(projection.stddev[: len(self.along)], dtype=edited.dtype)
            edited = edited + (torch.tensor(self.along, dtype=edited.dtype) * stddev) @ axes
        return edited if self.noise is None else edited + self.noise

    def parts(self) -> list[str]:
        """What was done, in words, in the order in which it is applied."""
        said = [f"replaced by {self.source or 'another latent'}"] if self.swap is not None else []
        if self.toward is not None and self.fraction:
            said.append(f"moved {100 * self.fraction:.0f} % of the way to another latent")
        said += [f"moved {by:+.1f} standard deviations along axis {k}" for k, by in enumerate(self.along, 1) if by]
        return said + ([f"noise of norm {self.noise.norm():.1f} added"] if self.noise is not None else [])


def sample_latent(trace: Decoded, row: int, t: int, source: str, generator: torch.Generator) -> Tensor:
    """(d,) a new sample of latent t (from 1) of a row: from the head's distribution (`posterior`) or N(0, I) (`prior`).

    Raises ValueError for another source.
    """
    if source == "prior":
        return torch.randn(trace.latents.shape[-1], generator=generator)
    if source == "posterior":
        return trace.distribution[row : row + 1, t - 1].draw(generator)[0]
    raise ValueError(f"source {source!r}: choose posterior or prior")


@torch.no_grad()
def rethink(planner: Planner, problem: Problem, edits: Mapping[int, Tensor] | None = None) -> Decoded:
    """Run the planner on one problem with latent t (from 1) replaced by `edits[t]`; later latents are recomputed.

    Raises ValueError for an edit beyond the planner's limit of latents.
    """
    limit = planner.model.config.max_latents
    wrong = [t for t in edits or {} if not 1 <= t <= limit]
    if wrong:
        raise ValueError(f"there is no latent {wrong[0]}: this planner thinks 1 to {limit}")
    return planner.finish(planner.think([problem], edits=dict(edits) if edits else None))


@torch.no_grad()
def decisive_swap(planner: Planner, trace: Decoded, rows: int = 3, donors: int = 8) -> tuple[int, int, int] | None:
    """A row of a trace, one of its latents (from 1), and the row whose latent in its place changes the answer.

    Of the first `rows` that are answered rightly, the earliest latent where one of the first `donors` rows with another
    text there does so. None where no swap does.
    """
    c, counts = planner.model.config.latents_per_step, trace.n_latents.tolist()
    right = [i for i, problem in enumerate(trace.problems) if problem.answer == trace.answers[i]]

    def text(row: int, t: int) -> str:
        return trace.steps[row][(t - 1) // c] if (t - 1) // c < len(trace.steps[row]) else ""

    for row in right[:rows]:
        for t in range(1, counts[row] + 1):
            others = [i for i, n in enumerate(counts) if n >= t and text(i, t) != text(row, t)][:donors]
            if not others:
                continue
            put = {t: trace.latents[others, t - 1]}
            after = planner.finish(planner.think([trace.problems[row]] * len(others), edits=put), decode=False)
            for other, answer in zip(others, after.answers, strict=True):
                if answer and answer != trace.answers[row]:
                    return row, t, other
    return None


@torch.no_grad()
def answer_probabilities(planner: Planner, trace: Decoded, row: int = 0, top: int = 6) -> list[dict]:
    """The likeliest first tokens of the answer, as `{"text", "probability"}`, likeliest first.

    For toy arithmetic a number is one token, so this is the distribution over answers.
    """
    logits = planner.model.replay(trace).answer_logits[row, 0]
    probabilities = torch.softmax(logits.float(), -1)
    best = probabilities.topk(min(top, len(probabilities)))
    pairs = zip(planner.collate.text(best.indices[:, None]), best.values.tolist(), strict=True)
    return [{"text": text, "probability": rounded(probability)} for text, probability in pairs]


def reward_terms(trace: Decoded, row: int = 0, weights: Mapping[str, float] = PAPER_REWARD) -> dict:
    """The reward of one row, term by term: `terms` with name, weight, value, product; and their `total`."""
    total, values = total_reward(trace, trace.problems, weights)
    return _reward_record(weights, values, total, row)


def _reward_record(weights: Mapping[str, float], values: Mapping[str, Tensor], total: Tensor, row: int) -> dict:
    terms = []
    for name, weight in weights.items():
        value = values[name][row].item()
        terms.append({"name": name, "weight": weight, "value": rounded(value), "product": rounded(weight * value)})
    return {"terms": terms, "total": rounded(total[row].item())}


@dataclass(frozen=True)
class ThoughtSummary:
    """The measurements of one run on one problem, for everything that shows it."""

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
    """The measurements of the one problem in `trace`."""
    path = []
    if projection is not None:
        path = projection(trace.latents[0][trace.latent_mask[0]]).round(3).tolist()
    table, probabilities = thought_table(planner, trace), answer_probabilities(planner, trace)
    return ThoughtSummary(table, trace_graph(trace), probabilities, reward_terms(trace), path)


def compare_thoughts(before: ThoughtSummary, after: ThoughtSummary) -> dict:
    """What an edit changed.

    Returns:
        `steps`: number, before, after (texts, None where one side has no such step) and changed, for every step that
        either side has; `answer`: before, after, changed; `reward`: before, after, difference; `summary`, a sentence.
    """
    texts = ([step["text"] for step in side.table["steps"]] for side in (before, after))
    steps = [
        {"number": i + 1, "before": old, "after": new, "changed": old != new}
        for i, (old, new) in enumerate(itertools.zip_longest(*texts))
    ]
    old, new = before.table["answer"], after.table["answer"]
    rewards = before.reward["total"], after.reward["total"]
    changed = [str(step["number"]) for step in steps if step["changed"]]
    if not changed and old == new:
        summary = "Nothing that can be read has changed."
    else:
        noun = "Steps" if len(changed) > 1 else "Step"
        what = f"{noun} {', '.join(changed)} changed" if changed else "The steps read as before"
        answer = f"went from {old or 'nothing'} to {new or 'nothing'}" if old != new else f"stayed {old}"
        summary = f"{what}; the answer {answer}."
    return {
        "steps": steps,
        "answer": {"before": old, "after": new, "changed": old != new},
        "reward": {"before": rewards[0], "after": rewards[1], "difference": rounded(rewards[1] - rewards[0])},
        "summary": summary,
    }


def rewrite(trace: Decoded, row: int, steps: Sequence[str], answer: str) -> Decoded:
    """One row of a trace with other decoded steps and another answer; its latents stay.

    steps: texts; empty ones are left out.
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
    """G sampled trajectories of one problem, latents and answers sampled as in GRPO.

    sigma: of the latents; None takes the head's own. Raises ValueError for fewer than two trajectories.
    """
    if group_size < 2:
        raise ValueError(f"a group of {group_size} has nothing to be compared with: sample 2 or more")
    how = {"sample": True, "sigma": sigma, "temperature": 1.0, "group_size": group_size, "generator": generator}
    return planner.reason([problem], **how)


def measure_group(trace: Decoded, weights: Mapping[str, float] = PAPER_REWARD) -> dict:
    """The trajectories of one question with their rewards and advantages.

    Returns:
        `question`, `reference`, `used` (whether their rewards differ), and `rows`, each with `graph`
        (`coherence_graph`), `reward` (`reward_terms`), `advantage` (reward minus the group's mean, over its standard
        deviation; 0 where they do not differ), answer and correct.
    """
    total, values = total_reward(trace, trace.problems, weights)
    advantages, used = group_advantages(total, trace.group_size), used_groups(total, trace.group_size)
    rows = [
        {
            "graph": trace_graph(trace, i),
            "reward": _reward_record(weights, values, total, i),
            "advantage": rounded(advantages[i].item()),
            "answer": trace.answers[i],
            "correct": bool(values["correct"][i]) if "correct" in values else None,
        }
        for i in range(len(trace))
    ]
    problem = trace.problems[0]
    return {"question": problem.question, "reference": problem.answer, "used": bool(used[0]), "rows": rows}
