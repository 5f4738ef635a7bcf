"""08b: planning where many chains are right."""

from __future__ import annotations

from math import exp
from typing import Any

from atp_lite.course.grading import exercise, function_feedback, list_feedback


@exercise(
    "08b.1",
    "Where does each hop begin, and where did the one before it end?",
    "One hop begins where nobody was. What does that make of the walk, and what of the share of hops?",
    "arrives is 1 or 0, for the walk as a whole; hops counts the hops in their place and divides by all of them.",
)
def both_rewards(answer: Any) -> str:
    """`eb>ec`, `ec>ed`, `dc>dd`, `dd>de`, `de>ce`: no walk, four of five hops in their place."""
    return list_feedback(answer, [0.0, 0.8])


@exercise(
    "08b.2",
    "Work out l first. Which of the two derivatives looks at the decoder, and which at the noise?",
    "The derivative of log sigmoid(l) is 1 - sigmoid(l); that of log pi is (l - mu) / sigma^2.",
    "l is 1. Multiply both derivatives by A; with the noise held, l moves as far as mu does.",
)
def two_estimators(answer: Any) -> str:
    """mu = 0, sigma = 0.5, eps = 2, A = -1.5; p(s | l) = sigmoid(l)."""
    return list_feedback(answer, [-1.5 * (1 - 1 / (1 + exp(-1))), -6.0])


@exercise(
    "08b.3",
    "The likeliest step at every thought need not make a right chain: only right ones are compared.",
    "Add up the log-probabilities of a chain's texts, each at its own thought.",
    "`max` with a key takes the chain whose sum is largest; `.get(text, -50)` reads what may be missing.",
)
def nearest(answer: Any) -> str:
    """nearest(chains, log_p): the right chain with the largest sum of log-probabilities."""
    orders = [["3+4=7", "9-2=7", "7*7=49"], ["9-2=7", "3+4=7", "7*7=49"]]
    last = {"7*7=49": -0.1}
    twice = [{"3+4=7": -0.2, "9-2=7": -1.7}, {"3+4=7": -0.4, "9-2=7": -1.2}, last]  # the first is ahead at both
    turned = [{"3+4=7": -0.5, "9-2=7": -0.9}, {"3+4=7": -0.3, "9-2=7": -1.6}, last]
    absent = [{"3+4=7": -0.1}, {"3+4=7": -0.1}, last]
    unread = ["1+1=2", "2+2=4", "4+4=8"]
    cases = [(orders, twice), (orders, turned), ([unread, orders[1]], absent), (orders[:1], turned)]
    wanted = [orders[0], orders[1], orders[1], orders[0]]
    return function_feedback(answer, cases, wanted, same_chain)


def same_chain(given: Any, wanted: list[str]) -> str:
    """What is wrong with a chain, "" where it is the wanted one."""
    if not isinstance(given, list | tuple) or not all(isinstance(step, str) for step in given):
        return f"{given!r} is no chain."
    return "" if list(given) == wanted else f"{', '.join(given)} is not the nearest."
