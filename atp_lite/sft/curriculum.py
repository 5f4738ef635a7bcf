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
    """Batches of problems of like length, so that little or nothing is padded.

    Every epoch is a fresh order of all problems, drawn from (seed, epoch).

    Args:
        bucket: 0 puts problems of the same question length and number of steps together, so that nothing is padded; a
            group too small for one batch is filled up from itself. That suits toys, where lengths repeat. n above 0
            suits text: the epoch's order is cut into buckets of n batches, and each is sorted by length before it is
            cut into batches. Every problem then comes once an epoch, but for the few that fill up the last batch.
    """

    def __init__(self, problems: Sequence[Encoded], batch_size: int, seed: int, bucket: int = 0) -> None:
        if not problems:
            raise ValueError("no problems to train on: the file or split is empty")
        if bucket < 0:
            raise ValueError(f"bucket is {bucket}: give a number of batches, or 0 for batches of one shape")
        self.problems = problems
        self.batch_size = batch_size
        self.seed = seed
        self.bucket = bucket
        self.shapes: dict[tuple[int, int], list[int]] = {}
        for i, problem in enumerate(problems):
            self.shapes.setdefault((len(problem.question), len(problem.steps)), []).append(i)
        groups = [len(problems)] if bucket else map(len, self.shapes.values())
        self.batches_per_epoch = sum(-(-size // batch_size) for size in groups)
        self._order = lru_cache(maxsize=1)(self._epoch)

    def _epoch(self, epoch: int) -> list[list[int]]:
        rng = random.Random(f"{self.seed}-{epoch}")
        batches = []
        if self.bucket:
            order = self._filled(range(len(self.problems)), rng)
            size = self.bucket * self.batch_size
            for start in range(0, len(order), size):
                batches += self._cut(sorted(order[start : start + size], key=self._length))
        else:
            for shape in sorted(self.shapes):
                batches += self._cut(self._filled(self.shapes[shape], rng))
        rng.shuffle(batches)
        return batches

    def _filled(self, places: Sequence[int], rng: random.Random) -> list[int]:
        """These problems in a random order, the first of them once more where the last batch would be too small."""
        order = list(places)
        rng.shuffle(order)
        return order + [order[i % len(order)] for i in range(-len(order) % self.batch_size)]

    def _cut(self, order: list[int]) -> list[list[int]]:
        return [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]

    def _length(self, place: int) -> int:
        """Tokens of a problem with all its steps in words."""
        row = self.problems[place]
        return len(row.question) + sum(map(len, row.steps)) + len(row.answer)

    def batch(self, step: int) -> list[Encoded]:
        """The problems of optimizer step `step`."""
        epoch, position = divmod(step, self.batches_per_epoch)
        return [self.problems[i] for i in self._order(epoch)[position]]
