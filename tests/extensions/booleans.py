"""A domain in one file: boolean expressions such as `(T&F)|T`, in which & is and, | is or."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from atp_lite.domains import DOMAINS, Domain, Problem, Vocabulary
from atp_lite.domains.made import split_of_core


@dataclass(frozen=True)
class BooleanSettings:
    """Which boolean problems are made."""

    max_ops: int = 3
    """Most operations of a question (2 to max_ops)."""
    seed: int = 0


@dataclass(frozen=True)
class BooleanStep:
    """`left operator right = rhs`, with the truth values T and F."""

    left: str
    operator: str
    right: str
    rhs: str
    uses: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        return f"{self.left}{self.operator}{self.right}={self.rhs}"

    @property
    def operands(self) -> tuple[str, str]:
        return self.left, self.right

    @property
    def value(self) -> str:
        return work(self.left, self.operator, self.right)

    @property
    def is_right(self) -> bool:
        return self.rhs == self.value


@DOMAINS.register("booleans")
class Booleans(Domain):
    """True, false, and, or."""

    settings_class = BooleanSettings
    example = "(T&F)|(T|F)"
    ruler = "valid logic"

    def recognises(self, text: str) -> bool:
        return re.fullmatch(r"[TF&|()\s]+", text) is not None

    def read_question(self, text: str) -> Problem:
        question = "".join(text.split())
        steps = self.needed_steps(question)
        return Problem(question, tuple(step.text for step in steps), steps[-1].rhs if steps else question)

    def needed_steps(self, question: str) -> list[BooleanStep]:
        steps: list[BooleanStep] = []
        work_out(question, steps)
        return steps

    def read_step(self, text: str) -> BooleanStep | None:
        found = re.fullmatch(r"([TF])([&|])([TF])=([TF])", text)
        return BooleanStep(*found.groups()) if found else None

    def read_answer(self, text: str) -> str | None:
        return text if text in ("T", "F") else None

    def vocabulary(self, settings: BooleanSettings) -> Vocabulary:
        return Vocabulary(tuple("()&|=;TF"), spaces=False)

    def default_counts(self, split: str, settings: BooleanSettings) -> dict[int, int]:
        return {n: 3 if n == 2 else 42 for n in range(2, settings.max_ops + 1)}

    def generate(self, settings: BooleanSettings, split: str, counts: Mapping[int, int] | None = None) -> list[Problem]:
        rng, made = random.Random(f"{settings.seed}/{split}"), []
        for n, count in (self.default_counts(split, settings) if counts is None else counts).items():
            texts = [text for text in expressions(n) if split_of_core(text) == split]
            made += [self.read_question(text) for text in rng.sample(texts, count)]
        rng.shuffle(made)
        return made


def work(left: str, operator: str, right: str) -> str:
    return "T" if (left + right == "TT" if operator == "&" else "T" in left + right) else "F"


def work_out(text: str, steps: list[BooleanStep]) -> tuple[str, tuple[int, ...]]:
    """The value of a fully parenthesised expression and the step that gives it; the steps are put into `steps`."""
    if text in ("T", "F"):
        return text, ()
    depth = 0
    for i, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign in "&|" and depth == 0:
            parts = [part[1:-1] if part.startswith("(") else part for part in (text[:i], text[i + 1 :])]
            (left, a), (right, b) = (work_out(part, steps) for part in parts)
            steps.append(BooleanStep(left, sign, right, work(left, sign, right), a + b))
            return steps[-1].rhs, (len(steps) - 1,)
    raise ValueError(f"{text!r} is no boolean expression: write T, F, & and |, with parentheses, such as (T&F)|T")


def expressions(n: int) -> list[str]:
    """Every expression of n operations."""
    if n == 0:
        return ["T", "F"]
    pairs = [(a, b) for k in range(n) for a in expressions(k) for b in expressions(n - 1 - k)]
    wrap = lambda part: part if len(part) == 1 else f"({part})"  # noqa: E731
    return [f"{wrap(a)}{sign}{wrap(b)}" for a, b in pairs for sign in "&|"]
