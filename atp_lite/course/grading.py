"""Grading an exercise: the registry, what is said, and comparing numbers, lists and functions.

A number is compared with a tolerance, a function is called on inputs that the notebook does not show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

TOLERANCE = 2e-3
"""Numbers may differ by this much, absolutely or relative to the right value: three decimals are enough."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is said about a wrong answer, and what helps."""

    complaint: Callable[[Any], str]
    """answer -> what is wrong with it, "" where it is right."""
    hint: str


EXERCISES: dict[str, Exercise] = {}
"""Every exercise by its number, notebook first: "08.2" is the second one of notebook 08."""


class NoAnswer(Exception):
    """The answer, or what the function returned, is still the placeholder."""


def check(number: str, answer: Any) -> None:
    """Print whether the answer is right. Never raises because of the answer.

    Raises:
        ValueError: there is no exercise of this number.
    """
    right, message = grade(number, answer)
    print(f"{number}: {'right' if right else 'not yet'}. {message}".rstrip())


def grade(number: str, answer: Any) -> tuple[bool, str]:
    """Whether the answer is right, and what to say about it.

    Raises:
        ValueError: there is no exercise of this number.
    """
    if number not in EXERCISES:
        raise ValueError(f"there is no exercise {number!r}: choose one of {', '.join(sorted(EXERCISES))}")
    exercise = EXERCISES[number]
    try:
        complaint = exercise.complaint(answer)
    except NoAnswer:
        return False, "There is no answer yet: put yours in the place of None."
    except Exception as error:  # whatever a reader's own function may raise
        complaint = f"It ended in {type(error).__name__}: {error}."
    return (True, "") if not complaint else (False, f"{complaint} Hint: {exercise.hint}")


def exercise(number: str, hint: str) -> Callable:
    """Decorator that puts the function answer -> complaint into `EXERCISES`."""

    def add(complaint: Callable[[Any], str]) -> Callable[[Any], str]:
        EXERCISES[number] = Exercise(complaint, hint)
        return complaint

    return add


def number_complaint(answer: Any, wanted: float, tolerance: float = TOLERANCE) -> str:
    """What is wrong with a number, "" where it is close enough to the right one. Raises NoAnswer for None."""
    if answer is None or answer is Ellipsis:
        raise NoAnswer
    try:
        value = float(answer)
    except (TypeError, ValueError):
        return f"{_short(answer)} is not a number."
    if isinstance(answer, bool) or not math.isclose(value, wanted, rel_tol=tolerance, abs_tol=tolerance):
        return f"{_short(answer)} is not right."
    return ""


def list_complaint(answer: Any, wanted: Sequence[float], tolerance: float = TOLERANCE) -> str:
    """What is wrong with a list, tensor or array of numbers, "" where all are close enough to the right ones."""
    if answer is None or answer is Ellipsis:
        raise NoAnswer
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes):
        return f"{_short(answer)} is not a list of numbers."
    values = list(answer)
    if len(values) != len(wanted):
        return f"It has {len(values)} numbers, and should have {len(wanted)}."
    pairs = enumerate(zip(values, wanted, strict=True))
    wrong = [i for i, (value, right) in pairs if number_complaint(value, right, tolerance)]
    return f"Number {wrong[0] + 1} of {len(wanted)}, {_short(values[wrong[0]])}, is not right." if wrong else ""


def marks_complaint(answer: Any, wanted: Sequence[int]) -> str:
    """What is wrong with a list of 1 and 0, for which True and False will do, "" where it is right."""
    if isinstance(answer, list | tuple):
        answer = [int(mark) if isinstance(mark, bool) else mark for mark in answer]
    return list_complaint(answer, wanted)


def function_complaint(
    answer: Any, cases: Sequence[tuple], wanted: Sequence, complaint: Callable[[Any, Any], str]
) -> str:
    """The first case in which the function does not give the right value, "" where there is none."""
    if answer is None:
        raise NoAnswer
    if not callable(answer):
        return f"{_short(answer)} is not a function."
    for arguments, right in zip(cases, wanted, strict=True):
        copies = [list(value) if isinstance(value, list) else value for value in arguments]  # it may change them
        if found := complaint(answer(*copies), right):
            return f"Called with {', '.join(map(repr, arguments))}: {found}"
    return ""


def _short(value: Any) -> str:
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a tensor or array of one number
        value = value.item()
    text = f"{value:.4g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
