"""10: real language."""

from __future__ import annotations

import math
from typing import Any

from atp_lite.course.grading import exercise, function_feedback, number_feedback


def _reading_feedback(got: Any, wanted: tuple[list[str], str]) -> str:
    """What is wrong with (steps, answer)."""
    if not isinstance(got, tuple | list) or len(got) != 2:
        return f"{got!r} is no pair (steps, answer)."
    if list(got[0]) != wanted[0]:
        return f"the steps {list(got[0])!r} are not {wanted[0]!r}."
    return "" if got[1] == wanted[1] else f"the answer {got[1]!r} is not {wanted[1]!r}."


@exercise(
    "10.1",
    "Everything before the mark `####` is the solution; steps stand inside double brackets.",
    "A regular expression finds all that stands between `<<` and `>>`. The answer still has separators in it.",
    "Split at the last `####`. Steps are what stands between `<<` and `>>` before it; strip both ends.",
)
def reading(answer: Any) -> str:
    """read_solution(text) -> (steps, answer), the answer without separators."""
    cases = [
        ("5 trays hold 5*6=<<5*6=30>>30 buns.\n#### 30",),
        ("It is <<9*80=720>>720, then <<720+480=1200>>1,200 metres.\n#### 1,200",),
        ("There is nothing to work out.\n#### 7",),
        ("Half is <<10/2=5>>5.\n#### 5\n",),
    ]
    wanted = [(["5*6=30"], "30"), (["9*80=720", "720+480=1200"], "1200"), ([], "7"), (["10/2=5"], "5")]
    return function_feedback(answer, cases, wanted, _reading_feedback)


@exercise(
    "10.2",
    "Two questions are the same if their words are.",
    "Bring both sides into one form, put one side into a set, and count those of the other.",
    "Compare words: lower case, everything but letters and digits as a gap. Count test questions.",
)
def leaks(answer: Any) -> str:
    """leaks(train, test): how many test questions are in train, up to case, punctuation and white space."""
    cases = [
        (["Two and 3 is?"], ["two and 3 is ?", "Two and 4 is?"]),
        (["A b.", "C d!"], ["c  d", "a, b", "ab"]),
        (["One?"], ["Two?"]),
        (["One?", "ONE"], ["one", "One."]),
        (["Add 1 2."], ["Add 12."]),
    ]
    return function_feedback(answer, cases, [1, 2, 0, 2, 0], number_feedback)


@exercise(
    "10.3",
    "Write it out, and put a bar between all tokens.",
    "Digits come one by one here, and so do the signs.",
    "Count digits and signs one by one, then add one for the end token.",
)
def digits(answer: Any) -> str:
    """Tokens of 125+375=500 with one token a digit, and the end token."""
    return number_feedback(answer, 12)


@exercise(
    "10.4",
    "The order in the name, read from the back: square, mean, root.",
    "It is a mean over all numbers, not over rows.",
    "Square all four numbers, take the mean, then the root.",
)
def scale(answer: Any) -> str:
    """Root mean square of the rows (0.3, -0.4) and (0, 0.5): the squares add up to 0.5."""
    return number_feedback(answer, math.sqrt(0.125))


@exercise(
    "10.5",
    "What must be kept for one weight while it is trained?",
    "AdamW keeps two numbers beside the weight and its gradient.",
    "Four numbers of four bytes for every weight: itself, its gradient, and two of AdamW.",
)
def memory(answer: Any) -> str:
    """GB of 1.24 billion weights in float32 with gradients and AdamW: 1.24 * 16."""
    return number_feedback(answer, 19.84)
