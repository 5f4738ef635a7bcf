"""00: the tour."""

from __future__ import annotations

from typing import Any

from atp_lite.course.grading import exercise, number_feedback
from atp_lite.domains import needed_steps, same_number, true_answer
from atp_lite.domains.coherence import coherence
from atp_lite.evaluation import wilson


@exercise(
    "00.1",
    "Which step can only be last? Leave it out, and count the orders of the others.",
    "Without any condition n steps have n! orders. How many of them break the one condition that is left?",
    "The last step is last in any order. Among the other four, the product comes after both its parts.",
)
def orders(answer: Any) -> str:
    """`((2+3)*(9-5))-(8-2)` has five steps: 4! / 3 orders, since the product comes last of three."""
    return number_feedback(answer, 8)


@exercise(
    "00.2",
    "Look at each result, and then only to its right.",
    "Three results: for each ask whether a later step takes it up, or the answer is it. Then take the share.",
    "A result counts where it is an operand of a later step, as a number: 7 is not part of 17.",
)
def coherence_by_hand(answer: Any) -> str:
    """`2+5=7`, `17-3=14`, `14+1=15`, answer 15."""
    return number_feedback(answer, coherence(["2+5=7", "17-3=14", "14+1=15"], "15").score)


@exercise(
    "00.3",
    "It is the lower end of the interval that has to clear 90 %, and not the share itself.",
    "More than 270 are needed. The lower end rises with the hits, so try one after the other.",
    "`wilson(hits, 300).low` is the lower end; try hits from 270 upwards.",
)
def hits_needed(answer: Any) -> str:
    """The fewest right answers of 300 whose whole interval lies above 90 %."""
    return number_feedback(answer, next(hits for hits in range(301) if wilson(hits, 300).low > 0.9), tolerance=0)


@exercise(
    "00.4",
    "The planner is right about most problems: ask it about many at once.",
    "`generate` makes test problems, `reason` takes a list of them; compare `answers` with each problem's `answer`.",
    "Let the planner reason about many test problems of four steps, and look for a wrong answer.",
)
def a_mistake(answer: Any) -> str:
    """A trace with a wrong answer to a question of at most four steps."""
    if not hasattr(answer, "answers"):
        return "That is no trace: `planner.reason([problem])` returns one."
    rows = list(zip(answer.problems, answer.answers, strict=True))
    short = [(p.question, given) for p, given in rows if len(needed_steps(p.question)) <= 4]
    if not short:
        return "No question of the trace has four steps or fewer."
    if all(same_number(given, true_answer(question)) for question, given in short):
        return f"No answer to a question of at most four steps is wrong ({len(short)} of {len(short)} are right)."
    return ""
