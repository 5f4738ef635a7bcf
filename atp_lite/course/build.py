"""`course.train(mine)`: a learner's own functions in a real run, beside the package's.

From nothing that would take an hour, so the run begins with the bundled checkpoint `atp-sft`, which was taught one of
several right chains for each question and often thinks a bit of each. Its stop head is drawn anew.

- Imitation goes on for a while: the stop head has to be learned again, and the rest must not be unlearned.
- Planning: tries at questions with several right chains, rewarded by `verify` alone, which reads no label.

`think` makes the latents of every batch of imitation; `reparameterise` every draw, there and in tries; `kl`,
`decoder_loss`, `stop_loss` are three of the four losses; `verify` is the reward, `advantages` compares it, `surrogate`
is the objective, of ratios of how likely the decoder finds the text of a thought. Where a planner stops thinking by
itself, as in tries and tests, the package's loop thinks.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from atp_lite.course.grading import NO_ANSWER, grade
from atp_lite.course.parts import REFERENCE
from atp_lite.domains import ArithmeticSettings, Problem, count_chains, generate
from atp_lite.engine.log import read_metrics
from atp_lite.model import LatentReasoner, Thought, distributions, losses
from atp_lite.model.decoders import StepDecoder
from atp_lite.model.generation import read
from atp_lite.model.heads import StopHead
from atp_lite.model.noise import normal_like
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS
from atp_lite.resources import bundled
from atp_lite.rl import RLSettings, train_rl
from atp_lite.rl.registries import ADVANTAGES, ESTIMATORS, REWARDS, Estimate, Samples
from atp_lite.sft import SFTSettings, train_sft
from atp_lite.views.palette import BLUE, GREY, finish

Parts = Mapping[str, Callable[..., Any]]
IMITATION = SFTSettings(
    first_stage=3,
    stage_steps=(80,),
    warmup_steps=10,
    lr=1e-3,
    kl_factor=0.1,
    final_kl_factor=0.1,
    log_every=10,
    eval_every=10_000,
)
PLANNING: dict[str, Any] = {
    "iterations": 60,
    "questions": 32,
    "epochs": 2,
    "lr": 1.2e-3,
    "rewards": {"verify": 1.0},
    "advantage": "mine",
    "estimator": "mine",
    "learn_answer": False,
    "answer_ce": 1.0,
    "ema": 0.9,
    "eval_every": 10_000,
}
"""Options of `RLSettings`, which can be made while the parts are registered."""
SHARE = 0.6
"""Of the test questions: what right parts reach in chain and answer after both runs, with room for luck."""
CURVE = bundled("data/course/build.json")
"""The same runs with the package's own parts: `python -m atp_lite.course.build` writes them."""


@dataclass(frozen=True)
class Run:
    """What came of a run."""

    curve: Mapping[str, Sequence[float]]
    """`loss` of imitation, every `log_every` steps; `reward` of planning, every iteration."""
    imitated: float
    """Share of the test questions with a right chain and a right answer after imitation."""
    planned: float
    """The same after planning."""
    calls: Mapping[str, int]
    """How often the run called each part."""

    @property
    def reached(self) -> bool:
        """Whether the share that right parts reach was reached."""
        return self.planned >= SHARE

    def figure(self) -> go.Figure:
        """Both halves of the run beside those of the package's own parts (or these alone): loss, then rewards."""
        package = reference_run()
        lines = [("the package's parts", package, GREY, 5), ("yours", self, BLUE, 2)]  # a thin line on a thick one
        fig = make_subplots(2, 1, vertical_spacing=0.2)
        for name, made, colour, width in lines if self != package else lines[:1]:
            look = {"name": name, "legendgroup": name, "mode": "lines", "line": {"color": colour, "width": width}}
            loss = [round(value, 3) for value in made.curve["loss"]]
            fig.add_scatter(x=[IMITATION.log_every * (i + 1) for i in range(len(loss))], y=loss, row=1, col=1, **look)
            share = [round(100 * value, 1) for value in smooth(made.curve["reward"])]
            x = list(range(1, len(share) + 1))
            fig.add_scatter(x=x, y=share, showlegend=False, row=2, col=1, **look)
        fig.update_xaxes(title_text="optimizer step of imitation", row=1, col=1)
        fig.update_yaxes(title_text="loss (nats)", rangemode="tozero", row=1, col=1)
        fig.update_xaxes(title_text="iteration of planning", row=2, col=1)
        fig.update_yaxes(title_text="tries accepted (%)", range=[0, 103], row=2, col=1)
        caption = "Above: the loss of imitation. Below: tries that the verifier accepts, a mean over five iterations. "
        caption += (
            f"{self.imitated:.0%} of the test questions were right after imitation, {self.planned:.0%} after planning."
        )
        return finish(fig, "A run with eight parts", caption, height=560)


