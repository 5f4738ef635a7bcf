"""10: real language."""

from __future__ import annotations

from collections import Counter
from typing import Any

from atp_lite.course.grading import exercise, function_feedback, number_feedback
from atp_lite.domains import last_number


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
    "Two lists, two jobs: which one says what is frequent, and which one is marked?",
    "Read every answer as a number first; texts of one number would be counted apart.",
    "Count the numbers of train, take the most common one, and divide its copies in test by the length of test.",
)
def blind(answer: Any) -> str:
    """blind(train, test): share of test answers that equal the most frequent training answer, as numbers."""
    cases = [
        (["8", "5", "8"], ["8", "8", "5", "13"]),
        (["2", "2", "3"], ["3", "3"]),
        (["18", "7", "18.0", "7", "$18"], ["18.00", "7", "7"]),
        (["1,200", "5", "1200"], ["1200", "5"]),
    ]
    wanted = []
    for train, test in cases:
        common = Counter(map(last_number, train)).most_common(1)[0][0]
        wanted.append(sum(last_number(text) == common for text in test) / len(test))
    return function_feedback(answer, cases, wanted, number_feedback)
