"""12: a reward of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from atp_lite.course.grading import exercise, function_feedback, number_feedback
from atp_lite.domains import same_number
from atp_lite.domains.coherence import coherence, read_answer, read_equation


@exercise(
    "12.1",
    "When are two steps the same step, though their texts differ?",
    "Read each text as an equation; a text that cannot be read is not new.",
    "Collect (operands, rhs) of every step that read_equation can read in a set; divide by all steps.",
)
def fresh(answer: Any) -> str:
    """fresh(steps): equations that repeat none before them, over steps."""
    cases = [
        (["3+4=7", "9-2=7", "7*7=49"],),
        (["3+4=7", "3+4=7", "7*7=49"],),
        (["3+4=7", " 3 + 4 = 7 ", "03+4=7"],),
        (["", "", "3+4=7"],),  # no equations, and not new
        (["words", "other words"],),
        ([],),
        (["3+4=7", "4+3=7"],),  # another order of operands is another step
        (["3+4=7", "7*2=14", "3+4=7", "7*2=14"],),
    ]
    return function_feedback(answer, cases, [share_of_new(steps) for (steps,) in cases], number_feedback)


def share_of_new(steps: Sequence[str]) -> float:
    """Equations that repeat none before them, over steps; 0 of none."""
    seen = {(tuple(e.operands), e.rhs) for step in steps if (e := read_equation(step)) is not None}
    return len(seen) / len(steps) if steps else 0.0


@exercise(
    "12.2",
    "Neither reward asks what a result is good for. What does each of them ask?",
    "Steps must be true and different. Nobody asks that a later one goes on from an earlier one.",
    "Give each step operands that no other step has as its result, and let the answer be the last result.",
)
def nothing_follows(answer: Any) -> str:
    """(steps, answer): three steps or more, true, fresh, arriving; and a coherence of 1/3 at most."""
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return "Give a pair: the list of steps, and the answer."
    steps, final = answer
    if isinstance(steps, str) or not isinstance(final, str) or not all(isinstance(step, str) for step in steps):
        return "Give a list of texts and a text."
    found, last = coherence(steps, final), read_equation(steps[-1]) if steps else None
    if len(steps) < 3:
        return f"There are {len(steps)} steps: give at least three."
    if found.right < 1:
        return f"{next(step.text for step in found.steps if not step.is_right)!r} is no valid arithmetic."
    if last is None or last.rhs != read_answer(final):
        return f"The last step does not come to {final!r}."
    if (new := share_of_new(steps)) < 1:
        return f"The share of fresh steps is {new:.2f}."
    return f"The coherence is {found.score:.2f}." if found.score > 1 / 3 + 1e-9 else ""


@exercise(
    "12.3",
    "What has to hold before anything is paid?",
    "Compare with same_number, not letter by letter; an answer of no characters cannot be right.",
    "Where the numbers are the same, 1 over the length of the answer as it was said; else 0.",
)
def short_and_right(answer: Any) -> str:
    """short_and_right(answer, reference): 1 / characters of a right answer, else 0."""
    cases = [
        ("8", "8"),
        ("14", "14"),
        ("1", "14"),
        ("08", "8"),
        ("8", "08"),
        ("", "8"),
        ("x", "8"),
        ("120", "120"),
    ]
    wanted = [1 / len(said) if same_number(said, reference) else 0.0 for said, reference in cases]
    return function_feedback(answer, cases, wanted, number_feedback)
