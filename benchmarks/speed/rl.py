"""Where the time of a reinforcement learning step goes."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from unittest import mock

import torch

from atp_lite.domains import Problem, generate
from atp_lite.model import LatentReasoner
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, GRPO, REGIMES
from atp_lite.rl import OBJECTIVES, RLSettings, objectives
from atp_lite.rl.learner import Learner
from benchmarks.speed.clock import now
from benchmarks.speed.models import planner, problems

COHERENCE = 0.15
"""The share of a step that decoding and rewards may take."""


@dataclass(frozen=True)
class Split:
    """Median shares of a step, and its seconds. `update` holds replay, backward and optimizer."""

    name: str
    seconds: float
    rollout: float
    decode: float
    reward: float
    update: float
    rest: float
    limit: float | None = None
    """What decoding and rewards should not exceed, where something is promised."""

    @property
    def coherence(self) -> float:
        """Decoding the thoughts and computing the rewards."""
        return self.decode + self.reward


PLACES = {
    "decode": ((LatentReasoner, "decode"), (Planner, "step_texts")),
    "reward": ((objectives, "score"), (objectives, "rollout_metrics")),
    "rollout": ((Planner, "reason"),),  # decodes too: taken off below
    "update": ((objectives, "improve_policy"),),
}


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Seconds spent in every part of `PLACES` while this is open."""
    spent = dict.fromkeys(PLACES, 0.0)

    def timed(part: str, function):
        def call(*arguments, **named):
            start = now()
            try:
                return function(*arguments, **named)
            finally:
                spent[part] += now() - start

        return call

    with ExitStack() as stack:
        for part, places in PLACES.items():
            for owner, name in places:
                stack.enter_context(mock.patch.object(owner, name, timed(part, getattr(owner, name))))
        yield spent
    spent["rollout"] -= spent["decode"]


def split(
    name: str, start: Planner, questions: list[Problem], settings: RLSettings, rounds: int, limit: float | None = None
) -> Split:
    """Shares of `rounds` steps after one to warm up."""
    with tempfile.TemporaryDirectory() as folder:
        learner = Learner(start, settings, folder)
    learner.choose_sigma(questions)
    shares: dict[str, list[float]] = {part: [] for part in (*PLACES, "rest", "seconds")}
    for i in range(rounds + 1):
        chosen = questions[i * settings.questions :][: settings.questions]  # new ones: no text was parsed before
        begin = now()
        with watched() as spent:
            OBJECTIVES["grpo"].iterate(learner, chosen, i + 1)  # 0 measures the KL too
        whole = now() - begin
        if i:
            for part, seconds in spent.items():
                shares[part].append(seconds / whole)
            shares["rest"].append(1 - sum(spent.values()) / whole)
            shares["seconds"].append(whole)
    return Split(name, **{part: statistics.median(values) for part, values in shares.items()}, limit=limit)


def splits(rounds: int = 5) -> list[Split]:
    """The model of this benchmark with the paper's batch, and the bundled planner with its own recipe."""
    large = planner("atp", latents=6)
    with torch.no_grad():
        large.model.stop_head.layers[2].bias.fill_(-100.0)  # everyone thinks to the limit
    settings = RLSettings(questions=16, group_size=8)
    asked = [replace(problem, answer="7") for problem in problems(settings.questions * (rounds + 1), 6)]
    found = [split("hidden 256, 16 questions x 8, T=6", large, asked, settings, rounds, COHERENCE)]
    bundled = Planner.from_pretrained(CHECKPOINTS / "atp-sft")
    questions = generate(REGIMES["clean"], "test")[: GRPO.questions * (rounds + 1)]
    name = f"bundled toy, {GRPO.questions} questions x {GRPO.group_size}"
    return [*found, split(name, bundled, questions, GRPO, rounds)]
