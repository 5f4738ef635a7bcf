"""Word problems with other numbers: the same story, a chain worked out anew, as many variants as are wanted.

    Tom has 3 bags of 4 apples.   3*4=12   ->   Tom has 5 bags of 6 apples.   5*6=30

Every number in a step is traced to where it comes from: a number of the question, the result of an earlier step, or a
constant that the question names in words (`twice`, `a week`). A problem is dropped where a number cannot be traced or
could come from two places, and where the question has a number that no step uses. Then numbers are drawn anew, equal
ones alike, and everything is worked out exactly. Results keep what they were: whole, positive, of a similar size.

What this cannot see: a number of a step that stands for something else than the equal number in the question.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from atp_lite.domains.answers import write_number
from atp_lite.domains.equations import evaluate, parse_equation, parse_number
from atp_lite.domains.problem import Problem
from atp_lite.domains.syntax import EquationError, tokenize
from atp_lite.domains.word_problems.loading import chain_fault

TRIES = 60
"""Draws of numbers for one variant before it is given up."""
SIZE = 5
"""A result may become so many times as large, or as small."""
_FREE = re.compile(
    r"(?<![\w.,/:])(?P<number>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?P<decimals>\.[0-9]+)?"
    r"(?![0-9]|[,.:/][0-9]|\s?/\s?[0-9]|(?:st|nd|rd|th|s)\b|\s?[ap]\.?m\b)(?P<percent>\s?%|\s?percent)?",
    re.IGNORECASE,
)
"""A number of the question that can be another one: no part of a fraction, a time, a date or an ordinal."""
_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_NAMED = """
0 zero
1 one
2 two half halves halved twice double doubles doubled pair pairs couple both second seconds weekend weekends
3 three third thirds triple triples tripled thrice yard yards
4 four fourth fourths quarter quarters quadruple quadruples quadrupled gallon gallons quart quarts month months monthly
5 five fifth fifths weekday weekdays nickel nickels
6 six sixth sixths
7 seven seventh sevenths week weeks weekly day days daily
8 eight eighth eighths
9 nine ninth ninths
10 ten tenth tenths dime dimes
11 eleven
12 twelve dozen dozens month months monthly year years yearly annual annually foot feet inch inches
13 thirteen
14 fourteen
15 fifteen
16 sixteen pound pounds ounce ounces
17 seventeen
18 eighteen
19 nineteen
20 twenty score
24 day days daily
25 quarter quarters
30 thirty month months monthly
40 forty
50 fifty
52 year years yearly annual annually
60 sixty hour hours hourly minute minutes second seconds
100 hundred percent dollar dollars cent cents
365 year years yearly annual annually
1000 thousand
"""
CONSTANTS: dict[str, set[Fraction]] = {}
for _line in _NAMED.split("\n"):
    for _word in _line.split()[1:]:
        CONSTANTS.setdefault(_word, set()).add(Fraction(_line.split()[0]))
"""A word of a question -> numbers that a step may have because of it. They stay as they are, also in the question."""


class Unusable(ValueError):
    """A problem whose numbers cannot be changed; the message is the reason, the same for all of its kind."""


class Source(NamedTuple):
    """Where a number of a step comes from."""

    kind: str
    """number: of the question; percent: a hundredth of one; step: an earlier result; constant."""
    key: Fraction
    """The number, or which step (from 0)."""


@dataclass(frozen=True)
class Place:
    """A number in the question's text."""

    start: int
    end: int
    text: str
    percent: bool

    @property
    def value(self) -> Fraction:
        return parse_number(self.text)

    @property
    def decimals(self) -> int:
        return len(self.text.partition(".")[2])

    def write(self, value: Fraction) -> str:
        """Another number in the same manner: as many decimals, thousands with commas if there were some."""
        digits = f"{float(value):,.{self.decimals}f}"
        return digits if "," in self.text or value >= 10_000 else digits.replace(",", "")


@dataclass(frozen=True)
class Template:
    """A problem whose numbers are traced."""

    problem: Problem
    places: tuple[Place, ...]
    """The numbers of the question that may be others."""
    steps: tuple[tuple[str | Source, ...], ...]
    """The left side of each step: text, and where the numbers in it come from."""
    results: tuple[Fraction, ...]
    """The result of each step."""

    def variant(self, rng: random.Random) -> Problem | None:
        """The problem with other numbers; None where `TRIES` draws gave no plausible ones."""
        for _ in range(TRIES):
            values = {place.value: draw_like(place, rng) for place in self.places}
            steps = self.work_out(values)
            if steps is not None and any(old != new for old, new in values.items()):
                return replace(
                    self.problem, question=self.question(values), steps=steps, answer=steps[-1].rpartition("=")[2]
                )
        return None

    def work_out(self, values: Mapping[Fraction, Fraction]) -> tuple[str, ...] | None:
        """The steps with these numbers; None where a result is not like the one before."""
        results: list[Fraction] = []
        texts = []
        for pieces, before in zip(self.steps, self.results, strict=True):
            left = ""
            for piece in pieces:
                if isinstance(piece, str):
                    left += piece
                elif piece.kind == "constant":
                    left += write_number(piece.key)
                elif piece.kind == "step":
                    left += write_number(results[int(piece.key)])
                else:
                    left += write_number(values[piece.key] / (100 if piece.kind == "percent" else 1))
            try:
                value = evaluate(left)
            except EquationError:
                return None
            if not alike(value, before):
                return None
            results.append(value)
            texts.append(f"{left}={write_number(value)}")
        return tuple(texts)

    def question(self, values: Mapping[Fraction, Fraction]) -> str:
        """The question with these numbers."""
        text, end = "", 0
        for place in self.places:
            text += self.problem.question[end : place.start] + place.write(values[place.value])
            end = place.end
        return text + self.problem.question[end:]


