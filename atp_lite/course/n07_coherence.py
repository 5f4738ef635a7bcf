"""07: coherence, from decoded text to a reward."""

from __future__ import annotations

from typing import Any

from atp_lite.course.grading import Wrong, exercise, list_feedback, number_feedback, require_function
from atp_lite.domains.coherence import coherence

RIGHT_CHAINS: dict[str, list[tuple[list[str], str]]] = {
    "(3+4)*(9-2)": [
        (["3+4=7", "9-2=7", "7*7=49"], "49"),
        (["9-2=7", "3+4=7", "7*7=49"], "49"),
    ],
    "((2+6)*4)-(7+5)": [
        (["2+6=8", "8*4=32", "7+5=12", "32-12=20"], "20"),
        (["7+5=12", "2+6=8", "8*4=32", "32-12=20"], "20"),
        (["2+6=8", "7+5=12", "8*4=32", "32-12=20"], "20"),
    ],
    "(2*3)+2": [(["2*3=6", "6+2=8"], "8")],
}
"""Question -> its right chains, every one in an order in which it can be done."""

CHEATS: dict[str, list[tuple[list[str], str, str]]] = {
    "(3+4)*(9-2)": [
        (["7*7=49", "3+4=7", "9-2=7"], "49", "steps in an order in which they cannot be done"),
        (["3+4=7", "9-2=7", "1+1=2", "7*7=49"], "49", "a true step that nothing uses"),
        (["7*7=49", "7*7=49", "7*7=49"], "49", "the answer step repeated"),
        (["3+4=7", "3+4=7", "7*7=49"], "49", "one step written twice"),
        (["3+4=8", "9-2=6", "8*6=49"], "49", "wrong arithmetic"),
        (["1+1=2", "2+1=3", "3+1=4"], "4", "a chain about other numbers"),
        (["49*1=49"], "49", "a number out of nowhere"),
        (["", "", ""], "49", "empty steps"),
        ([], "49", "no steps"),
        (["3+4=7", "9-2=7", "7*7=49"], "48", "an answer that does not follow"),
    ],
    "((2+6)*4)-(7+5)": [
        (["2+6=8", "8*4=32", "32-12=20"], "20", "12 out of nowhere"),
        (["2+6=8", "2*6=12", "8*4=32", "32-12=20"], "20", "numbers of the question used twice"),
        (["2+6=8", "8*4=32", "7+5=12", "no equation"], "20", "a text that is no equation"),
    ],
    "(2*3)+2": [(["2*3=6", "6+2=8", "6+2=8"], "8", "the last step twice")],
}
"""Question -> what must earn less than its right chains, and what is wrong with it."""


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


@exercise(
    "07.4",
    "What does a right chain do with the numbers of the question? Each is used how often?",
    "Keep a list of numbers at hand. Every step must take from it and give to it.",
    "A right step takes its operands out of a bag of numbers and puts its result in. What is left?",
)
def own_reward(answer: Any) -> str:
    """own_reward(question, steps, answer): right chains equal and above every cheat."""
    reward_of = require_function(answer)

    def value(question: str, steps: list[str], final: str) -> float:
        given = reward_of(question, list(steps), final)
        if not isinstance(given, int | float) and not (hasattr(given, "item") and given.ndim == 0):
            raise Wrong(f"For {question} with {steps} and {final} it gives {given!r}: that is not a number.")
        return float(given)

    for question, chains in RIGHT_CHAINS.items():
        rewards = [value(question, *chain) for chain in chains]
        if not all(0 <= reward <= 1 for reward in rewards):
            return f"A right chain of {question} gets {max(rewards):.2f}: stay between 0 and 1."
        if max(rewards) - min(rewards) > 1e-6:
            return f"Right chains of {question} in different orders get {min(rewards):.2f} and {max(rewards):.2f}."
        for steps, final, fault in CHEATS[question]:
            if not (reward := value(question, steps, final)) < min(rewards) - 1e-6:
                return f"{fault}, {steps} with {final}, gets {reward:.2f}; a right chain gets {min(rewards):.2f}."
    return ""


def _in_text(result: str, later: list[str], final: str) -> bool:
    return any(result in step.split("=")[0] for step in later) or result in final
