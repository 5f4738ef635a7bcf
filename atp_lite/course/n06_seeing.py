"""06: seeing thoughts."""

from __future__ import annotations

from typing import Any

import torch

from atp_lite.course.grading import exercise, function_feedback, list_feedback, number_feedback


@exercise(
    "06.1",
    "The points lie in pairs at opposite sides, so the mean is easy.",
    "Fill the two-by-two covariance matrix, and guess its two directions from the picture.",
    "C has 5 on its diagonal. Beside it stands the mean of x y: stretch (1, 1) and (1, -1) by C.",
)
def shares_by_hand(answer: Any) -> str:
    """Points (3, 1), (1, 3) and their negatives: eigenvalues 8 and 2."""
    return list_feedback(answer, [0.8, 0.2])


@exercise(
    "06.2",
    "The axes that hold most come first.",
    "Keep a running sum, and stop at the first place where it is enough.",
    "Sort with the largest first, add up, and stop as soon as the sum has reached what is wanted.",
)
def axes_needed(answer: Any) -> str:
    """axes_needed(shares, wanted): the fewest axes that hold the wanted share."""
    cases = [([0.5, 0.3, 0.2], 0.5), ([0.5, 0.3, 0.2], 0.6), ([0.2, 0.5, 0.3], 0.8), ([0.1] * 10, 0.75), ([1.0], 1.0)]
    cases += [([0.25, 0.75], 0.7)]
    return function_feedback(answer, cases, [1, 2, 2, 8, 1, 1], number_feedback)


@exercise(
    "06.3",
    "A matrix pulls any vector towards its strongest direction, if it is applied again and again.",
    "Begin with the points around their mean. What matrix has the principal axes as its directions?",
    "Subtract the mean, C = X^T X; multiply a vector by C many times and divide by its length each time.",
)
def first_axis(answer: Any) -> str:
    """first_axis(points) up to its sign: points away from zero, of several widths."""
    generator = torch.Generator().manual_seed(0)
    line = torch.tensor([[5.0, 1.0], [6.0, 3.0], [7.0, 5.0]])  # along (1, 2)
    flat = torch.tensor([[2.0, 9.0, 0.0], [-2.0, 9.0, 0.0], [0.0, 9.0, 1.0], [0.0, 9.0, -1.0]])  # along (1, 0, 0)
    many = torch.randn(40, 6, generator=generator) * torch.tensor([1.0, 1.0, 4.0, 1.0, 0.5, 0.1]) + 10.0
    cases = [(line,), (flat,), (many,)]
    wanted = [torch.linalg.svd(points - points.mean(0)).Vh[0] for (points,) in cases]
    return function_feedback(answer, cases, wanted, axis_feedback)


def axis_feedback(answer: Any, wanted: torch.Tensor) -> str:
    """What is wrong with an axis, "" where it is the right one or its opposite."""
    try:
        axis = torch.as_tensor(answer, dtype=wanted.dtype).flatten()
    except (TypeError, ValueError, RuntimeError):
        return f"{answer!r} is not a list of numbers."
    if axis.shape != wanted.shape:
        return f"it has {len(axis)} numbers, and should have {len(wanted)}."
    if abs(axis.norm().item() - 1) > 1e-2:
        return f"its length is {axis.norm().item():.3g}, and should be 1."
    return "" if abs((axis @ wanted).item()) > 0.999 else "it points in another direction than the first axis."


@exercise(
    "06.4",
    "Which questions can tell following from staying?",
    "Three outcomes for each question that counts: as before, as the donor, something else.",
    "Keep the questions whose own and donor's answers differ, and divide by their number.",
)
def effect(answer: Any) -> str:
    """effect(before, after, donor): shares that stay, follow, and become something else."""
    cases = [
        (["1", "2", "3", "4"], ["1", "9", "3", "7"], ["5", "9", "8", "6"]),
        (["1", "2", "3"], ["1", "5", "3"], ["1", "5", "4"]),  # the first has equal answers and does not count
        (["7", "7"], ["7", "8"], ["7", "7"]),
        (["1", "2"], ["3", "4"], ["5", "6"]),
    ]
    wanted = [[0.5, 0.25, 0.25], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    return function_feedback(answer, cases, wanted, list_feedback)
