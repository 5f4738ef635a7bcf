"""Grading an exercise: the registry, feedback, and comparing numbers, lists and functions.

Numbers are compared with a tolerance, functions are called on hidden inputs.
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
    """One exercise."""

    feedback: Callable[[Any], str]
    """answer -> what is wrong with it, "" where it is right."""
    hint: str


EXERCISES: dict[str, Exercise] = {}
"""Every exercise by its number, notebook first: "08.2" is the second one of notebook 08."""


class NoAnswer(Exception):
    """The answer, or the value of a function, is still the placeholder (None or ...)."""


def check(number: str, answer: Any) -> None:
    """Print whether the answer is right. Never raises because of the answer.

    Raises:
        ValueError: there is no exercise of this number.
    """
    right, message = grade(number, answer)
    print(f"{number}: {'right' if right else 'not yet'}. {message}".rstrip())


def grade(number: str, answer: Any) -> tuple[bool, str]:
    """Whether the answer is right, and the feedback.

    Raises:
        ValueError: there is no exercise of this number.
    """
    if number not in EXERCISES:
        raise ValueError(f"there is no exercise {number!r}: choose one of {', '.join(sorted(EXERCISES))}")
    exercise = EXERCISES[number]
    try:
        feedback = exercise.feedback(answered(answer))
    except NoAnswer:
        return False, "There is no answer yet: put yours in the place of None."
    except NotAFunction as error:
        feedback = str(error)
    except Exception as error:  # whatever a reader's own function may raise
        feedback = f"It ended in {type(error).__name__}: {error}."
    return (True, "") if not feedback else (False, f"{feedback} Hint: {exercise.hint}")


def answered(value: Any) -> Any:
    """The value itself. Raises NoAnswer for a placeholder."""
    if value is None or value is Ellipsis:
        raise NoAnswer
    return value


def exercise(number: str, hint: str) -> Callable:
    """Decorator that registers the function answer -> feedback in `EXERCISES`."""

    def add(feedback: Callable[[Any], str]) -> Callable[[Any], str]:
        EXERCISES[number] = Exercise(feedback, hint)
        return feedback

    return add


def number_feedback(answer: Any, wanted: float, tolerance: float = TOLERANCE) -> str:
    """What is wrong with a number, "" where it is close enough to the right one. Raises NoAnswer for None."""
    try:
        value = float(answered(answer))
    except (TypeError, ValueError):
        return f"{_short(answer)} is not a number."
    if isinstance(answer, bool) or not math.isclose(value, wanted, rel_tol=tolerance, abs_tol=tolerance):
        return f"{_short(answer)} is not right."
    return ""


def list_feedback(answer: Any, wanted: Sequence[float], tolerance: float = TOLERANCE) -> str:
    """What is wrong with a list, tensor or array of numbers, "" where all are close enough to the right ones."""
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes):
        return f"{_short(answer)} is not a list of numbers."
    values = list(answer)
    if len(values) != len(wanted):
        return f"It has {len(values)} numbers, and should have {len(wanted)}."
    pairs = enumerate(zip(values, wanted, strict=True))
    wrong = [i for i, (value, right) in pairs if number_feedback(value, right, tolerance)]
    return f"Number {wrong[0] + 1} of {len(wanted)}, {_short(values[wrong[0]])}, is not right." if wrong else ""


def marks_feedback(answer: Any, wanted: Sequence[int]) -> str:
    """What is wrong with a list of 1 and 0, for which True and False will do, "" where it is right."""
    if isinstance(answer, list | tuple):
        answer = [int(mark) if isinstance(mark, bool) else mark for mark in answer]
    return list_feedback(answer, wanted)


class NotAFunction(TypeError):
    """The answer should be a function."""


def require_function(answer: Any) -> Callable[..., Any]:
    """The answer as a function whose values are answers too. Raises NotAFunction."""
    if not callable(answer):
        raise NotAFunction(f"{_short(answer)} is not a function.")
    return lambda *arguments: answered(answer(*arguments))


def function_feedback(
    answer: Any, cases: Sequence[tuple], wanted: Sequence, feedback: Callable[[Any, Any], str]
) -> str:
    """The first case in which the function does not give the right value, "" where there is none."""
    function = require_function(answer)
    for arguments, right in zip(cases, wanted, strict=True):
        copies = [list(value) if isinstance(value, list) else value for value in arguments]  # it may change them
        if found := feedback(function(*copies), right):
            return f"Called with {', '.join(map(repr, arguments))}: {found}"
    return ""


def _short(value: Any) -> str:
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a tensor or array of one number
        value = value.item()
    text = f"{value:.4g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
