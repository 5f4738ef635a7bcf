"""03: latent tokens, the hidden state fed back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log, tanh
from typing import Any

from atp_lite.course.grading import exercise, function_feedback, list_feedback, number_feedback

Vector = list[float]


class Mixer:
    """A toy backbone on two numbers: tanh of a sum of all vectors so far, older ones weighted less."""

    def __init__(self, fade: float) -> None:
        self.fade = fade

    def __call__(self, vectors: Sequence[Vector]) -> Vector:
        weights = [self.fade ** (len(vectors) - 1 - i) for i in range(len(vectors))]
        first, second = (sum(w * v[k] for w, v in zip(weights, vectors, strict=True)) for k in (0, 1))
        return [tanh(first - 0.5 * second), tanh(second + 0.5 * first + 0.1 * len(vectors))]

    def __repr__(self) -> str:
        return f"<a backbone that fades by {self.fade}>"


def latents(read: Mixer, inputs: Sequence[Vector], n_latents: int) -> list[Vector]:
    """The latent loop: the output is appended to the input."""
    seen = list(inputs)
    for _ in range(n_latents):
        seen.append(read(seen))
    return seen[len(inputs) :]


def rows_feedback(answer: Any, wanted: Sequence[Sequence[float]]) -> str:
    """What is wrong with a list of lists of numbers, "" where it is right."""
    if not isinstance(answer, Iterable):
        return f"{answer!r} is not a list."
    rows = list(answer)
    if len(rows) != len(wanted):
        return f"it has {len(rows)} rows, and should have {len(wanted)}."
    for i, (row, right) in enumerate(zip(rows, wanted, strict=True), start=1):
        if found := list_feedback(row, right):
            return f"row {i}: {found}"
    return ""


@exercise(
    "03.1",
    "What does the model read in the second turn that it did not read in the first?",
    "Keep two lists: all that was read so far, and the latents alone.",
    "Read all vectors, put what comes out behind them, and do it again. Return only what was made.",
)
def loop(answer: Any) -> str:
    """latent_loop(read, inputs, n_latents): a list of latents."""
    cases = [
        (Mixer(0.5), [[1.0, 0.0], [0.0, -1.0]], 1),
        (Mixer(0.5), [[1.0, 0.0], [0.0, -1.0]], 3),
        (Mixer(0.9), [[0.2, -0.4]], 4),
        (Mixer(0.7), [[0.3, 0.3], [0.1, -0.2], [-1.0, 0.5]], 0),
    ]
    return function_feedback(answer, cases, [latents(*case) for case in cases], rows_feedback)


@exercise(
    "03.2",
    "Count until the last latent is made: reading it is the business of the answer.",
    "Add up what each of the six turns reads: everything so far, or only what is new.",
    "Naively six turns read 20, 21, ... positions. With a cache a turn after the first one reads one.",
)
def positions_read(answer: Any) -> str:
    """Q = 20 and T = 6: T Q + T (T - 1) / 2, and Q + T - 1."""
    return list_feedback(answer, [135, 25])


@exercise(
    "03.3",
    "Position ids count real tokens from 0. What do they do at a hole?",
    "A running sum of the mask nearly is it.",
    "Count the ones up to each place, itself included, and subtract 1. Where the mask is 0, write 0.",
)
def position_ids(answer: Any) -> str:
    """positions(mask): real tokens count from 0, padding and holes get 0."""
    cases = [([[1, 1, 1]],), ([[0, 0, 1, 1], [1, 1, 1, 1]],), ([[0, 1, 1, 0, 1], [1, 0, 0, 1, 1]],), ([[0, 0, 0]],)]
    wanted = [
        [[0, 1, 2]],
        [[0, 0, 0, 1], [0, 1, 2, 3]],
        [[0, 0, 1, 0, 2], [0, 0, 0, 1, 2]],
        [[0, 0, 0]],
    ]
    return function_feedback(answer, cases, wanted, rows_feedback)


@exercise(
    "03.4",
    "How are the three right chains split by their first step?",
    "No model that must give one distribution can do better than the distribution itself.",
    "Two of three chains begin with 2+6=8. The least mean loss is the entropy, by natural logarithm.",
)
def least_loss(answer: Any) -> str:
    """Entropy of (2/3, 1/3) in nats."""
    return number_feedback(answer, log(3) - (2 / 3) * log(2))
