"""Grading an exercise: the registry, feedback, and comparing numbers, lists and functions.

Numbers are compared with a tolerance, functions are called on hidden inputs. What is wrong is shown on a case that the
answer itself gets wrong; with every wrong try a further hint comes, and none of them is the solution.
"""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import isfunction
from typing import Any

import torch

from atp_lite.course import tries as kept

TOLERANCE = 2e-3
"""Numbers may differ by this much, absolutely or relative to the right value: three decimals are enough."""


@dataclass(frozen=True)
class Exercise:
    """One exercise."""

    feedback: Callable[[Any], str]
    """answer -> what is wrong with it, "" where it is right."""
    hints: tuple[str, ...]
    """From where to look to what to do; none is the solution."""


EXERCISES: dict[str, Exercise] = {}
"""Every exercise by its number, notebook first: "08.2" is the second one of notebook 08."""


class NoAnswer(Exception):
    """The answer, or the value of a function, is still the placeholder (None or ...)."""


class Wrong(Exception):
    """The answer cannot be judged; the message says why, as feedback does."""


def check(number: str, answer: Any) -> None:
    """Print whether the answer is right, and otherwise what is wrong and a hint. Never raises because of the answer.

    The try is noted in the learner's file (`progress`); with every wrong try the hint says more.

    Raises:
        ValueError: there is no exercise of this number.
    """
    right, message = grade(number, answer)
    if message != NO_ANSWER:
        wrong = kept.note(number, right)
        if not right:
            which = min(max(wrong, 1), len(EXERCISES[number].hints))  # none was wrong where the first try was right
            message += f" {hint_text(number, which)}"
    print(f"{number}: {'right' if right else 'not yet'}. {message}".rstrip())


def hint(number: str, which: int = 1) -> None:
    """Print a hint without trying: 1 says where to look, the last one what to do.

    Raises:
        ValueError: there is no such exercise, or no such hint.
    """
    print(hint_text(number, which))


def hint_text(number: str, which: int) -> str:
    """One hint of an exercise, counted from 1. Raises ValueError where there is none."""
    hints = exercise_of(number).hints
    if not 1 <= which <= len(hints):
        raise ValueError(f"{number} has {len(hints)} hints: ask for one from 1 to {len(hints)}, not {which}")
    return f"Hint {which} of {len(hints)}: {hints[which - 1]}"


def progress() -> None:
    """Print how far you are. Raises ValueError where the file of your tries cannot be read."""
    print(kept.progress_text(sorted(EXERCISES, key=kept.in_order)))


NO_ANSWER = "There is no answer yet: put yours in the place of None."


def grade(number: str, answer: Any) -> tuple[bool, str]:
    """Whether the answer is right, and what is wrong with it.

    Raises:
        ValueError: there is no exercise of this number.
    """
    found = exercise_of(number)
    try:
        feedback = found.feedback(answered(answer))
    except NoAnswer:
        return False, NO_ANSWER
    except Wrong as error:
        feedback = str(error)
    except Exception as error:  # whatever an answer of a strange type may bring about
        feedback = f"It ended in {type(error).__name__}: {error}."
    return not feedback, feedback


def exercise_of(number: str) -> Exercise:
    """The exercise of this number. Raises ValueError where there is none."""
    if number not in EXERCISES:
        raise ValueError(f"there is no exercise {number!r}: choose one of {', '.join(sorted(EXERCISES))}")
    return EXERCISES[number]


def answered(value: Any) -> Any:
    """The value itself. Raises NoAnswer for a placeholder."""
    if value is None or value is Ellipsis:
        raise NoAnswer
    return value


def exercise(number: str, *hints: str) -> Callable:
    """Decorator that registers the function answer -> feedback in `EXERCISES`, with hints that say more and more."""

    def add(feedback: Callable[[Any], str]) -> Callable[[Any], str]:
        EXERCISES[number] = Exercise(feedback, hints)
        return feedback

    return add


def number_feedback(answer: Any, wanted: float, tolerance: float = TOLERANCE) -> str:
    """What is wrong with a number, "" where it is close enough to the right one. Raises NoAnswer for None."""
    try:
        value = float(answered(answer))
    except (TypeError, ValueError):
        return f"{_short(answer)} is not a number."
    if isinstance(answer, bool) or not math.isclose(value, wanted, rel_tol=tolerance, abs_tol=tolerance):
        rounded = not value.is_integer() and value in (round(wanted, 1), round(wanted, 2))
        return f"{_short(answer)} is {'rounded too far: give three decimals' if rounded else 'not right'}."
    return ""


