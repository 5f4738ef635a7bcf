"""path-star: several arms leave one node; which of them leads to the goal? (Bachmann and Nagarajan, arXiv 2403.06963)

> 4 9 | 7 2 | 7 4 | 2 5 : 7 to 9

A step is an edge, `7>4`; the answer is the goal. The hard step is the first one: which arm it is can only be seen from
its end, so a model that learns to write the next hop has little to learn it from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from atp_lite.domains.coherence import Coherence, coherence
from atp_lite.domains.domain import DOMAINS, Vocabulary
from atp_lite.domains.gym import GymDomain
from atp_lite.domains.gym.gsm_symbolic import LabelledStep
from atp_lite.domains.problem import Problem
from atp_lite.domains.routes.maps import Hop

QUESTION = re.compile(r"\s*(\d+ \d+(?: \| \d+ \d+)*) : (\d+) to (\d+)\s*")


@dataclass(frozen=True)
class PathStarSettings:
    """Which graphs are made."""

    degree: int = 3
    """Arms of the star."""
    min_hops: int = 2
    """Shortest arms."""
    max_hops: int = 4
    """Longest arms."""
    labels: int = 50
    """Nodes are called 0 to labels - 1."""
    seed: int = 0
    """Seed of everything random, except which split a graph belongs to."""

    def __post_init__(self) -> None:
        for name, holds, way_out in (
            ("degree", self.degree >= 2, "use 2 or more"),
            ("seed", self.seed >= 0, "use 0 or more"),
            ("min_hops", 2 <= self.min_hops <= self.max_hops, f"use 2 to max_hops ({self.max_hops})"),
            ("labels", self.labels > self.degree * self.max_hops + 1, "use more than degree * max_hops + 1"),
        ):
            if not holds:
                raise ValueError(f"PathStarSettings.{name} = {getattr(self, name)}: {way_out}")

    @property
    def stream(self) -> tuple[object, ...]:
        """What the random numbers depend on, besides their use."""
        return (self.seed,)


@dataclass(frozen=True)
class Star:
    """A question, read: the edges, where the way begins and where it ends."""

    edges: frozenset[tuple[str, str]]
    start: str
    goal: str

    def hop(self, text: str) -> Hop | None:
        """What a step such as `7>4` says; None where it is none."""
        found = re.fullmatch(r"\s*(\d+)\s*>\s*(\d+)\s*", text)
        return Hop(found[1], found[2], (found[1], found[2]) in self.edges) if found else None

    @property
    def path(self) -> tuple[str, ...]:
        """The nodes from start to goal, of which there is one way. Raises ValueError where there is none."""
        before = {end: start for start, end in self.edges}
        way = [self.goal]
        while way[-1] != self.start:
            if way[-1] not in before or len(way) > len(self.edges):
                raise ValueError(f"no way leads from {self.start} to {self.goal}: choose another goal")
            way.append(before[way[-1]])
        return tuple(reversed(way))


@lru_cache(maxsize=100_000)
def read_star(text: str) -> Star:
    """Raises ValueError for a text that is no such question."""
    found = QUESTION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r:.80} is no star of paths: write edges, start and goal, 1 2 | 1 3 | 2 4 : 1 to 4")
    edges = [tuple(edge.split()) for edge in found[1].split(" | ")]
    return Star(frozenset((start, end) for start, end in edges), found[2], found[3])


@DOMAINS.register("path-star")
class PathStar(GymDomain):
    """The one way to a goal in a star of paths."""

    task = "path_star"
    settings_class = PathStarSettings
    about = "ways in stars of paths"
    example = "4 9 | 7 2 | 7 4 | 2 5 : 7 to 9"
    ruler = "edges of the graph"

    def default_counts(self, split: str, settings: PathStarSettings) -> dict[int, int]:
        each = {"train": 8000, "rl": 800, "validation": 100, "test": 300}[split]
        return dict.fromkeys(range(settings.min_hops, settings.max_hops + 1), each)

    def task_options(self, settings: PathStarSettings, n: int) -> dict[str, Any]:
        return {"degree": settings.degree, "node_range": settings.labels, "min_path_length": n, "max_path_length": n}

    def from_entry(self, entry: Mapping[str, Any], settings: PathStarSettings) -> Problem:
        facts = entry["metadata"]
        task = re.findall(r"\|(\d+ \d+)", entry["question"].rpartition("Solve the following task:")[2])
        return self.read_question(f"{' | '.join(task)} : {facts['center']} to {facts['goal']}")

    def vocabulary(self, settings: PathStarSettings) -> Vocabulary:
        return Vocabulary((*map(str, range(settings.labels)), "|", ":", ">", "to"))

    def recognises(self, text: str) -> bool:
        return QUESTION.fullmatch(text) is not None

    def read_question(self, text: str) -> Problem:
        star = read_star(text)
        path = star.path
        return Problem(text.strip(), tuple(f"{a}>{b}" for a, b in zip(path, path[1:], strict=False)), star.goal)

    def read_step(self, text: str) -> Hop | None:
        """An edge; without its graph it counts as one."""
        hop = Star(frozenset(), "", "").hop(text)
        return None if hop is None else replace(hop, legal=True)

    def read_answer(self, text: str) -> str | None:
        return text.strip() or None

    def needed_steps(self, question: str) -> Sequence[LabelledStep]:
        """The edges of the one way, each after the one before."""
        steps = self.read_question(question).steps
        return [LabelledStep(text, (i - 1,) if i else ()) for i, text in enumerate(steps)]

    def coherence(self, steps: Sequence[str], answer: str, question: str = "") -> Coherence:
        """A step is valid if it is an edge, coherent if a later one begins where it ends, or it ends at the answer."""
        return coherence(steps, answer, read_star(question).hop, self.read_answer)
