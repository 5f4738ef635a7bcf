"""Chains of thought as a DAG of needed steps: their valid orders, how many there are, and whether a chain is right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import factorial
from typing import Protocol

from atp_lite.domains.syntax import SAME_SYMBOL

MOST_DOWN_SETS = 200_000
"""Where `count_orders` gives up on steps that share results."""


class NeededStep(Protocol):
    """A step that a question needs."""

    @property
    def text(self) -> str:
        """The step as it is written in a chain."""
        ...

    @property
    def uses(self) -> tuple[int, ...]:
        """Which earlier needed steps give its operands."""
        ...


@dataclass(frozen=True)
class Step:
    """One step of work: `left operator right = value`."""

    left: int
    operator: str
    right: int
    value: int
    sources: tuple[int | None, int | None] = (None, None)
    """Which earlier step (by place in the written order) gives the left and the right operand; None: the question."""

    @property
    def uses(self) -> tuple[int, ...]:
        """The steps that give its operands; each once."""
        return tuple(sorted({i for i in self.sources if i is not None}))

    @property
    def text(self) -> str:
        """The step as it is written in a chain, `3+4=7`."""
        return f"{self.left}{self.operator}{self.right}={self.value}"

    @classmethod
    def read(cls, text: str) -> Step | None:
        """What a text such as `3+4=7` says; None where it is no such step, or wrong."""
        found = re.fullmatch(r"(\d+)([-+*/])(\d+)=(\d+)", canonical_step(text), re.ASCII)
        if found is None:
            return None
        left, operator, right, value = found.groups()
        step = cls(int(left), operator, int(right), int(value))
        return step if work(step.left, operator, step.right) == step.value else None


def work(left: int, operator: str, right: int) -> int | None:
    """left operator right; None where a division has a rest, or no result."""
    if operator == "/":
        return left // right if right and left % right == 0 else None
    return left + right if operator == "+" else left - right if operator == "-" else left * right


def chain_order(needed: Sequence[Step], texts: Sequence[str]) -> list[int] | None:
    """Which needed step each text of a chain is; None unless it takes all of them, each after those it uses."""
    left = list(range(len(needed)))
    order: list[int] = []
    for text in texts:
        fit = [i for i in left if needed[i].text == text and set(needed[i].uses).issubset(order)]
        if not fit:
            return None
        left.remove(fit[0])
        order.append(fit[0])
    return None if left else order


def replaced_chain(needed: Sequence[Step], order: Sequence[int], place: int, put: Step) -> list[Step] | None:
    """The chain in this order with another step at `place`; what follows is worked out from that.

    None where a number cannot be worked out.
    """
    values: dict[int, int] = {}
    chain: list[Step] = []
    for at, i in enumerate(order):
        step = needed[i]
        left, right = (
            number if source is None else values[source]
            for number, source in zip((step.left, step.right), step.sources, strict=True)
        )
        value = put.value if at == place else work(left, step.operator, right)
        if value is None:
            return None
        values[i] = value
        chain.append(replace(put if at == place else Step(left, step.operator, right, value), sources=step.sources))
    return chain


def orders(uses: tuple[tuple[int, ...], ...]) -> Iterator[tuple[int, ...]]:
    """Every order of the steps in which each comes after those it uses, lazily (topological orders).

    `uses[i]` names the steps whose results step i takes. Lexicographic; the order 0, 1, 2, ... comes first.
    """
    n = len(uses)
    users: list[list[int]] = [[] for _ in uses]
    for i, used in enumerate(uses):
        for j in used:
            users[j].append(i)
    missing = [len(used) for used in uses]
    chosen: list[int] = []
    done = [False] * n
    candidate = 0
    while True:
        if len(chosen) == n:
            yield tuple(chosen)
        else:
            while candidate < n and (done[candidate] or missing[candidate]):
                candidate += 1
            if candidate < n:
                chosen.append(candidate)
                done[candidate] = True
                for user in users[candidate]:
                    missing[user] -= 1
                candidate = 0
                continue
        if not chosen:
            return
        last = chosen.pop()
        done[last] = False
        for user in users[last]:
            missing[user] += 1
        candidate = last + 1


@lru_cache(maxsize=4096)
def all_orders(uses: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """`orders` as a tuple, remembered: the few shapes of small expressions come up again and again."""
    return tuple(orders(uses))


def count_orders(uses: tuple[tuple[int, ...], ...]) -> int:
    """How many orders `orders` would give, without listing them.

    Where every result is used once, the steps form a tree, and the hook-length formula counts its orders:
    n! / (product of the subtree sizes) (Knuth, The Art of Computer Programming, vol. 3, section 5.1.4,
    exercise 20). With shared results a dynamic programme counts the ways to reach each down-set, a set of
    finished steps that holds everything its members use.
    Raises ValueError where results are shared among more than 200 steps or in MOST_DOWN_SETS ways.
    """
    n = len(uses)
    used_results = [j for used in uses for j in used]
    if len(used_results) == len(set(used_results)):
        sizes: list[int] = []
        product = 1
        for used in uses:
            sizes.append(1 + sum(sizes[j] for j in used))
            product *= sizes[-1]
        return factorial(n) // product
    if n > 200:
        raise ValueError(f"orders with shared results are counted for at most 200 steps, not {n}; shorten it")
    needs = [sum(1 << j for j in used) for used in uses]
    ways = {0: 1}
    for _ in range(n):
        larger: dict[int, int] = {}
        for done, count in ways.items():
            for i in range(n):
                if not done >> i & 1 and needs[i] & ~done == 0:
                    larger[done | 1 << i] = larger.get(done | 1 << i, 0) + count
            if len(larger) > MOST_DOWN_SETS:
                raise ValueError(f"the orders of {n} steps with shared results are too many to count; shorten it")
        ways = larger
    return ways[(1 << n) - 1]


@dataclass(frozen=True)
class Worked:
    """A question, read and worked out."""

    question: str
    """Canonical text; of an expression: parentheses round every operation but the outermost, no spaces."""
    core: str
    """What is needed of it, in a form that questions share which differ in decoration (or names and words) alone."""
    numbers: tuple[int, ...]
    """The numbers as they stand in the question."""
    steps: tuple[Step, ...]
    """The steps needed, in written order: that of the text, and from the inside out."""
    value: int
    """The exact answer."""


@dataclass(frozen=True)
class ChainVerdict:
    """How a decoded chain compares with the steps that its question needs."""

    needed: int
    """Steps that the question needs."""
    done: int
    """How many of them the chain takes, each once and after all it uses."""
    taken: int
    """Steps of the chain: the needed ones, and those that are wrong, repeated, too early or of no use."""
    in_place: int
    """Steps of the chain that may stand where they stand: of an expression, those that are done."""
    arrives: bool
    """Whether every step is in its place and the last one gives the answer; on a map that may be by a longer way."""

    @property
    def is_right(self) -> bool:
        """Whether the chain is one of the question's equivalent chains, to the step."""
        return self.needed == self.done == self.taken

    @property
    def share(self) -> float:
        """done / max(needed, taken), in [0, 1]; 1 for right chains alone. A step too many costs as one too few does."""
        return self.done / max(self.needed, self.taken) if self.needed or self.taken else 1.0


