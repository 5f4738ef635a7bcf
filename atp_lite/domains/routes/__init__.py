"""Routes on a small map: several are equally short, a label shows one, and every hop can be checked off the question.

The question `5 : ab cd : aa to de` asks for the way from cell `aa` to cell `de` on a map of 5 x 5 cells, two of them
blocked; a step is a hop, `aa>ba`; the answer is the goal. What is right needs no label: a legal walk that arrives.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from atp_lite.domains.chains import ChainVerdict, Rest
from atp_lite.domains.coherence import Coherence, StepUse
from atp_lite.domains.domain import DOMAINS, Domain, NotMeasured, Vocabulary
from atp_lite.domains.made import as_split, random_stream, split_of_core
from atp_lite.domains.problem import Problem
from atp_lite.domains.routes.maps import LARGEST, Hop, Route, cells, read_route, route_of

__all__ = ["Hop", "Route", "RouteSettings", "Routes", "read_route", "route_of"]
DRAWS = 100_000
"""Maps that are drawn, one after the other, before it is said that there is no further question."""


@dataclass(frozen=True)
class RouteSettings:
    """Which maps and routes are made."""

    size: int = 5
    """Cells on a side (2 to 9)."""
    blocked: int = 5
    """Blocked cells of a map."""
    min_hops: int = 2
    """Shortest distance from start to goal, at least."""
    max_hops: int = 6
    """The same, at most."""
    detour: int = 0
    """Hops by which a training label's walk may be longer than the shortest: 0, 2, 4 (a detour has an even number)."""
    seed: int = 0
    """Seed of everything random, except which split a map belongs to."""

    def __post_init__(self) -> None:
        free = self.size * self.size - self.blocked
        for name, holds, way_out in (
            ("size", 2 <= self.size <= LARGEST, f"use 2 to {LARGEST}"),
            ("blocked", self.blocked >= 0 and free >= 2, "leave two cells free at least, and give 0 or more"),
            ("min_hops", 1 <= self.min_hops <= self.max_hops, f"use 1 to max_hops ({self.max_hops})"),
            ("max_hops", self.max_hops < free, f"a map with {free} free cells has no longer way: use less than that"),
            ("detour", self.detour >= 0 and self.detour % 2 == 0, "use an even number of hops, or 0"),
            ("seed", self.seed >= 0, "use 0 or more"),
        ):
            if not holds:
                raise ValueError(f"RouteSettings.{name} = {getattr(self, name)}: {way_out}")

    @property
    def stream(self) -> tuple[object, ...]:
        """What the random numbers depend on, besides their use."""
        return ("routes", self.size, self.blocked, self.seed)


