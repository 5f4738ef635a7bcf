"""07b: a verifier, and the ladder that leads to it."""

from __future__ import annotations

from typing import Any

from atp_lite.course.grading import Wrong, exercise, number_feedback, require_function
from atp_lite.domains import needed_steps
from atp_lite.domains.chains import verify_chain

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
    "07b.1",
    "Which steps does the question need, and which of them use the result of another?",
    "Go through the chain: a step is ticked off if all that it uses has been ticked off before.",
    "A step that comes before what it uses gets no tick, not even later. Ticks over the larger of needed and taken.",
)
def chain_by_hand(answer: Any) -> str:
    """`8-1=7`, `2+3=5`, `30-7=23`, `5*6=30` for `((2+3)*6)-(8-1)`."""
    needed = needed_steps("((2+3)*6)-(8-1)")
    return number_feedback(answer, verify_chain(needed, ["8-1=7", "2+3=5", "30-7=23", "5*6=30"]).share)


@exercise(
    "07b.2",
    "Which steps may stand in the chain at all? There are three of them.",
    "Four steps, and half of what is counted must be ticked off. How many ticks are that?",
    "Two ticks of four steps: what else stands there is needed too, but was written before, or stands too early.",
)
def slips_past(answer: Any) -> str:
    """Four needed steps of (3+4)*(8-2), two of which are ticked off."""
    if not isinstance(answer, list | tuple) or not all(isinstance(step, str) for step in answer):
        return "Give a list of texts."
    if len(answer) != 4:
        return f"There are {len(answer)} steps: give four."
    needed = needed_steps("(3+4)*(8-2)")
    foreign = [step for step in answer if step not in {one.text for one in needed}]
    if foreign:
        return f"{foreign[0]!r} is no step of the question."
    share = verify_chain(needed, answer).share
    return "" if share == 0.5 else f"*chain* gives {share:.2f}."


@exercise(
    "07b.3",
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
