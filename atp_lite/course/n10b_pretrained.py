"""10b: a pretrained model."""

from __future__ import annotations

import math
from typing import Any

from atp_lite.course.grading import exercise, number_feedback


@exercise(
    "10b.1",
    "Write it out, and put a bar between all tokens.",
    "Digits come one by one here, and so do the signs.",
    "Count digits and signs one by one, then add one for the end token.",
)
def digits(answer: Any) -> str:
    """Tokens of 125+375=500 with one token a digit, and the end token."""
    return number_feedback(answer, 12)


@exercise(
    "10b.2",
    "The order in the name, read from the back: square, mean, root.",
    "It is a mean over all numbers, not over rows.",
    "Square all four numbers, take the mean, then the root.",
)
def scale(answer: Any) -> str:
    """Root mean square of the rows (0.3, -0.4) and (0, 0.5): the squares add up to 0.5."""
    return number_feedback(answer, math.sqrt(0.125))


@exercise(
    "10b.3",
    "What must be kept for one weight while it is trained?",
    "AdamW keeps two numbers beside the weight and its gradient.",
    "Four numbers of four bytes for every weight: itself, its gradient, and two of AdamW.",
)
def memory(answer: Any) -> str:
    """GB of 1.24 billion weights in float32 with gradients and AdamW: 1.24 * 16."""
    return number_feedback(answer, 19.84)
