"""04b: a posterior that sees the step."""

from __future__ import annotations

from typing import Any

import torch

from atp_lite.course.grading import exercise, list_feedback, number_feedback
from atp_lite.domains.coherence import read_equation
from atp_lite.model.distributions import gaussian_kl


@exercise(
    "04b.1",
    "Take the two dimensions one by one, and add up.",
    "Which of the two variances is divided by which? Under the fraction stands the prior's.",
    "Half of log(p / q) + (q + squared distance of the means) / p - 1 for each dimension, p and q the two variances.",
)
def surprise_by_hand(answer: Any) -> str:
    """mu = (1, 0), sigma = (0.5, 1) against mu' = (0, 0), sigma' = (1, 2)."""
    mu, sigma, width = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 1.0]), torch.tensor([1.0, 2.0])
    return number_feedback(answer, gaussian_kl(mu, 2 * sigma.log(), torch.zeros(2), 2 * width.log()).item())


@exercise(
    "04b.2",
    "What does the last step do with the first thought?",
    "The second thought does not depend on the first and stays: 9-2=7. So which number times 7 is 35?",
    "Any true step with one operation and the result 5 will do, written as in the question's own chain.",
)
def typed_cause(answer: Any) -> str:
    """A step for the first thought about (3+4)*(9-2), so that the answer becomes 35."""
    if not isinstance(answer, str):
        return "Give a text such as '3+4=7'."
    equation = read_equation(answer)
    if equation is None or len(equation.operands) != 2:
        return f"{answer!r} is no step: write one operation and its result."
    if not equation.is_right:
        return f"{answer!r} is not true."
    return "" if equation.rhs == 5 else f"After {answer} the last step is {equation.rhs}*7."


@exercise(
    "04b.3",
    "Where must the mean lie, if both thoughts are to be equally near?",
    "How far from m does a draw of either thought lie on average, squared? Two parts: its own width, and the distance.",
    "The best single Gaussian has the mean and the variance of both together. Add the two parts, and take the root.",
)
def one_for_two(answer: Any) -> str:
    """N(-1, 0.1^2) and N(1, 0.1^2): mean 0, variance 1 + 0.01."""
    return list_feedback(answer, [0.0, 1.01**0.5])
