"""08: planning with reinforcement learning."""

from __future__ import annotations

import math
from typing import Any

from atp_lite.course.grading import exercise, function_feedback, list_feedback, number_feedback


@exercise(
    "08.1",
    "An advantage compares a try with its own group.",
    "Two numbers of the group are needed: its mean and its spread, which divides by all four.",
    "Subtract the mean of the four, then divide by the root of the mean square of what is left.",
)
def advantages_by_hand(answer: Any) -> str:
    """Rewards 2.5, 0.5, 0.5, 0.5: mean 1, standard deviation sqrt(3) / 2."""
    root = math.sqrt(3)
    return list_feedback(answer, [root, -1 / root, -1 / root, -1 / root], tolerance=5e-3)  # two decimals will do


@exercise(
    "08.2",
    "The try itself must not be in what it is compared with.",
    "The sum of the group is known; take one reward out of it. What if there is no other?",
    "For each reward, the mean of the other G - 1. A group of one has no others: its advantage is 0.",
)
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
    return function_feedback(answer, cases, wanted, list_feedback)


@exercise(
    "08.3",
    "For which signs of A does leaving the clip pay?",
    "Work out both products, with the ratio as it is and with the clipped one. Which of the two is the careful choice?",
    "Multiply by A first, and compare afterwards: for a negative A the smaller product belongs to the larger ratio.",
)
def clipped_objective(answer: Any) -> str:
    """surrogate(rho, A, eps) of one action."""
    cases = [(1.0, 0.7, 0.2), (1.5, 2.0, 0.2), (0.5, 2.0, 0.2), (1.5, -2.0, 0.2), (0.5, -2.0, 0.2), (1.25, 1.0, 0.3)]
    wanted = [0.7, 2.4, 1.0, -3.0, -1.6, 1.25]
    return function_feedback(answer, cases, wanted, number_feedback)


@exercise(
    "08.4",
    "In each dimension the means are a tenth of sigma apart. Squares add up.",
    "For Gaussians of one width the KL is the squared distance over something with sigma in it.",
    "||mu' - mu||^2 is 64 times the square of 0.1 sigma; the KL is that over 2 sigma^2.",
)
def drift(answer: Any) -> str:
    """KL in nats of two Gaussians of one sigma whose means are 0.1 sigma apart in each of 64 dimensions."""
    return number_feedback(answer, 0.32)
