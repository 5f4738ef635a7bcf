"""Small maps of square cells: which hops are legal, how far it is, and how many shortest routes there are."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LARGEST = 9
"""Cells on a side, at most: the size is one digit of the question."""
QUESTION = re.compile(r"\s*(\d)\s*:((?:\s*[a-z]{2}\b)*)\s*:\s*([a-z]{2})\s+to\s+([a-z]{2})\s*")


@dataclass(frozen=True)
class Hop:
    """One step of a route, from a cell to a neighbour; `legal` where both are free cells of the map, side by side."""

    start: str
    end: str
    legal: bool

    @property
    def operands(self) -> tuple[str, ...]:
        return (self.start,)

    @property
    def rhs(self) -> str:
        return self.end

    @property
    def value(self) -> str | None:
        """Where the hop really leads: nowhere, if it is not legal."""
        return self.end if self.legal else None

    @property
    def is_right(self) -> bool:
        return self.legal

    def __str__(self) -> str:
        return f"{self.start}>{self.end}"


@dataclass(frozen=True)
class Route:
    """A question: a map of `size` x `size` cells, some of them blocked, a start and a goal.

    A cell is two letters, its row and its column: `aa` is in the corner, `ab` to its right.

    Raises:
        ValueError: a cell that is not on the map, a start or goal that is blocked, or a size out of range.
    """

    size: int
    blocked: frozenset[str]
    start: str
    goal: str

    def __post_init__(self) -> None:
        if not 2 <= self.size <= LARGEST:
            raise ValueError(f"a map of {self.size} x {self.size} cells: give a size of 2 to {LARGEST}")
        for cell in sorted(self.blocked | {self.start, self.goal}):
            if cell not in cells(self.size):
                last = cells(self.size)[-1]
                raise ValueError(f"{cell!r} is not on a map of {self.size} x {self.size} cells: use aa to {last}")
        for cell, what in ((self.start, "start"), (self.goal, "goal")):
            if cell in self.blocked:
                raise ValueError(f"the {what} {cell!r} is blocked: choose a free cell")

    @property
    def text(self) -> str:
        """The question as the model reads it: `5 : ab cd : aa to de`."""
        return f"{self.size} : {''.join(f'{cell} ' for cell in sorted(self.blocked))}: {self.start} to {self.goal}"

    @property
    def map_text(self) -> str:
        """The map alone, without start and goal."""
        return f"{self.size} : {' '.join(sorted(self.blocked))}"

    @cached_property
    def distances(self) -> dict[str, int]:
        """Hops from each cell to the goal, by breadth-first search; cells from which it cannot be reached are left out.
        """
        found, queue = {self.goal: 0}, deque([self.goal])
        while queue:
            cell = queue.popleft()
            for other in self.neighbours(cell):
                if other not in found:
                    found[other] = found[cell] + 1
                    queue.append(other)
        return found

    @property
    def distance(self) -> int | None:
        """Hops of a shortest route; None where there is none."""
        return self.distances.get(self.start)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many shortest routes lead from each cell to the goal: the sum over the neighbours that are nearer."""
        ways = {self.goal: 1}
        for cell in sorted(self.distances, key=self.distances.__getitem__):
            if cell != self.goal:
                ways[cell] = sum(ways[other] for other in self.nearer(cell))
        return ways

    def neighbours(self, cell: str) -> list[str]:
        """Free cells beside a cell."""
        return [other for other in beside(self.size)[cell] if other not in self.blocked]

    def nearer(self, cell: str) -> list[str]:
        """The neighbours from which the goal is one hop less away."""
        return [other for other in self.neighbours(cell) if self.distances.get(other, -1) == self.distances[cell] - 1]

    def hop(self, text: str) -> Hop | None:
        """What a step such as `aa>ab` says; None where it is none."""
        parts = re.fullmatch(r"\s*([a-z]{2})\s*>\s*([a-z]{2})\s*", text)
        if parts is None:
            return None
        start, end = parts.groups()
        free = start in beside(self.size) and start not in self.blocked
        return Hop(start, end, free and end in self.neighbours(start))

    def shortest(self) -> Iterator[tuple[str, ...]]:
        """Every shortest route as its cells, lazily, in alphabetical order."""
        if self.distance is None:
            return
        paths: list[tuple[str, ...]] = [(self.start,)]
        while paths:
            path = paths.pop()
            if path[-1] == self.goal:
                yield path
            paths += [(*path, other) for other in sorted(self.nearer(path[-1]), reverse=True)]


def read_route(text: str) -> Route:
    """The route that a question asks for. Raises ValueError that says how to write one."""
    found = QUESTION.fullmatch(text.lower())
    if found is None:
        raise ValueError(
            f"{text!r:.80} is no question about a route: write the size, the blocked cells, start and goal, such as "
            "5 : ab cd : aa to de"
        )
    size, blocked, start, goal = found.groups()
    return Route(int(size), frozenset(blocked.split()), start, goal)


@lru_cache(maxsize=100_000)
def route_of(question: str) -> Route:
    """`read_route`, remembered: verifiers ask for the same questions again and again."""
    return read_route(question)


@lru_cache
def cells(size: int) -> tuple[str, ...]:
    """Every cell of a map, row by row."""
    return tuple(row + column for row in LETTERS[:size] for column in LETTERS[:size])


@lru_cache
def beside(size: int) -> dict[str, tuple[str, ...]]:
    """The cells above, below, left and right of each cell."""
    places = {cell: divmod(i, size) for i, cell in enumerate(cells(size))}
    at = {place: cell for cell, place in places.items()}
    moves = ((-1, 0), (1, 0), (0, -1), (0, 1))
    return {
        cell: tuple(at[row + up, column + right] for up, right in moves if (row + up, column + right) in at)
        for cell, (row, column) in places.items()
    }
