"""Problems of reasoning-gym (Apache-2.0), which makes them without end: gsm-symbolic, countdown, path-star.

It is asked for numbers, stories and graphs, never for a verdict: answers and chains are judged here, exactly and
without evaluating text as code. Install it with `pip install 'atp-lite[gym]'`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, ClassVar

from atp_lite.domains.domain import Domain
from atp_lite.domains.made import as_split, random_stream, split_of_core
from atp_lite.domains.problem import Problem

BLOCK = 1000
"""Problems that are asked for at once."""
DRAWS = 20_000
"""Problems that are drawn, one after the other, before it is said that there is no further one."""


def entries(task: str, seed: int, **options: Any) -> Iterator[dict[str, Any]]:
    """What reasoning-gym makes, without end: dictionaries with `question`, `answer` and `metadata`.

    A task that has templates says in `metadata["template"]` which one it took.

    Raises:
        ValueError: reasoning-gym is not installed.
    """
    try:
        from reasoning_gym import create_dataset
    except ImportError as error:
        raise ValueError(f"{task} comes from reasoning-gym, which is missing: pip install 'atp-lite[gym]'") from error
    for start in count(0, BLOCK):
        made = create_dataset(task, seed=seed + start, size=BLOCK, **options)
        templates = getattr(made, "task_indices", [None] * BLOCK)
        for i in range(BLOCK):
            entry = made[i]
            yield entry | {"metadata": entry["metadata"] | {"template": templates[i]}}


class GymDomain(Domain):
    """A domain whose problems are drawn from a task of reasoning-gym."""

    task: ClassVar[str]
    """Its name there."""

    @abstractmethod
    def task_options(self, settings: Any, n: int) -> dict[str, Any]:
        """Settings of the task for problems of n steps."""

    @abstractmethod
    def from_entry(self, entry: Mapping[str, Any], settings: Any) -> Problem | None:
        """The problem of an entry; None where it cannot be used."""

    def split_key(self, entry: Mapping[str, Any], problem: Problem, settings: Any) -> str:
        """What problems share that must not be in two splits."""
        return self.question_key(problem.question)

    def generate(self, settings: Any, split: str, counts: Mapping[int, int] | None = None) -> list[Problem]:
        """Distinct problems of one split, `counts[n]` of them with n steps, shuffled together.

        Raises ValueError where reasoning-gym is missing, or too few are found.
        """
        split = as_split(split)
        made: list[Problem] = []
        for n, wanted in sorted((self.default_counts(split, settings) if counts is None else counts).items()):
            found: dict[str, Problem] = {}
            failures = 0
            drawn = entries(self.task, settings.seed, **self.task_options(settings, n)) if wanted else iter(())
            while len(found) < wanted:
                entry = next(drawn)
                problem = self.from_entry(entry, settings)
                failures += 1
                if problem is None or len(problem.steps) != n:
                    pass
                elif split_of_core(self.split_key(entry, problem, settings)) == split:
                    key = self.question_key(problem.question)
                    failures = failures if key in found else 0
                    found.setdefault(key, problem)
                if failures > DRAWS:
                    raise ValueError(
                        f"{wanted} problems of {n} steps were asked of the {split!r} split of {self.name}, but only "
                        f"{len(found)} were found: ask for fewer, or widen its settings"
                    )
            made += found.values()
        random_stream(settings, self.name, split, "order").shuffle(made)
        source = f"{self.name}/{split}"
        return [replace(p, id=f"{self.name}-{split}-{i:06d}", source=source) for i, p in enumerate(made, start=1)]
