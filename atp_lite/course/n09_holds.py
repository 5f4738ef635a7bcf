"""09: does it hold?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from scipy.stats import t

from atp_lite.course.grading import exercise, function_feedback, list_feedback


def t_interval(values: Sequence[float]) -> list[float]:
    """Mean and half width of the 95 % t-interval."""
    n = len(values)
    return [statistics.fmean(values), float(t.ppf(0.975, n - 1)) * statistics.stdev(values) / n**0.5]


@exercise(
    "09.1",
    "There are five numbers; the interval is about their mean.",
    "First the mean, then the spread of five values, then how sure a mean of five is.",
    "s divides by n - 1 = 4; the half width is 2.776 s / sqrt(5).",
)
def interval_by_hand(answer: Any) -> str:
    """Five differences: 2, 5, 3, 6, 4 points."""
    return list_feedback(answer, t_interval([2.0, 5.0, 3.0, 6.0, 4.0]))


@exercise(
    "09.2",
    "A seed that only one of them has tells nothing.",
    "Differences first: what all seeds share cancels. Then it is 09.1 again.",
    "Keep the seeds that both have, take the differences, and then the mean and t s / sqrt(n) of these.",
)
def paired_interval(answer: Any) -> str:
    """paired(ours, base), two dictionaries seed -> accuracy."""
    cases = [
        ({0: 60.0, 1: 70.0, 2: 80.0}, {0: 55.0, 1: 66.0, 2: 74.0}),
        ({0: 60.0, 1: 70.0, 2: 80.0, 3: 10.0}, {2: 74.0, 1: 66.0, 0: 55.0, 7: 99.0}),  # other order, strangers
        ({4: 50.0, 3: 52.0, 2: 57.0, 1: 51.0, 0: 49.0}, {0: 50.0, 1: 50.0, 2: 50.0, 3: 50.0, 4: 50.0}),
    ]
    wanted = [t_interval([ours[seed] - base[seed] for seed in ours if seed in base]) for ours, base in cases]
    return function_feedback(answer, cases, wanted, list_feedback)


@exercise(
    "09.3",
    "Look at the whole interval, and not at the mean.",
    "Where fewer is better, turn the sign first. Then ask on which side of the margin the whole interval lies.",
    "Fewer than three values: undecided. Turn the sign where fewer is better, then take the margin off.",
)
def verdict_by_hand(answer: Any) -> str:
    """verdict(mean, half, n, fewer, margin)."""
    cases = [
        (3.0, 2.0, 3, False, 0.0),
        (-3.0, 2.0, 3, False, 0.0),
        (1.0, 2.0, 5, False, 0.0),
        (-3.0, 2.0, 3, True, 0.0),  # fewer is better
        (3.0, 2.0, 5, True, 0.0),
        (5.0, 1.0, 3, False, 4.5),  # better, but by the margin?
        (5.0, 0.2, 3, False, 4.5),
        (3.0, 1.0, 3, False, 4.5),
        (-5.0, 0.2, 3, True, 4.5),
        (9.0, math.nan, 1, False, 0.0),  # one seed has no interval
        (9.0, 0.5, 2, False, 0.0),
    ]
    verdicts = ("holds", "does not hold", "undecided")
    wanted = [verdicts[i] for i in (0, 1, 2, 0, 1, 2, 0, 1, 0, 2, 2)]
    return function_feedback(answer, cases, wanted, _word_feedback)


def _word_feedback(answer: Any, wanted: str) -> str:
    return "" if answer == wanted else f"{answer!r} is not right."


@exercise(
    "09.4",
    "Take one question of each kind, and not the average question.",
    "What is the chance that eight tries at one question are all wrong?",
    "One minus the chance that all k are wrong, question by question, and then the mean over questions.",
)
def pass_at_k_of_two(answer: Any) -> str:
    """pass@1 and pass@8 of A (0.5 everywhere) and of B (1 on one half, 0 on the other)."""
    return list_feedback(answer, [0.5, 1 - 0.5**8, 0.5, 0.5])


@exercise(
    "09.5",
    "Every coin is as likely to fall on either side.",
    "There are two ways in which all agree.",
    "All above zero, or all below: two ways out of 2 to the power of n.",
)
def all_on_one_side(answer: Any) -> str:
    """Chance that 3, and that 5, fair coins fall on one side."""
    return list_feedback(answer, [2 * 0.5**3, 2 * 0.5**5])