@DOMAINS.register("routes")
class Routes(Domain):
    """Shortest routes on maps with blocked cells."""

    settings_class = RouteSettings
    about = "routes on small maps"
    example = "5 : ab bd cb dd eb : aa to ce"
    bundled = "routes-step"
    ruler = "legal hops"

    def recognises(self, text: str) -> bool:
        """What ends with `: start to goal`."""
        return re.search(r":\s*\w+\s+to\s+\w+\s*$", text, re.IGNORECASE) is not None

    # ------------------------------------------------------------------ problems

    def read_question(self, text: str) -> Problem:
        """Raises ValueError for a text that is no question about a route, or a goal that cannot be reached."""
        route = read_route(text)
        if not route.distance:
            reason = "start and goal are the same cell" if route.distance == 0 else "the goal cannot be reached"
            raise ValueError(f"{route.text!r}: {reason}; choose another goal, or block fewer cells")
        return Problem(route.text, hops_of(next(route.shortest())), route.goal)

    def split_of(self, question: str) -> str:
        """The split of a question, by a hash of its map: no map of the test split is seen in training."""
        return split_of_core(route_of(question).map_text)

    def default_counts(self, split: str, settings: RouteSettings) -> dict[int, int]:
        each = {"train": 8000, "rl": 800, "validation": 80, "test": 300}[as_split(split)]
        return dict.fromkeys(range(settings.min_hops, settings.max_hops + 1), each)

    def generate(self, settings: RouteSettings, split: str, counts: Mapping[int, int] | None = None) -> list[Problem]:
        """Distinct questions of one split, `counts[n]` of them with n hops; a label is one shortest route, at random.

        Raises ValueError for a number of hops outside the settings, and where no such question is found.
        """
        split = as_split(split)
        made: list[Problem] = []
        for hops, count in sorted((self.default_counts(split, settings) if counts is None else counts).items()):
            if not settings.min_hops <= hops <= settings.max_hops or count < 0:
                raise ValueError(
                    f"counts[{hops}] = {count}: ask for 0 or more routes of {settings.min_hops} to {settings.max_hops} "
                    "hops, or change min_hops and max_hops"
                )
            rng, found = random_stream(settings, split, hops), dict[str, Problem]()
            failures = 0
            while len(found) < count:
                route = draw_route(settings, rng, hops, split)
                if route is None or route.text in found:
                    failures += 1
                    if failures > DRAWS:
                        raise ValueError(
                            f"{count} routes of {hops} hops were asked of the {split!r} split, but only {len(found)} "
                            "were found: ask for fewer, or change size and blocked"
                        )
                    continue
                failures = 0
                extra = settings.detour if split == "train" else 0
                found[route.text] = Problem(route.text, hops_of(draw_walk(route, extra, rng)), route.goal)
            made += found.values()
        random_stream(settings, split, "order").shuffle(made)
        source = f"routes/{split}"
        return [replace(p, id=f"routes-{split}-{i:06d}", source=source) for i, p in enumerate(made, start=1)]

    def vocabulary(self, settings: RouteSettings) -> Vocabulary:
        return Vocabulary((*cells(settings.size), str(settings.size), ":", ">", "to"))

    def counterfactual(
        self, problem: Problem, rng: random.Random, place: int | None = None
    ) -> tuple[int, Problem] | None:
        """One hop goes elsewhere, legally; from there a shortest route follows, each equally likely."""
        route = route_of(problem.question)
        place = rng.randrange(len(problem.steps)) if place is None else place
        before, hop = problem.steps[:place], route.hop(problem.steps[place])
        if hop is None or not hop.legal:
            return None
        options = [cell for cell in route.neighbours(hop.start) if cell not in (hop.end, route.goal)]
        if not options:
            return None
        aside = rng.choice(options)
        path = draw_walk(replace(route, start=aside), 0, rng)
        return place, replace(problem, steps=(*before, *hops_of((hop.start, *path))))

    def substitute(self, problem: Problem, place: int, step: str) -> Problem | None:
        """Any legal hop that leads elsewhere, wherever it begins; from its end a shortest route follows."""
        route = self._route(problem.question)
        hop, own = route.hop(step), route.hop(problem.steps[place])
        if hop is None or own is None or not hop.legal or hop.end in (own.end, route.goal):
            return None
        path = next(replace(route, start=hop.end).shortest(), None)
        return None if path is None else replace(problem, steps=(*problem.steps[:place], str(hop), *hops_of(path)))

    def follows(self, problem: Problem, place: int, step: str, steps: Sequence[str]) -> Rest:
        """Whether the hops after `place` are a legal walk that begins where `step` ends, and whether it arrives."""
        route = self._route(problem.question)
        hop = route.hop(step)
        if hop is None or not hop.legal:
            raise NotMeasured(f"{step!r} is no legal hop of {route.text!r}, so nothing follows from it")
        onward = replace(problem, question=replace(route, start=hop.end).text)
        rest = self.verify(onward, steps[place + 1 :])
        return Rest(follows=rest.in_place == rest.taken > 0, arrives=rest.arrives)

    # ------------------------------------------------------------------ judging

    def read_step(self, text: str) -> Hop | None:
        """A hop; without its map it counts as legal where the two cells are neighbours."""
        return Route(LARGEST, frozenset(), "aa", "ab").hop(text)

    def read_answer(self, text: str) -> str | None:
        return text.strip() or None

    def coherence(self, steps: Sequence[str], answer: str, question: str = "") -> Coherence:
        """A hop is valid if it is legal on the map, coherent if the next one begins where it ends, or if it arrives."""
        route = self._route(question)
        hops = [route.hop(step) for step in steps]
        uses = []
        for i, (text, hop) in enumerate(zip(steps, hops, strict=True)):
            last = i + 1 == len(hops)
            following = None if last else hops[i + 1]
            used = hop is not None and following is not None and following.start == hop.end
            arrives = hop is not None and last and hop.end == route.goal
            uses.append(StepUse(text, hop, (i + 1,) if used else (), arrives))
        return Coherence(tuple(uses))

    def verify(self, problem: Problem, steps: Sequence[str]) -> ChainVerdict:
        """Whether the hops are a shortest route: `done` counts the hops by which an unbroken walk has come nearer.

        `in_place` are the hops that are legal and begin where the last one ended, `arrives` says whether all do and the
        last one ends at the goal, be it by a longer way.
        """
        route = self._route(problem.question)
        at, in_place, unbroken, reached = route.start, 0, True, route.start
        for hop in map(route.hop, steps):
            fits = hop is not None and hop.legal and hop.start == at
            in_place += fits
            unbroken = unbroken and fits
            at = "" if hop is None else hop.end
            reached = at if unbroken else reached
        needed = route.distances[route.start]
        done = max(0, needed - route.distances[reached])
        arrives = unbroken and reached == route.goal and bool(steps)
        return ChainVerdict(needed, done, len(steps), in_place=in_place, arrives=arrives)

    def equivalent_chains(self, problem: Problem) -> Iterator[tuple[str, ...]]:
        """Every shortest route as its hops. Lazy."""
        for path in self._route(problem.question).shortest():
            yield hops_of(path)

    def count_chains(self, problem: Problem) -> int:
        """How many shortest routes there are, by dynamic programming over the distances to the goal."""
        route = self._route(problem.question)
        return route.counts[route.start]

    def _route(self, question: str) -> Route:
        try:
            route = route_of(question)
        except ValueError as error:
            raise NotMeasured(f"hops cannot be judged without their map: {error}") from error
        if route.distance is None:
            raise NotMeasured(f"{question!r:.80} has no route: the goal cannot be reached")
        return route

    def one_step_longer(self, settings: RouteSettings) -> RouteSettings:
        return replace(settings, min_hops=settings.max_hops + 1, max_hops=settings.max_hops + 1)

    def wrong_labels(self, problems: Sequence[Problem]) -> int:
        """Those that do not arrive."""
        return sum(not self.verify(p, p.steps).arrives for p in problems)