def list_feedback(answer: Any, wanted: Sequence[float], tolerance: float = TOLERANCE) -> str:
    """What is wrong with a list, tensor or array of numbers, "" where all are close enough to the right ones."""
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes):
        return f"{_short(answer)} is not a list of numbers."
    values = list(answer)
    if len(values) != len(wanted):
        return f"It has {len(values)} numbers, and should have {len(wanted)}."
    pairs = enumerate(zip(values, wanted, strict=True))
    wrong = [(i, found) for i, (value, right) in pairs if (found := number_feedback(value, right, tolerance))]
    return f"Number {wrong[0][0] + 1} of {len(wanted)}: {wrong[0][1]}" if wrong else ""


def marks_feedback(answer: Any, wanted: Sequence[int]) -> str:
    """What is wrong with a list of 1 and 0, for which True and False will do, "" where it is right."""
    if isinstance(answer, list | tuple):
        answer = [int(mark) if isinstance(mark, bool) else mark for mark in answer]
    return list_feedback(answer, wanted)


def require_function(answer: Any) -> Callable[..., Any]:
    """The answer as a function whose values are answers too: they say so where it raises, or returns None.

    Raises:
        Wrong: it is no function. NoAnswer: it is one that does nothing but return None.
    """
    if not callable(answer):
        raise Wrong(f"{_short(answer)} is not a function.")
    if _code(answer) == _code(lambda: None):
        raise NoAnswer

    def called(*arguments: Any) -> Any:
        shown = ", ".join(map(_shown, arguments))  # before it can change them
        try:
            value = answer(*arguments)
        except Exception as error:  # whatever a learner's own function may raise
            place = _place(answer, error)
            raise Wrong(f"Called with {shown} it raised {type(error).__name__}: {error}{place}.") from error
        if value is None or value is Ellipsis:
            raise Wrong(
                f"Called with {shown} your function returned {value}: does every way through it end in a return?"
            )
        return value

    return called


def _code(function: Any) -> bytes | None:
    return getattr(getattr(function, "__code__", None), "co_code", None)


def _place(function: Any, error: Exception) -> str:
    """Where in the learner's own code an exception came from: ", at your line 3, `return 1 / n`"."""
    code = getattr(function, "__code__", None)
    frame, found = error.__traceback__, None
    while code is not None and frame is not None:
        if frame.tb_frame.f_code.co_filename == code.co_filename:
            found = frame.tb_lineno
        frame = frame.tb_next
    if found is None:
        return ""
    line = linecache.getline(code.co_filename, found).strip()
    return f", at your line {found - code.co_firstlineno + 1}" + (f", `{line}`" if line else "")


def function_feedback(
    answer: Any, cases: Sequence[tuple], wanted: Sequence, feedback: Callable[[Any, Any], str]
) -> str:
    """The first case in which the function does not give the right value, "" where there is none."""
    function = require_function(answer)
    for arguments, right in zip(cases, wanted, strict=True):
        copies = [list(value) if isinstance(value, list) else value for value in arguments]  # it may change them
        if found := feedback(function(*copies), right):
            return f"Called with {', '.join(map(_shown, arguments))}: {found}"
    return ""


def tensor_feedback(answer: Any, wanted: torch.Tensor, tolerance: float = TOLERANCE) -> str:
    """What is wrong with a tensor, "" where shape and numbers are right: the first number that is not."""
    if not isinstance(answer, torch.Tensor):
        return f"{_short(answer)} is not a tensor."
    if answer.shape != wanted.shape:
        return f"it has the shape {tuple(answer.shape)}, and should have {tuple(wanted.shape)}."
    wrong = ~torch.isclose(answer.detach().to(wanted.dtype), wanted, rtol=tolerance, atol=tolerance)
    if not wrong.any():
        return ""
    place = wrong.nonzero()[0].tolist()
    return f"{_short(answer.detach()[tuple(place)])}{f' at {place}' if place else ''} is not right."


def _shown(value: Any) -> str:
    """An argument in one line."""
    if isinstance(value, torch.Tensor):
        value = value.detach()
        rounded = value.double().round(decimals=3).tolist() if value.is_floating_point() else value.tolist()
        return f"tensor({rounded})"
    return value.__name__ if isfunction(value) else " ".join(repr(value).split())


def _short(value: Any) -> str:
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a tensor or array of one number
        value = value.item()
    text = f"{value:.4g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
