"""01: problems, and how many right chains they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import log2
from typing import Any

from atp_lite.course.grading import exercise, function_feedback, list_feedback, number_feedback
from atp_lite.domains import count_chains, equivalent_chains, needed_steps, read_expression

SIX = "((1+2)*(3+4))+(5*(6-2))"
"""The question of 01.1 and 01.2: six steps."""


def shares(question: str) -> dict[str, float]:
    """Every possible first step and its share among all right chains."""
    chains = list(equivalent_chains(read_expression(question)))
    return {step: count / len(chains) for step, count in Counter(chain[0] for chain in chains).items()}


@exercise(
    "01.1",
    "Draw the tree of the six steps. Which steps must come after which?",
    "There is a formula for the orders of a tree: n! is divided by something for every step.",
    "n! over the product of the subtree sizes; a step counts itself. The subtree of 3*7 has three.",
)
def chains_by_hand(answer: Any) -> str:
    """Six steps with subtrees of 1, 1, 1, 3, 2 and 6 steps: 720 / 36."""
    return number_feedback(answer, count_chains(read_expression(SIX)))


@exercise(
    "01.2",
    "Not every first step begins equally many chains. Find the three shares first.",
    "Entropy is the mean of minus the logarithm of the share, weighted by the share.",
    "8 of the 20 chains begin with 6-2=4, the other 12 with one of two steps that are alike. Use log2.",
)
def bits_of_first_step(answer: Any) -> str:
    """Shares 0.4, 0.3, 0.3."""
    return number_feedback(answer, -sum(p * log2(p) for p in shares(SIX).values()), tolerance=0.006)


@exercise(
    "01.3",
    "What you need is a list of all chains; the package makes one.",
    "A share is a count over the number of chains. Count the first entries of the chains.",
    "Let `equivalent_chains(read_expression(question))` list the chains, and count how each begins.",
)
def first_steps(answer: Any) -> str:
    """first_steps(question): step -> share. Shares are those of chains: not all possible steps are equally likely."""
    cases = [("3+4",), ("(3+4)*(9-2)",), ("((2+6)*4)-(7+5)",), (SIX,), ("((1+2)*3)-((1+2)*2)",), ("((1+2)+3)+4",)]
    return function_feedback(answer, cases, [shares(question) for (question,) in cases], shares_feedback)


def shares_feedback(answer: Any, wanted: Mapping[str, float]) -> str:
    """What is wrong with a dictionary step -> share, "" where it is right."""
    if not isinstance(answer, Mapping):
        return "that is not a dictionary."
    for step in wanted:
        if step not in answer:
            return f"{step} can be first, and is missing."
    for step, share in answer.items():
        if step not in wanted:
            return f"{step} cannot be first."
        if found := number_feedback(share, wanted[step]):
            return f"{step}: {found}"
    return ""


@exercise(
    "01.4",
    "Split the questions in two halves: those that can be wrong, and those that cannot.",
    "In the half that can be wrong, work out the chance that one draw is right, and that at least one of four is.",
    "Half of the questions are always right. In the other half a draw is right with probability 0.4.",
)
def imitator(answer: Any) -> str:
    """s = 0.5, rho = 0.6: 1 - s, 1 - s rho, 1 - s rho^4."""
    return list_feedback(answer, [0.5, 0.7, 1 - 0.5 * 0.6**4])


@exercise(
    "01.5",
    "Listing the orders takes for ever. Which smaller question has the same answer for many of them?",
    "What can come next depends on the set of finished steps, not on their order. Count the ways to each set.",
    "ways(done) is the sum of ways(done + i) over all steps i that are ready. Remember it for each set.",
)
def count_orders(answer: Any) -> str:
    """count_orders(uses), where results may be shared; the last case has too many orders to list."""
    pairs = [((), (), (0, 1), ()), (), ((), (0,), (0,), (1, 2))]
    sixteen = tuple((i - 8, i - 1) if i > 8 else () for i in range(16))  # nine can begin
    ladder = tuple((i - 1, i - 2) if i > 1 else () for i in range(16))  # only the first two can change places
    asked = ["((1+2)*(3+4))-(5*(6-2))", "((2+3)*(4+1))-((2+3)*(5-2))"]
    uses = [*pairs, *(tuple(step.uses for step in needed_steps(question)) for question in asked), ladder, sixteen]
    return function_feedback(answer, [(u,) for u in uses], [orders(u) for u in uses], number_feedback)


def orders(uses: tuple[tuple[int, ...], ...]) -> int:
    """How many orders put every step behind those it uses: the ways to each set of finished steps, added up."""
    ways = {0: 1}
    for _ in uses:
        larger: dict[int, int] = {}
        for done, count in ways.items():
            for i, used in enumerate(uses):
                if not done >> i & 1 and all(done >> j & 1 for j in used):
                    larger[done | 1 << i] = larger.get(done | 1 << i, 0) + count
        ways = larger
    return sum(ways.values())
