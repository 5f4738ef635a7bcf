"""Random toy questions: their settings, their splits, and how they are drawn.

Plain regime: a random tree of n operations, so the length of a question (4n-1 tokens) tells how many steps it
needs. Hidden length: decorations (see expressions.py) and repeated parts bring every question to one length.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import product
from typing import Literal, Protocol, get_args

from atp_lite.domains.expressions import expression_tokens, read

Split = Literal["train", "rl", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
MOST_OPS = 6
"""The largest number of steps that is generated."""
HIDDEN_EXTRA_TOKENS = 8
"""Tokens of decoration that a question with `max_ops` steps carries in the hidden-length regime."""

_LIST_ALL_BELOW = 100_000  # trees: a space this small is listed, a larger one is sampled
_PATIENCE = 200_000  # draws in a row without a new problem before the space counts as exhausted


@dataclass(frozen=True)
class ArithmeticSettings:
    """What toy problems look like."""

    min_ops: int = 2
    """Fewest steps needed (1 to 6)."""
    max_ops: int = 4
    """Most steps needed (min_ops to 6)."""
    operators: str = "+-*"
    """The operators in use, some of + - *."""
    max_leaf: int = 9
    """Leaves are drawn uniformly from 1 to max_leaf."""
    min_value: int = 1
    """Smallest result of a step."""
    max_value: int = 49
    """Largest result of a step; the vocabulary has one token for each number from 0 to max_value."""
    hidden_length: bool = False
    """True: every question has the same number of tokens, however many steps it needs."""
    label_noise: float = 0.0
    """Probability (0 to 1) that a training label swaps its last + or -, where the result stays in range."""
    label_order: Literal["random", "written"] = "random"
    """Order of a label's steps: uniform over all valid orders, or from left to right."""
    seed: int = 0
    """Seed of everything random, except which split a question belongs to."""

    def __post_init__(self) -> None:
        def check(holds: bool, field: str, way_out: str) -> None:
            if not holds:
                raise ValueError(f"ArithmeticSettings.{field} = {getattr(self, field)!r}: {way_out}")

        for field in ("min_ops", "max_ops", "max_leaf", "min_value", "max_value", "seed"):
            check(type(getattr(self, field)) is int, field, "use a whole number")
        low, high = self.min_ops, self.max_ops
        check(1 <= low <= MOST_OPS, "min_ops", f"use 1 to {MOST_OPS}")
        check(low <= high <= MOST_OPS, "max_ops", f"use min_ops ({low}) to {MOST_OPS}")
        known = set(self.operators) & set("+-*")
        check(bool(known) and len(known) == len(self.operators), "operators", "use some of +-*, each once")
        check(self.max_leaf >= 1, "max_leaf", "use 1 or more")
        check(self.min_value >= 0, "min_value", "use 0 or more; negative numbers have no token")
        largest = max(self.min_value, self.max_leaf)
        check(self.max_value >= largest, "max_value", f"use at least min_value and max_leaf ({largest})")
        check(0 <= self.label_noise <= 1, "label_noise", "use a probability from 0 to 1")
        swappable = {"+", "-"} <= known
        check(swappable or not self.label_noise, "label_noise", "use 0, or have + and - among the operators")
        check(self.label_order in ("random", "written"), "label_order", "use 'random' or 'written'")

    @property
    def stream(self) -> tuple[object, ...]:
        """What the random numbers depend on, besides their use."""
        return (self.seed, self.hidden_length)


DEFAULT_SETTINGS = ArithmeticSettings()


def question_length(settings: ArithmeticSettings, steps: int) -> int:
    """Tokens in a generated question that needs so many steps; a constant in the hidden-length regime."""
    return 4 * settings.max_ops - 1 + HIDDEN_EXTRA_TOKENS if settings.hidden_length else 4 * steps - 1


def split_of_core(core: str) -> Split:
    """The split of a question whose text without decorations is `core`; see `split_of`."""
    percent = int.from_bytes(blake2b(core.encode(), digest_size=8).digest(), "big") % 100
    return "train" if percent < 70 else "rl" if percent < 80 else "validation" if percent < 90 else "test"


Shape = tuple[tuple[int, int], ...]
"""A binary tree: for each operation in written order its operands, an operation's place or -1 for a leaf."""
Tree = int | tuple  # a leaf, (operator, left, right), or ("()", inner) for redundant parentheses


@lru_cache
def tree_shapes(n: int) -> tuple[Shape, ...]:
    """Every binary tree of n operations; the Catalan numbers count them: 1, 2, 5, 14, 42, 132."""
    if n == 0:
        return ((),)
    shapes = []
    for left_size in range(n):
        right_size = n - 1 - left_size
        for left, right in product(tree_shapes(left_size), tree_shapes(right_size)):
            moved = tuple(tuple(i + left_size if i >= 0 else -1 for i in pair) for pair in right)
            shapes.append((*left, *moved, (left_size - 1, n - 2 if right_size else -1)))
    return tuple(shapes)


def _build_tree(
    shape: Shape, operators: Sequence[str], leaves: Sequence[int], settings: ArithmeticSettings
) -> Tree | None:
    """The tree; None where a result is out of range, an operation changes nothing or two steps are equal."""
    low, high = settings.min_value, settings.max_value
    done: list[tuple[int, Tree]] = []
    seen = set()
    leaf = 0
    for (i, j), operator in zip(shape, operators, strict=True):
        if i < 0:
            left = left_tree = leaves[leaf]
            leaf += 1
        else:
            left, left_tree = done[i]
        if j < 0:
            right = right_tree = leaves[leaf]
            leaf += 1
        else:
            right, right_tree = done[j]
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
    if not path:
        return part
    return tuple(_replace(child, path[1:], part) if i == path[0] else child for i, child in enumerate(tree))


def _repeat_a_part(tree: Tree, room: int, n: int, settings: ArithmeticSettings, rng: random.Random) -> Tree:
    """Put a copy of one operation in the place of a leaf, where n steps still do; else the tree as it was."""
    nodes = list(_paths(tree))
    leaves = [place for place, node in nodes if isinstance(node, int)]
    parts = [
        (at, part)
        for at, part in nodes[1:]
        if not isinstance(part, int)
        and 4 * sum(not isinstance(node, int) for _, node in _paths(part)) <= room
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


class Streamed(Protocol):
    """Settings that random numbers may depend on."""

    @property
    def stream(self) -> tuple[object, ...]: ...


def random_stream(settings: Streamed, *names: object) -> random.Random:
    """A stream of its own for each use, the same in every process."""
    key = "/".join(map(str, (*settings.stream, *names)))
    return random.Random(int.from_bytes(blake2b(key.encode(), digest_size=16).digest(), "big"))


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
