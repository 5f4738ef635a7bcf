"""07: coherence, from decoded text to a reward."""

from __future__ import annotations

from typing import Any

from atp_lite.course.grading import exercise, list_feedback, number_feedback
from atp_lite.domains.coherence import coherence


@exercise(
    "07.1",
    "Take the results one by one, and look only at what comes later.",
    "4 is not used because a 14 is there. What about the last result?",
    "A result must be an operand of a LATER step, as a number, or equal the answer.",
)
def coherence_by_hand(answer: Any) -> str:
    """`1+3=4`, `14-6=8`, `8+7=15`, `9-2=7`, answer 15."""
    return number_feedback(answer, coherence(["1+3=4", "14-6=8", "8+7=15", "9-2=7"], "15").score)


@exercise(
    "07.2",
    "The reward to be cheated looks for text in text, not for numbers.",
    "Make small results and a longer answer that happens to contain their digits.",
    "Results of one digit, and an answer of two digits that contains all of them: 4 is in 14.",
)
def a_cheat(answer: Any) -> str:
    """(steps, answer): by text 1, by value 0, at least three steps of valid arithmetic."""
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return "Give a pair: the list of steps, and the answer."
    steps, final = answer
    if not isinstance(final, str) or not all(isinstance(step, str) for step in steps):
        return "Give a list of texts and a text."
    found = coherence(steps, final)
    if len(steps) < 3:
        return f"There are {len(steps)} steps: give at least three."
    if found.right < 1:
        return f"{next(step.text for step in found.steps if not step.is_right)!r} is no valid arithmetic."
    if found.score > 0:
        return f"By value the coherence is {found.score:.2f}."
    unused = [s for i, s in enumerate(steps) if not _in_text(s.split("=")[-1], steps[i + 1 :], final)]
    return f"By text the result of {unused[0]!r} is not used." if unused else ""


@exercise(
    "07.3",
    "Which terms can a wrong answer still earn?",
    "Write the total with R_correct = 0 and then with R_correct = 1, and let the rest be as good or as bad as it can.",
    "Put 0 and 1 for R_correct, then the worst or the best for the rest.",
)
def totals(answer: Any) -> str:
    """The largest total of a wrong answer; the smallest of a right, well-formed one."""
    return list_feedback(answer, [0.5, 1.5])


def _in_text(result: str, later: list[str], final: str) -> bool:
    return any(result in step.split("=")[0] for step in later) or result in final
