"""Random toy questions: their settings, and how they are drawn.

Plain regime: a random tree of n operations, so the length of a question (4n-1 tokens) tells how many steps it
needs. Hidden length: decorations (see expressions.py) and repeated parts bring every question to one length.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from atp_lite.domains.arithmetic.expressions import expression_tokens, read
from atp_lite.domains.made import MadeSettings, Split, random_stream, split_of_core

HIDDEN_EXTRA_TOKENS = 8
"""Tokens of decoration that a question with `max_ops` steps carries in the hidden-length regime."""

_LIST_ALL_BELOW = 100_000  # trees: a space this small is listed, a larger one is sampled
_PATIENCE = 200_000  # draws in a row without a new problem before the space counts as exhausted


@dataclass(frozen=True)
class ArithmeticSettings(MadeSettings):
    """What toy problems look like."""

    operators: str = "+-*"
    """The operators in use, some of + - *."""
    hidden_length: bool = False
    """True: every question has the same number of tokens, however many steps it needs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        known = set(self.operators) & set("+-*")
        self.check(bool(known) and len(known) == len(self.operators), "operators", "use some of +-*, each once")
        self.check(self.max_leaf >= 1, "max_leaf", "use 1 or more")
        self.check(self.min_value >= 0, "min_value", "use 0 or more; negative numbers have no token")
        swappable = {"+", "-"} <= known
        self.check(swappable or not self.label_noise, "label_noise", "use 0, or have + and - among the operators")

    @property
    def stream(self) -> tuple[object, ...]:
        return (self.seed, self.hidden_length)


DEFAULT_SETTINGS = ArithmeticSettings()


def question_length(settings: ArithmeticSettings, steps: int) -> int:
    """Tokens in a generated question that needs so many steps; a constant in the hidden-length regime."""
    return 4 * settings.max_ops - 1 + HIDDEN_EXTRA_TOKENS if settings.hidden_length else 4 * steps - 1


Shape = tuple[tuple[int, int], ...]
"""A binary tree: for each operation in written order its operands, an operation's place or -1 for a leaf."""
Tree = int | tuple[Any, ...]  # a leaf, (operator, left, right), or ("()", inner) for redundant parentheses


@lru_cache
def tree_shapes(n: int) -> tuple[Shape, ...]:
    """Every binary tree of n operations; the Catalan numbers count them: 1, 2, 5, 14, 42, 132."""
    if n == 0:
        return ((),)
    shapes = []
    for left_size in range(n):
        right_size = n - 1 - left_size
        for left, right in product(tree_shapes(left_size), tree_shapes(right_size)):
            moved = [(i + left_size if i >= 0 else -1, j + left_size if j >= 0 else -1) for i, j in right]
            shapes.append((*left, *moved, (left_size - 1, n - 2 if right_size else -1)))
    return tuple(shapes)


def _build_tree(
    shape: Shape, operators: Sequence[str], leaves: Sequence[int], settings: ArithmeticSettings
) -> Tree | None:
    """The tree; None where a result is out of range, an operation changes nothing or two steps are equal."""
    low, high = settings.min_value, settings.max_value
    done: list[tuple[int, Tree]] = []
    seen = set()
    unused = iter(leaves)
    for operands, operator in zip(shape, operators, strict=True):
        (left, left_tree), (right, right_tree) = (done[i] if i >= 0 else (leaf := next(unused), leaf) for i in operands)
        value = left + right if operator == "+" else left - right if operator == "-" else left * right
        if not low <= value <= high or (left, operator, right) in seen:
            return None
        if operator == "*" and (left_tree == 1 or right_tree == 1):
            return None
        seen.add((left, operator, right))
        done.append((value, (operator, left_tree, right_tree)))
    return done[-1][1]


def _write(tree: Tree, outermost: bool = True) -> str:
    if isinstance(tree, int):
        return str(tree)
    if tree[0] == "()":
        return f"({_write(tree[1], False)})"
    inner = f"{_write(tree[1], False)}{tree[0]}{_write(tree[2], False)}"
    return inner if outermost else f"({inner})"


