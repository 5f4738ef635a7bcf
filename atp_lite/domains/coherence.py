"""Coherence: do the decoded steps lead anywhere? Which result is used where, by value.

A step is coherent if its result is an operand of a LATER step, or equals the final answer. Values are compared as
exact values, never as text: `4` is not part of `14`, an empty result matches nothing, and a trace without steps
scores 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Protocol

from atp_lite.domains.equations import Equation, parse_equation, parse_number
from atp_lite.domains.syntax import EquationError


class ReadStep(Protocol):
    """What the text of a step says; an `Equation` is one. Values are compared with ==, and shown with str."""

    @property
    def operands(self) -> Sequence[Any]:
        """The values it is worked out from."""
        ...

    @property
    def rhs(self) -> Any:
        """The result it claims."""
        ...

    @property
    def value(self) -> Any:
        """The result it really has."""
        ...

    @property
    def is_right(self) -> bool:
        """Whether the two are one."""
        ...


@dataclass(frozen=True)
class StepUse:
    """One decoded step and what becomes of its result."""

    text: str
    read: ReadStep | None
    """None where the text is no step."""
    used_in: tuple[int, ...]
    """Indices of the later steps that have the result as an operand."""
    is_answer: bool
    """Whether the result equals the final answer."""

    @property
    def is_right(self) -> bool:
        """Valid: it can be read and its result is what it really has."""
        return self.read is not None and self.read.is_right

    @property
    def is_coherent(self) -> bool:
        return bool(self.used_in) or self.is_answer


@dataclass(frozen=True)
class Coherence:
    """The steps of one trajectory and the share of them that is coherent."""

    steps: tuple[StepUse, ...]

    @cached_property
    def score(self) -> float:
        """R_coh = coherent steps / steps, in [0, 1]; 0 where there is no step."""
        return sum(step.is_coherent for step in self.steps) / len(self.steps) if self.steps else 0.0

    @cached_property
    def right(self) -> float:
        """Share of the steps that are valid, in [0, 1]; 0 where there is no step."""
        return sum(step.is_right for step in self.steps) / len(self.steps) if self.steps else 0.0


@lru_cache(maxsize=100_000)
def read_equation(text: str) -> Equation | None:
    """The equation a step's text holds, or None where it is not one."""
    try:
        return parse_equation(text)
    except EquationError:
        return None


@lru_cache(maxsize=100_000)
def read_answer(text: str) -> Fraction | None:
    """The number an answer's text holds, or None where it is not one."""
    try:
        return parse_number(text)
    except EquationError:
        return None


def coherence(
    steps: Sequence[str],
    answer: str,
    read_step: Callable[[str], ReadStep | None] = read_equation,
    read: Callable[[str], Any] = read_answer,
) -> Coherence:
    """Which result is used where, for the decoded `steps` of one trajectory and its own final `answer`.

    read_step, read: what a step and an answer say; None where they say nothing. Equations and numbers by default.

    >>> coherence(["3+4=7", "9-2=7", "7*7=49"], "49").score
    1.0
    >>> coherence(["1+3=4", "14+1=15"], "15").score
    0.5

    Rewards and metrics ask for the same chains again and again, so the last ones are remembered.
    """
    return _coherence(tuple(steps), answer, read_step, read)


@lru_cache(maxsize=10_000)
def _coherence(
    texts: tuple[str, ...], answer: str, read_step: Callable[[str], ReadStep | None], read: Callable[[str], Any]
) -> Coherence:
    steps, final = [read_step(text) for text in texts], read(answer)
    uses = []
    for i, (text, step) in enumerate(zip(texts, steps, strict=True)):
        result = None if step is None else step.rhs
        if step is None or result is None:
            uses.append(StepUse(text, step, (), False))
            continue
        later = enumerate(steps[i + 1 :], start=i + 1)
        used_in = tuple(j for j, other in later if other is not None and result in other.operands)
        uses.append(StepUse(text, step, used_in, final is not None and bool(result == final)))
    return Coherence(tuple(uses))
