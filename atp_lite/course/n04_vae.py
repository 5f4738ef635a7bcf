"""04: a variational autoencoder for thoughts."""

from __future__ import annotations

from typing import Any

import torch

from atp_lite.course.grading import exercise, function_feedback, number_feedback
from atp_lite.model import kl_divergence


@exercise(
    "04.1",
    "Take the three dimensions one by one; the first one is at the prior.",
    "The formula of section 4 has four terms, and is halved. Which logarithm stands in it?",
    "Half of mu^2 + sigma^2 - 1 - log sigma^2 for each dimension, then the sum; log is the natural one.",
)
def kl_by_hand(answer: Any) -> str:
    """mu = (0, 1, -2), sigma = (1, 2, 0.1)."""
    mu, sigma = torch.tensor([0.0, 1.0, -2.0]), torch.tensor([1.0, 2.0, 0.1])
    return number_feedback(answer, kl_divergence(mu, 2 * sigma.log()).item())


@exercise(
    "04.2",
    "Squared lengths of independent directions add up.",
    "How large is one squared number on average, if its standard deviation is 0.5?",
    "The squared length is a sum of 64 squares, each 0.5^2 times a number that is 1 on average.",
)
def noise_length(answer: Any) -> str:
    """sqrt(64 * 0.25)."""
    return number_feedback(answer, 4.0)


@exercise(
    "04.3",
    "Which dimensions pay less than the floor? They are to pay the floor.",
    "The floor holds for each dimension, and not for the sum.",
    "Compare each dimension with the floor first, and add up afterwards.",
)
def free_bits(answer: Any) -> str:
    """free_bits(kl_per_dimension, floor): the sum of max(KL_i, floor)."""
    cases = [([0.0, 0.1, 2.0], 0.5), ([3.0, 0.0, 0.0, 0.0], 0.5), ([1.0, 2.0], 0.0), ([0.2, 0.3], 1.0), ([], 1.0)]
    wanted = [3.0, 4.5, 3.0, 2.0, 0.0]
    return function_feedback(answer, cases, wanted, number_feedback)


@exercise(
    "04.4",
    "A dimension that says nothing has the same mean for every input.",
    "How much does the mean vary from input to input? Rows are inputs.",
    "The variance is taken over rows, one for each dimension, and divides by their number. Then count.",
)
def active_dimensions(answer: Any) -> str:
    """active(mu, threshold): dimensions whose mean varies over inputs by more than the threshold."""
    still = torch.tensor([[3.0, 0.0, 1.0], [3.0, 0.0, -1.0]])  # variances 0, 0, 1
    some = torch.tensor([[0.0, 0.3, 2.0, -1.0], [0.0, 0.1, 4.0, 1.0], [0.0, 0.2, 0.0, 0.0]])  # 0, .0067, 2.67, .667
    pair = torch.tensor([[0.12], [-0.12]])  # 0.0144; divided by n - 1 it would be 0.0288
    cases = [(still, 0.01), (some, 0.01), (some, 1.0), (some, 0.005), (pair, 0.02)]
    return function_feedback(answer, cases, [1, 2, 1, 3, 0], number_feedback)
