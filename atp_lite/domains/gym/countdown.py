"""countdown: reach a number with all of the others, each used once.

> 24 from 3 4 12

A step takes two numbers that are there and puts their result in their place, `12-4=8`, then `8*3=24`. The answer is the
number to be reached, so it stands in the question, and the chain is what counts. Often several are right; each counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from operator import add, mul, sub, truediv
from typing import Any

from atp_lite.domains.answers import write_number
from atp_lite.domains.chains import ChainVerdict
from atp_lite.domains.domain import DOMAINS, EquationDomain, NotMeasured, Vocabulary
from atp_lite.domains.equations import parse_number
from atp_lite.domains.gym import GymDomain
from atp_lite.domains.problem import Problem
from atp_lite.domains.syntax import EquationError, postfix

QUESTION = re.compile(r"\s*(\d+)\s+from\s+(\d+(?:\s+\d+)+)\s*")
MOST_NUMBERS = 6
"""More take too long to search."""


@dataclass(frozen=True)
class CountdownSettings:
    """Which problems are made."""

    min_numbers: int = 3
    """Fewest numbers to reach the target with."""
    max_numbers: int = 4
    """Most of them (at most 6)."""
    max_value: int = 20
    """Numbers are drawn from 1 to max_value."""
    max_target: int = 99
    """Targets are 1 to max_target."""
    max_result: int = 200
    """Largest result of a step in a label; the vocabulary has the numbers from 0 to max_result."""
    seed: int = 0
    """Seed of everything random, except which split a question belongs to."""

    def __post_init__(self) -> None:
        for name, holds, way_out in (
            ("min_numbers", 2 <= self.min_numbers <= self.max_numbers, f"use 2 to max_numbers ({self.max_numbers})"),
            ("max_numbers", self.max_numbers <= MOST_NUMBERS, f"use {MOST_NUMBERS} at most"),
            ("max_target", self.max_target >= 1, "use 1 or more"),
            ("max_value", self.max_value >= 1, "use 1 or more"),
            ("seed", self.seed >= 0, "use 0 or more"),
            ("max_result", self.max_result >= max(self.max_target, self.max_value), "use max_target or more"),
        ):
            if not holds:
                raise ValueError(f"CountdownSettings.{name} = {getattr(self, name)}: {way_out}")

    @property
    def stream(self) -> tuple[object, ...]:
        """What the random numbers depend on, besides their use."""
        return (self.seed,)


Numbers = tuple[Fraction, ...]
"""Numbers that are there, in ascending order."""
WORK: dict[str, Callable[[Fraction, Fraction], Fraction]] = {"+": add, "-": sub, "*": mul, "/": truediv}


def after(numbers: Numbers, left: Fraction, right: Fraction, result: Fraction) -> Numbers | None:
    """The numbers where two of them have become their result; None where they are not there."""
    rest = list(numbers)
    for number in (left, right):
        if number not in rest:
            return None
        rest.remove(number)
    return tuple(sorted([*rest, result]))


@lru_cache(maxsize=200_000)
def solution(numbers: Numbers, target: Fraction) -> tuple[str, ...] | None:
    """A chain of whole, positive results that reaches the target with all numbers; None where there is none."""
    if len(numbers) == 1:
        return () if numbers[0] == target else None
    for low, high in sorted(set(combinations(numbers, 2))):
        quotient = high / low if low else Fraction(0)
        for sign, result in (("+", low + high), ("*", low * high), ("-", high - low), ("/", quotient)):
            if result <= 0 or result.denominator > 1:
                continue
            rest = solution(after(numbers, low, high, result) or (), target)
            if rest is not None:
                return (f"{high}{sign}{low}={result}", *rest)
    return None


def steps_of(expression: str) -> tuple[str, ...]:
    """An expression such as `12*4/2 - 3` as its operations in order, each an equation.

    A minus is carried along to the next sum, so that no result is negative. Raises EquationError for text that is none,
    and where a number has no end.
    """
    stack: list[tuple[Fraction, int]] = []  # size and sign
    steps: list[str] = []

    def work(left: Fraction, sign: str, right: Fraction) -> Fraction:
        if sign == "/" and right == 0:
            raise EquationError(f"{expression!r}: division by zero; use another expression")
        value = WORK[sign](left, right)
        steps.append(f"{write_number(left)}{sign}{write_number(right)}={write_number(value)}")
        return value

    for token in postfix(expression):
        if token.kind == "number":
            stack.append((parse_number(token.text), 1))
        elif token.kind == "negate":
            value, sign = stack.pop()
            stack.append((value, -sign))
        elif token.kind in WORK:
            (right, minus), (left, sign) = stack.pop(), stack.pop()
            if token.kind in "*/":
                stack.append((work(left, token.kind, right), sign * minus))
                continue
            minus = minus if token.kind == "+" else -minus
            if sign == minus:
                stack.append((work(left, "+", right), sign))
            else:
                larger, smaller = max(left, right), min(left, right)
                stack.append((work(larger, "-", smaller), sign if larger == left else minus))
    if len(stack) != 1 or stack[0][1] < 0:
        raise EquationError(f"{expression!r}: a negative result; use another expression")
    return tuple(steps)


@DOMAINS.register("countdown")
class Countdown(GymDomain, EquationDomain):
    """A target from numbers that are each used once."""

    task = "countdown"
    settings_class = CountdownSettings
    about = "targets to be reached with given numbers"
    example = "24 from 3 4 12"

    def default_counts(self, split: str, settings: CountdownSettings) -> dict[int, int]:
        each = {"train": 8000, "rl": 800, "validation": 100, "test": 300}[split]
        return dict.fromkeys(range(settings.min_numbers - 1, settings.max_numbers), each)

    def task_options(self, settings: CountdownSettings, n: int) -> dict[str, Any]:
        return dict(
            min_numbers=n + 1, max_numbers=n + 1, min_value=1, max_value=settings.max_value, min_target=1,
            max_target=settings.max_target,
        )  # fmt: skip

    def from_entry(self, entry: Mapping[str, Any], settings: CountdownSettings) -> Problem | None:
        facts = entry["metadata"]
        try:
            steps = steps_of(facts["expression"])
        except EquationError:
            return None
        question = f"{facts['target']} from {' '.join(map(str, facts['numbers']))}"
        problem = Problem(question, steps, str(facts["target"]))
        results = [parse_number(step.rpartition("=")[2]) for step in steps]
        plain = all(0 <= value <= settings.max_result and value.denominator == 1 for value in results)
        return problem if plain and self.verify(problem, steps).arrives else None

    def question_key(self, question: str) -> str:
        """Target and numbers, whatever the order of these."""
        target, numbers = read_countdown(question)
        return f"{target} from {' '.join(map(str, numbers))}"

    def vocabulary(self, settings: CountdownSettings) -> Vocabulary:
        return Vocabulary(("from", *map(str, range(settings.max_result + 1))))

    def recognises(self, text: str) -> bool:
        return QUESTION.fullmatch(text) is not None

    def read_question(self, text: str) -> Problem:
        """A typed question with one chain that solves it. Raises ValueError where there is none."""
        target, numbers = read_countdown(text)
        steps = solution(numbers, target)
        if steps is None:
            raise ValueError(f"{text.strip()!r} has no solution in whole, positive numbers: change a number")
        return Problem(" ".join(text.split()), steps, str(target))

    def verify(self, problem: Problem, steps: Sequence[str]) -> ChainVerdict:
        """Whether the steps use every number once and reach the target.

        `in_place` counts right equations of two numbers that are there, `done` those of them, from the beginning, after
        which the target can still be reached.
        """
        try:
            target, numbers = read_countdown(problem.question)
        except ValueError as error:
            raise NotMeasured(str(error)) from error
        needed, in_place, done, unbroken = len(numbers) - 1, 0, 0, True
        left: Numbers = numbers
        for step in map(self.read_step, steps):
            if step is None or not step.is_right or len(step.operands) != 2:
                unbroken = False
                continue
            one, other = step.operands
            found = after(left, one, other, step.rhs)
            if found is None:
                unbroken = False
                continue
            left = found
            in_place += 1
            done += unbroken and solution(left, target) is not None
        arrives = unbroken and left == (target,)
        return ChainVerdict(needed, needed if arrives else min(done, needed - 1), len(steps), in_place, arrives)


def read_countdown(text: str) -> tuple[Fraction, Numbers]:
    """The target and the numbers of a question. Raises ValueError that says how to write one."""
    found = QUESTION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r:.80} is no countdown question: write the target and the numbers, 24 from 3 4 12")
    numbers = tuple(sorted(map(Fraction, found[2].split())))
    if len(numbers) > MOST_NUMBERS:
        raise ValueError(f"{text!r:.80} has {len(numbers)} numbers: give {MOST_NUMBERS} at most")
    return Fraction(found[1]), numbers
