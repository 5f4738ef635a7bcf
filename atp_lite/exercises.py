"""The notebooks' exercises, checked at once: `check("00.1", answer)` prints right, or what is wrong and a hint.

A number is compared with a tolerance, a function is called on inputs that the notebook does not show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from atp_lite.coherence import coherence
from atp_lite.evaluate import wilson
from atp_lite.problems import needed_steps, same_number, true_answer

TOLERANCE = 2e-3
"""Numbers may differ by this much, absolutely or relative to the right value: two decimals are enough."""


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


# ------------------------------------------------------------------ 00: the tour


@exercise("00.1", "The last step is last in any order. Among the other four, the product comes after both its parts.")
def orders(answer: Any) -> str:
    """`((2+3)*(9-5))-(8-2)` has five steps: 4! / 3 orders, since the product comes last of three."""
    return number_complaint(answer, 8)


@exercise("00.2", "A result counts where it is an operand of a later step, as a number: 7 is not part of 17.")
def coherence_by_hand(answer: Any) -> str:
    """`2+5=7`, `17-3=14`, `14+1=15`, answer 15."""
    return number_complaint(answer, coherence(["2+5=7", "17-3=14", "14+1=15"], "15").score)


@exercise("00.3", "`wilson(hits, 300).low` is the lower end; try hits from 270 upwards.")
def hits_needed(answer: Any) -> str:
    """The fewest right answers of 300 whose whole interval lies above 90 %."""
    return number_complaint(answer, next(hits for hits in range(301) if wilson(hits, 300).low > 0.9), tolerance=0)


@exercise("00.4", "Let the planner reason about many test problems of four steps, and look for a wrong answer.")
def a_mistake(answer: Any) -> str:
    """A trace with a wrong answer to a question of at most four steps."""
    if answer is None:
        raise NoAnswer
    rows = list(zip(answer.problems, answer.answers, strict=True))
    short = [(p.question, given) for p, given in rows if len(needed_steps(p.question)) <= 4]
    if not short:
        return "No question of the trace has four steps or fewer."
    if all(same_number(given, true_answer(question)) for question, given in short):
        return f"All answers to the {len(short)} questions of at most four steps are right."
    return ""


# ------------------------------------------------------------------ 08: planning with reinforcement learning


@exercise("08.1", "Subtract the mean of the four, then divide by the root of the mean square of what is left.")
def advantages_by_hand(answer: Any) -> str:
    """Rewards 2.5, 0.5, 0.5, 0.5: mean 1, standard deviation sqrt(3) / 2."""
    root = math.sqrt(3)
    return list_complaint(answer, [root, -1 / root, -1 / root, -1 / root])


@exercise("08.2", "For each reward, the mean of the other G - 1. A group of one has no others: its advantage is 0.")
def leave_one_out(answer: Any) -> str:
    """leave_one_out(rewards) of one group."""
    cases = [([1.0, 0.0, 0.0, 1.0],), ([2.5, 0.5],), ([1.5, 1.5, 1.5],), ([3.0, 0.0, 1.5, 0.5, 0.0],), ([2.0],)]
    wanted = [
        [2 / 3, -2 / 3, -2 / 3, 2 / 3],
        [2.0, -2.0],
        [0.0, 0.0, 0.0],
        [2.5, -1.25, 0.625, -0.625, -1.25],
        [0.0],
    ]
    return function_complaint(answer, cases, wanted, list_complaint)


@exercise("08.3", "min(rho * A, clamp(rho, 1 - eps, 1 + eps) * A): the minimum is taken after multiplying by A.")
def clipped_objective(answer: Any) -> str:
    """surrogate(rho, A, eps) of one action."""
    cases = [(1.0, 0.7, 0.2), (1.5, 2.0, 0.2), (0.5, 2.0, 0.2), (1.5, -2.0, 0.2), (0.5, -2.0, 0.2), (1.25, 1.0, 0.3)]
    wanted = [0.7, 2.4, 1.0, -3.0, -1.6, 1.25]
    return function_complaint(answer, cases, wanted, number_complaint)


@exercise("08.4", "||mu' - mu||^2 is 64 times the square of 0.1 sigma; the KL is that over 2 sigma^2.")
def drift(answer: Any) -> str:
    """KL in nats of two Gaussians of one sigma whose means are 0.1 sigma apart in each of 64 dimensions."""
    return number_complaint(answer, 0.32)


@exercise("08.5", "Compare numbers, not text. Look at later steps only. Mind an empty text, and a chain without steps.")
def honest_coherence(answer: Any) -> str:
    """coherence_reward(steps, answer), against chains that should not score and look as if they could."""
    cases = [
        (["3+4=7", "9-2=7", "7*7=49"], "49"),
        (["1+3=4", "14+1=15"], "15"),  # 4 is in 14 as text only
        ([], "7"),
        (["", "3+4=7"], "7"),  # an empty result is in every text
        (["7+1=8", "3+4=7"], "7"),  # 8 is never used
        (["3+4=7", "2+5=7"], "9"),  # used by nothing: only a later OPERAND counts
        (["1+3=4", "no equation", "4*2=8"], "08"),  # 08 is the number 8
        (["7*2=14", "3+4=7"], "14"),  # 7 is used before it is made, 14 is the answer
    ]
    wanted = [coherence(steps, final).score for steps, final in cases]
    return function_complaint(answer, cases, wanted, number_complaint)


# ------------------------------------------------------------------ comparing


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


def list_complaint(answer: Any, wanted: Sequence[float]) -> str:
    """What is wrong with a list, tensor or array of numbers, "" where all are close enough to the right ones."""
    if answer is None or answer is Ellipsis:
        raise NoAnswer
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes):
        return f"{_short(answer)} is not a list of numbers."
    values = list(answer)
    if len(values) != len(wanted):
        return f"It has {len(values)} numbers, and should have {len(wanted)}."
    wrong = [i for i, (value, right) in enumerate(zip(values, wanted, strict=True)) if number_complaint(value, right)]
    return f"Number {wrong[0] + 1} of {len(wanted)}, {_short(values[wrong[0]])}, is not right." if wrong else ""


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
