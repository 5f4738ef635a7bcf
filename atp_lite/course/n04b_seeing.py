"""04b: a posterior that sees the step."""

from __future__ import annotations

from typing import Any

from atp_lite.course.grading import exercise, list_feedback
from atp_lite.domains.coherence import read_equation


@exercise(
    "04b.1",
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
    "04b.2",
    "Where must the mean lie, if both thoughts are to be equally near?",
    "How far from m does a draw of either thought lie on average, squared? Two parts: its own width, and the distance.",
    "The best single Gaussian has the mean and the variance of both together: 0.1 squared plus the distance squared.",
)
def one_for_two(answer: Any) -> str:
    """N(-1, 0.1^2) and N(1, 0.1^2): mean 0, variance 1 + 0.01."""
    return list_feedback(answer, [0.0, 1.01**0.5])