def reference_run() -> Run:
    """What came of the run with the package's own parts, as it was written down."""
    found = json.loads(CURVE.read_text(encoding="utf-8"))
    return Run({name: found[name] for name in ("loss", "reward")}, found["imitated"], found["planned"], {})


def smooth(values: Sequence[float], window: int = 5) -> list[float]:
    """The mean of each value and those before it, `window` at most."""
    return [sum(part) / len(part) for i in range(len(values)) if (part := values[max(0, i + 1 - window) : i + 1])]


def train(mine: Mapping[str, Any], check: bool = True) -> Run | None:
    """Put these parts into a real run, print what came of it, and return it; about two CPU minutes.

    Args:
        mine: parts by their names in `parts.REFERENCE`; those left out are the package's own.
        check: try each part on numbers first, and do not train with one that is wrong (then None is returned). False
            trains with anything: how does a run look whose parts are wrong?

    Raises:
        ValueError: there is no part of such a name.
    """
    if unknown := set(mine) - set(REFERENCE):
        raise ValueError(f"no part is called {', '.join(sorted(unknown))}: choose from {', '.join(REFERENCE)}")
    wrong = 0
    for name, part in mine.items():
        right, feedback = grade(f"build.{name}", part)
        wrong += not right
        print(f"{name:15}{'right on numbers' if right else feedback}")
    if wrong and (check or any(grade(f"build.{name}", part)[1] == NO_ANSWER for name, part in mine.items())):
        print(f"Nothing was trained: {wrong} of {len(mine)} parts are not right yet.")
        return None
    found = run(mine)
    called = ", ".join(f"{name} {found.calls[name]:,}" for name in mine)
    print(f"calls of your parts: {called or 'none, all parts are the package`s'}")
    print(f"right chain and answer: {found.imitated:.0%} after imitation, {found.planned:.0%} after planning")
    print(f"{'Reached' if found.reached else 'Not reached'}: {SHARE:.0%} of the test questions.")
    return found


def run(mine: Parts, imitation: SFTSettings = IMITATION, planning: Mapping[str, Any] = PLANNING) -> Run:
    """Both runs with these parts, the package's own in the place of those that are missing."""
    train, questions, validation, test = (
        [
            problem
            for problem in generate(ArithmeticSettings(), split, {3: n})
            if chains < 2 or count_chains(problem) > 1
        ]
        for split, n, chains in (("train", 4000, 1), ("rl", 3000, 2), ("validation", 20, 1), ("test", 800, 2))
    )
    calls: Counter[str] = Counter()
    start = forgetful(Planner.from_pretrained(CHECKPOINTS / "atp-sft"))
    with put_in({**REFERENCE, **mine}, calls), tempfile.TemporaryDirectory() as folder:
        train_sft(start, train, validation, imitation, f"{folder}/sft")
        planner = Planner.from_pretrained(f"{folder}/sft/last")
        imitated = right_share(planner, test)
        train_rl(planner, questions, validation, RLSettings(**planning), f"{folder}/rl")
        planned = right_share(Planner.from_pretrained(f"{folder}/rl/last"), test)
        logs = {name: read_metrics(Path(folder) / name / "metrics.jsonl") for name in ("sft", "rl")}
    curve = {
        name: [line[name] for line in logs[of] if name in line] for name, of in (("loss", "sft"), ("reward", "rl"))
    }
    return Run(curve, imitated, planned, calls)


def forgetful(planner: Planner) -> Planner:
    """The planner with a stop head that knows nothing."""
    torch.manual_seed(0)
    planner.model.stop_head.load_state_dict(StopHead(planner.model.config.hidden_size).state_dict())
    return planner


def right_share(planner: Planner, test: Sequence[Problem]) -> float:
    """Share of questions with a right answer and a right chain, by the package's own judges, greedily."""
    trace = planner.reason(test)
    rows = zip(test, trace.steps, trace.answers, strict=True)
    return sum(REFERENCE["verify"](problem.question, steps, answer) for problem, steps, answer in rows) / len(test)


@contextmanager
def put_in(parts: Parts, calls: Counter[str]) -> Iterator[None]:
    """While the block runs, the package computes with these parts; `calls` counts how often each is asked.

    Afterwards everything is as it was, also where a part has raised.
    """

    def counted(name: str) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            calls[name] += 1
            return parts[name](*arguments)

        return called

    own = {name: counted(name) for name in REFERENCE}
    with ExitStack() as stack:
        for owner, name, part in (
            (LatentReasoner, "think", thinking(own["think"])),
            (distributions, "reparameterise", drawing(own["reparameterise"])),
            (distributions, "kl_divergence", own["kl"]),
            (StepDecoder, "loss", decoding(own["decoder_loss"])),
            (losses, "stop_loss", own["stop_loss"]),
        ):
            stack.enter_context(mock.patch.object(owner, name, part))
        stack.enter_context(mock.patch.dict(REWARDS, verify=rewarding(own["verify"])))
        stack.enter_context(mock.patch.dict(ADVANTAGES, mine=own["advantages"]))
        stack.enter_context(mock.patch.dict(ESTIMATORS, mine=estimating(own["surrogate"])))
        yield