def alike(value: Fraction, before: Fraction) -> bool:
    """Whether a result may stand in the place of another: whole if it was, with two decimals at most, of its sign."""
    whole = value.denominator == 1 if before.denominator == 1 else (value * 100).denominator == 1
    if before == 0 or value == 0:
        return value == before
    return whole and value > 0 and Fraction(1, SIZE) <= value / before <= SIZE


def draw_like(place: Place, rng: random.Random) -> Fraction:
    """A number of half to twice the size, as round as it was; a percentage stays below 100 if it was."""
    value, decimals = place.value, place.decimals
    grains = [Fraction(size) for size in (1000, 100, 50, 10, 5, 1)]
    if decimals:  # quarters take two decimals to be written
        grains = [Fraction(1, 2), *[Fraction(1, 4)][: decimals - 1], Fraction(1, 10**decimals)]
    grain = next(g for g in grains if value % g == 0 and (g == grains[-1] or value >= 4 * g))
    low, high = max(value / 2, grain, Fraction(2 if not decimals else 0)), 2 * value
    if place.percent and value < 100:
        high = min(high, Fraction(95))
    return grain * rng.randint(-(-low // grain), max(high // grain, -(-low // grain)))


def template_of(problem: Problem) -> Template:
    """Trace every number of the chain. Raises `Unusable` where that cannot be done."""
    if fault := chain_fault(problem):
        raise Unusable(f"a chain {fault}")
    equations = [parse_equation(step) for step in problem.steps]
    if any("//" in equation.lhs or equation.rhs < 0 for equation in equations):
        raise Unusable("a negative or rounded result")
    words = re.findall(r"[a-z]+", problem.question.lower())
    constants = {Fraction(0), Fraction(1)}.union(*(CONSTANTS.get(word, ()) for word in words))
    if "%" in problem.question or "$" in problem.question:
        constants.add(Fraction(100))
    places, rest = [], list(problem.question)
    for found in _FREE.finditer(problem.question):
        text = found["number"] + (found["decimals"] or "")
        place = Place(found.start(), found.start() + len(text), text, found["percent"] is not None)
        if not (place.decimals == 0 and "," not in text and 1900 <= place.value <= 2100):  # a year
            places.append(place)
            rest[place.start : place.end] = " " * len(text)
    constants |= {parse_number(digits) for digits in _DIGITS.findall("".join(rest))}
    free = {place.value for place in places} - constants
    percents = {place.value for place in places if place.percent} & free
    steps: list[tuple[str | Source, ...]] = []
    results: list[Fraction] = []
    sources: list[Source] = []
    for equation in equations:
        pieces: list[str | Source] = []
        end = 0
        for token in tokenize(equation.lhs):
            if token.kind != "number":
                continue
            pieces.append(equation.lhs[end : token.position])
            pieces.append(_source(parse_number(token.text), free, percents, constants, results, sources))
            end = token.position + len(token.text)
        pieces.append(equation.lhs[end:])
        steps.append(tuple(piece for piece in pieces if piece != ""))
        own = Source("step", Fraction(len(results)))
        sources.append(
            next(p for p in pieces if isinstance(p, Source)) if equation.operands == (equation.rhs,) else own
        )
        results.append(equation.rhs)
    used = {piece.key for pieces in steps for piece in pieces if isinstance(piece, Source) and piece.kind in _MOVING}
    if not used:
        raise Unusable("no number of the question in the chain")
    read = {piece.key for pieces in steps for piece in pieces if isinstance(piece, Source) and piece.kind != "step"}
    if any(place.value not in read for place in places):  # it may be bound to the others by what is told
        raise Unusable("a number of the question that no step uses")
    kept = tuple(place for place in places if place.value in used)
    return Template(problem, kept, tuple(steps), tuple(results))


_MOVING = ("number", "percent")


def _source(
    value: Fraction,
    free: set[Fraction],
    percents: set[Fraction],
    constants: set[Fraction],
    results: list[Fraction],
    sources: list[Source],
) -> Source:
    """The one place where a number can come from."""
    found = {source for result, source in zip(results, sources, strict=True) if result == value}
    if value in free:
        found.add(Source("number", value))
    if 100 * value in percents:
        found.add(Source("percent", 100 * value))
    if value in constants:
        found.add(Source("constant", value))
    if len(found) != 1:
        raise Unusable("a number that could come from several places" if found else "a number that cannot be traced")
    return found.pop()


def renumbered(
    problems: Iterable[Problem], variants: int, seed: int = 0, faults: Counter[str] | None = None
) -> Iterator[Problem]:
    """Up to `variants` problems with other numbers for each problem, no two questions alike.

    Draws depend on the seed and the problem's own question alone. faults: to it the reasons are added why problems were
    dropped, each by how many.
    """
    faults = Counter() if faults is None else faults
    for problem in problems:
        try:
            template = template_of(problem)
        except Unusable as reason:
            faults[str(reason)] += 1
            continue
        rng = random.Random(f"{seed}-{problem.question}")
        seen = {problem.question}
        misses = 0
        while len(seen) <= variants and misses < 10:
            made = template.variant(rng)
            if made is None or made.question in seen:
                misses += 1
                continue
            seen.add(made.question)
            yield replace(made, id=f"{problem.id}-{len(seen) - 1}", source=f"{problem.source}, renumbered")
        if len(seen) == 1:
            faults["no other numbers that fit"] += 1