def hops_of(path: Sequence[str]) -> tuple[str, ...]:
    """The hops of a route that is given by its cells."""
    return tuple(f"{a}>{b}" for a, b in zip(path, path[1:], strict=False))


def draw_route(settings: RouteSettings, rng: random.Random, hops: int, split: str) -> Route | None:
    """A random map with a start and a goal; None where they are not this many hops apart, or of another split."""
    *blocked, start, goal = rng.sample(cells(settings.size), settings.blocked + 2)
    straight = sum(abs(ord(a) - ord(b)) for a, b in zip(start, goal, strict=True))  # the distance on an empty map
    if straight > hops or (hops - straight) % 2:  # every way round costs an even number of hops
        return None
    route = Route(settings.size, frozenset(blocked), start, goal)
    if split_of_core(route.map_text) != split:  # before the distance, which costs more
        return None
    return route if route.distance == hops else None


def draw_walk(route: Route, extra: int, rng: random.Random) -> tuple[str, ...]:
    """The cells of a walk from start to goal, drawn hop by hop; none is visited twice.

    extra: hops by which it may be longer than the shortest; with 0, every shortest route is equally likely.
    """
    if not extra:
        path = [route.start]
        while path[-1] != route.goal:
            options = route.nearer(path[-1])
            path += rng.choices(options, [route.counts[cell] for cell in options])
        return tuple(path)
    longest = route.distances[route.start] + extra
    while True:
        path = [route.start]
        while path[-1] != route.goal:
            left = longest - len(path)  # hops left after the next one
            near = [cell for cell in route.neighbours(path[-1]) if cell not in path]
            options = [cell for cell in near if route.distances.get(cell, left + 1) <= left]
            if not options:
                break
            path.append(rng.choice(options))
        if path[-1] == route.goal:
            return tuple(path)