def _paths(tree: Tree, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Tree]]:
    yield path, tree
    if not isinstance(tree, int):
        for i in range(1, len(tree)):
            yield from _paths(tree[i], (*path, i))


def _replace(tree: Tree, path: tuple[int, ...], part: Tree) -> Tree:
    if not path or isinstance(tree, int):
        return part
    return tuple(_replace(child, path[1:], part) if i == path[0] else child for i, child in enumerate(tree))


def _repeat_a_part(tree: Tree, room: int, n: int, settings: ArithmeticSettings, rng: random.Random) -> Tree:
    """Put a copy of one operation in the place of a leaf, where n steps still do; else the tree as it was."""
    nodes = list(_paths(tree))
    leaves = [place for place, node in nodes if isinstance(node, int)]
    parts = [
        (at, part)
        for at, part in nodes[1:]
        if not isinstance(part, int) and 4 * sum(not isinstance(node, int) for _, node in _paths(part)) <= room
    ]
    choices = [(part, place) for at, part in parts for place in leaves if place[: len(at)] != at]
    for part, place in rng.sample(choices, min(3, len(choices))):
        repeated = _replace(tree, place, part)
        steps = read(_write(repeated)).steps
        in_range = all(settings.min_value <= step.value <= settings.max_value for step in steps)
        if in_range and len({step.text for step in steps}) == len(steps) == n:
            return repeated
    return tree


def _decorate(tree: Tree, room: int, settings: ArithmeticSettings, rng: random.Random) -> Tree:
    """Add exactly `room` tokens (an even number) that change nothing: `*1` takes 4, parentheses 2."""
    while room:
        path, node = rng.choice(list(_paths(tree)))
        if room >= 4 and rng.random() < 0.6:
            neutral = {"+": 0, "-": 0, "*": 1}
            operator = rng.choice(settings.operators)
            in_front = operator != "-" and rng.random() < 0.5
            node = (operator, neutral[operator], node) if in_front else (operator, node, neutral[operator])
            room -= 4
        elif path:  # not round the whole question
            node = ("()", node)
            room -= 2
        tree = _replace(tree, path, node)
    return tree


def list_questions(n: int, split: Split, settings: ArithmeticSettings) -> list[str] | None:
    """Every plain question of n steps in the split; None where the space is large or the length hidden."""
    trees = len(tree_shapes(n)) * len(settings.operators) ** n * settings.max_leaf ** (n + 1)
    if settings.hidden_length or trees > _LIST_ALL_BELOW:
        return None
    leaves = range(1, settings.max_leaf + 1)
    questions = [
        _write(tree)
        for shape in tree_shapes(n)
        for operators in product(settings.operators, repeat=n)
        for numbers in product(leaves, repeat=n + 1)
        if (tree := _build_tree(shape, operators, numbers, settings)) is not None
    ]
    return [question for question in questions if split_of_core(question) == split]


def sample_questions(n: int, count: int, split: Split, settings: ArithmeticSettings) -> list[str]:
    """Up to `count` distinct questions of n steps in the split, in random order; fewer where they run out."""
    rng = random_stream(settings, "questions", split, n)
    listed = list_questions(n, split, settings)
    if listed is not None:
        rng.shuffle(listed)
        return listed[:count]
    shapes, leaves = tree_shapes(n), range(1, settings.max_leaf + 1)
    found: dict[str, None] = {}  # keeps the order, which a set does not
    misses = 0
    while len(found) < count and misses < _PATIENCE:
        misses += 1
        operators, numbers = rng.choices(settings.operators, k=n), rng.choices(leaves, k=n + 1)
        tree = _build_tree(rng.choice(shapes), operators, numbers, settings)
        if tree is None:
            continue
        if settings.hidden_length and rng.random() < 0.5:
            room = question_length(settings, n) - (4 * n - 1)
            tree = _repeat_a_part(tree, room, n, settings, rng)
        question = _write(tree)
        if split_of_core(question) != split:
            continue
        if settings.hidden_length:
            room = question_length(settings, n) - len(expression_tokens(question))
            question = _write(_decorate(tree, room, settings, rng))
        if question not in found:
            found[question] = None
            misses = 0
    return list(found)
