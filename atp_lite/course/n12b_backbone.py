"""12b: another backbone."""

from __future__ import annotations

from typing import Any

import torch

from atp_lite.course.grading import exercise, function_feedback, list_feedback, tensor_feedback


@exercise(
    "12b.1",
    "Two narrow matrices stand in for one change of W.",
    "Multiply rows and columns of each, and compare with those of W.",
    "A has r rows and as many columns as W; B has as many rows as W and r columns.",
)
def lora_cost(answer: Any) -> str:
    """Rank 4 beside a matrix of 256 rows and 64 columns."""
    trained = 4 * (256 + 64)
    return list_feedback(answer, [trained, trained / (256 * 64)])


@exercise(
    "12b.2",
    "The product B A is bent by both factors. What does the gradient of one of them go through?",
    "A x is one number here. The gradient of B has it as a factor; the gradient of A has B as a factor.",
    "Each is alpha / r times the gradient of y, times what stands on the other side: A x for B, and B with x for A.",
)
def moves_first(answer: Any) -> str:
    """Gradients of A = (1, 2) and B = (0, 0) for x = (3, 1), gradient (1, -1) of y and alpha / r = 2."""
    return list_feedback(answer, [0, 0, 10, -10])


@exercise(
    "12b.3",
    "y = W x + ... is linear in x: which one matrix takes x to y?",
    "Leave x out. In which order do B and A stand, and what are their shapes?",
    "The rank is the number of rows of A. B A has the shape of W; scale it, and add W.",
)
def merge(answer: Any) -> str:
    """merged(W, A, B, alpha) = W + (alpha / r) B A."""
    draws = torch.Generator().manual_seed(0)
    cases, wanted = [], []
    for rows, columns, rank, alpha in ((2, 2, 1, 2.0), (2, 3, 2, 16.0), (3, 3, 2, 1.0)):
        shapes = ((rows, columns), (rank, columns), (rows, rank))
        W, A, B = (torch.randint(-3, 4, shape, generator=draws).float() for shape in shapes)
        cases.append((W, A, B, alpha))
        wanted.append(W + alpha / rank * B @ A)
    return function_feedback(answer, cases, wanted, tensor_feedback)