def thinking(part: Callable[..., Tensor]) -> Callable[..., Thought]:
    """`LatentReasoner.think` that makes the latents of a labelled batch by a learner's loop.

    The rows of such a batch think equally long. Where they stop by themselves the package's loop thinks.
    """
    package = LatentReasoner.think

    def think(model: LatentReasoner, question: Tensor, question_mask: Tensor, **how: Any) -> Thought:
        lengths = how.get("lengths")
        if lengths is None or not len(lengths) or not int(lengths[0]) or bool((lengths != lengths[0]).any()):
            return package(model, question, question_mask, **how)
        context, states = read(model.backbone, model.embed(question), question_mask)
        said, hiddens, ones = [], [], torch.ones_like(question[:, :1])

        def imagine(hidden: Tensor) -> Tensor:
            hiddens.append(hidden)
            said.append(model.latent_head(hidden))
            return said[-1].draw(how.get("generator")) if how.get("sample") else said[-1].mode

        def read_latent(latent: Tensor) -> Tensor:
            nonlocal context
            context, states = read(model.backbone, model.feed(latent)[:, None], ones, context)
            return states[:, -1]

        latents = part(imagine, read_latent, states[:, -1], int(lengths[0]))
        hidden = torch.stack(hiddens, 1)
        distribution = said[0].combine(said, lambda tensors: torch.stack(tensors, 1))
        real = torch.ones(latents.shape[:2], dtype=torch.bool)
        stop = model.stop_head(hidden)
        return Thought(question, question_mask, 1, distribution, latents, real, stop, ~real, hidden, context)

    return think


def drawing(part: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`reparameterise` that gets its noise from the package."""
    return lambda mu, logvar, generator=None: part(mu, logvar, normal_like(mu, generator))


def decoding(part: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`StepDecoder.loss` by a learner's loss of the scores."""

    def loss(decoder: StepDecoder, latents: Tensor, steps: Tensor, mask: Tensor) -> Tensor:
        real = mask.bool().any(-1)  # (B, S) those that are a step at all
        if not real.any():
            return latents.new_zeros(())
        prefix, tokens = decoder.prefix(latents)[real], steps[real]  # (N, c, width), (N, W)
        embeds = torch.cat([prefix, decoder.lm.get_input_embeddings()(tokens[:, :-1])], dim=1)
        logits = decoder.lm(inputs_embeds=embeds).logits[:, decoder.latents_per_step - 1 :]  # (N, W, V)
        return part(logits, tokens, mask[real].bool())

    return loss


def rewarding(part: Callable[..., float]) -> Callable[..., Tensor]:
    """A reward by a learner's verifier of one chain."""

    def reward(trace: Any, problems: Sequence[Problem]) -> Tensor:
        rows = zip(problems, trace.chains, trace.answers, strict=True)
        return torch.tensor([float(part(p.question, list(steps), answer)) for p, steps, answer in rows])

    return reward


def estimating(part: Callable[..., Tensor]) -> Callable[..., Estimate]:
    """The estimator `decoder` with a learner's objective of an action, which here is the text of a thought.

    rho = p_phi(text_t | l_t) now over what it was when the try was made; the gradient goes through l_t.
    """

    def estimate(model: LatentReasoner, samples: Samples, settings: RLSettings) -> Estimate:
        trace, c = samples.trace, model.config.latents_per_step
        replay = model.replay(trace)
        latents = replay.distribution.redraw(trace.latents, trace.distribution)  # (B, T, d), with gradient
        written = trace.step_tokens != model.config.pad_id  # (B, S, W)
        new = model.decoder.log_prob(latents[:, : written.shape[1] * c], trace.step_tokens, written)  # (B, S)
        log_ratio = new - (trace.step_log_probs * written).sum(-1)
        ratio = log_ratio.clamp(-settings.log_ratio_limit, settings.log_ratio_limit).exp()
        steps = written.any(-1)
        objective = part(ratio, samples.advantages[:, None].expand_as(ratio), settings.clip)
        per_trajectory = (objective * steps).sum(1) / steps.sum(1).clamp(min=1)
        return Estimate(-per_trajectory.mean(), {"ratio": float(ratio.detach().mean())}, float(steps.sum()), replay)

    return estimate


def main() -> None:
    """Write the curve of the package's own parts."""
    found = run({})
    rounded = {name: [round(value, 4) for value in values] for name, values in found.curve.items()}
    shares = {"imitated": round(found.imitated, 3), "planned": round(found.planned, 3)}
    CURVE.parent.mkdir(parents=True, exist_ok=True)
    CURVE.write_text(json.dumps(rounded | shares) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
