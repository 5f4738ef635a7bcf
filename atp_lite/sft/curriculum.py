"""Which stage a step belongs to, and which problems are in its batch: pure functions of the step number.

Since nothing here has a state, a resumed run sees exactly the batches it would have seen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from atp_lite.tokens import Encoded


@dataclass(frozen=True)
class Curriculum:
    """Stage k makes the first k steps latent. Stage `first_stage + i` lasts `stage_steps[i]` optimizer steps.

    >>> [Curriculum(first_stage=1, stage_steps=(2, 3)).stage(step) for step in range(5)]
    [1, 1, 2, 2, 2]
    """

    first_stage: int
    stage_steps: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.first_stage < 0 or not self.stage_steps or min(self.stage_steps) < 0 or self.stage_steps[-1] == 0:
            raise ValueError(
                f"a curriculum from stage {self.first_stage} with steps {self.stage_steps}: stages start at 0, each "
                "needs a number of steps, the last at least 1, for example --first-stage 1 --stage-steps 300 300 2000"
            )

    @property
    def total_steps(self) -> int:
        return sum(self.stage_steps)

    @property
    def last_stage_start(self) -> int:
        """The step at which the last stage begins."""
        return self.total_steps - self.stage_steps[-1]

    @property
    def last_stage(self) -> int:
        return self.first_stage + len(self.stage_steps) - 1

    def stage(self, step: int) -> int:
        """The stage of optimizer step `step`, counted from 0."""
        for i, steps in enumerate(self.stage_steps):
            if step < steps:
                return self.first_stage + i
            step -= steps
        return self.last_stage


class BatchPlan:
    """Batches of problems with the same question length and number of steps, so that nothing is padded.

    Every epoch is a fresh order of all problems, drawn from (seed, epoch). A bucket too small for one batch is
    filled up from itself.
    """

    def __init__(self, problems: Sequence[Encoded], batch_size: int, seed: int) -> None:
        if not problems:
            raise ValueError("no problems to train on: the file or split is empty")
        self.problems = problems
        self.batch_size = batch_size
        self.seed = seed
        self.buckets: dict[tuple[int, int], list[int]] = {}
        for i, problem in enumerate(problems):
            self.buckets.setdefault((len(problem.question), len(problem.steps)), []).append(i)
        self.batches_per_epoch = sum(-(-len(bucket) // batch_size) for bucket in self.buckets.values())
        self._order = lru_cache(maxsize=1)(self._epoch)

    def _epoch(self, epoch: int) -> list[list[int]]:
        rng = random.Random(f"{self.seed}-{epoch}")
        batches = []
        for key in sorted(self.buckets):
            order = self.buckets[key][:]
            rng.shuffle(order)
            short = -len(order) % self.batch_size
            order += [order[i % len(order)] for i in range(short)]
            batches += [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        rng.shuffle(batches)
        return batches

    def batch(self, step: int) -> list[Encoded]:
        """The problems of optimizer step `step`."""
        epoch, position = divmod(step, self.batches_per_epoch)
        return [self.problems[i] for i in self._order(epoch)[position]]