@dataclass(frozen=True)
class Rest:
    """What comes after a step that was put in the place of another."""

    follows: bool
    """Whether every later step goes on from it."""
    arrives: bool
    """And the last one gives the answer."""


def canonical_step(text: str) -> str:
    """A step's text without white space, its operators in our spelling: what two texts of one step share.

    >>> canonical_step("7 \u00d7 7 = 49")
    '7*7=49'
    """
    return "".join(SAME_SYMBOL.get(symbol, symbol) for symbol in "".join(text.split()))


def verify_chain(needed: Sequence[NeededStep], steps: Sequence[str]) -> ChainVerdict:
    """Compare the texts of a chain with the steps needed, of which equal texts may be several.

    Steps are compared as `canonical_step`: `4+3=7` is not the step of a question that says `3+4`, just as it stands in
    none of its equivalent chains. A needed step counts as done if all that it uses was done before.
    """
    texts = [canonical_step(step.text) for step in needed]
    states = {frozenset[int]()}  # sets of needed steps that may be done by now; several where needed texts are equal
    for text in map(canonical_step, steps):
        further: set[frozenset[int]] = set()
        for state in states:
            fit = [i for i, t in enumerate(texts) if t == text and i not in state and state.issuperset(needed[i].uses)]
            further |= {state | {i} for i in fit} or {state}
        states = further
    done, taken = max(map(len, states)), len(steps)
    return ChainVerdict(len(needed), done, taken, in_place=done, arrives=len(needed) == done == taken)
