"""Problems that are made: their settings, their splits, their labels, clean or noisy.

Toy expressions and stories are both `MadeDomain`s: a question can be read, and needs steps that form a DAG. They differ
in how questions are drawn and read.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, ClassVar, Literal, Protocol, get_args

from atp_lite.domains.chains import Rest, Step, Worked, all_orders, chain_order, replaced_chain, verify_chain, work
from atp_lite.domains.domain import DOMAINS, EquationDomain, NotMeasured
from atp_lite.domains.problem import Problem

Split = Literal["train", "rl", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
MOST_OPS = 6
"""The largest number of steps that is generated."""
TRIES = 20
"""Draws of a counterfactual step before a label is left as it is."""


class HasStream(Protocol):
    """Settings of problems that are drawn."""

    @property
    def stream(self) -> tuple[object, ...]:
        """What the random numbers depend on, besides their use."""
        ...


@dataclass(frozen=True)
class MadeSettings:
    """What expressions and stories have in common."""

    min_ops: int = 2
    """Fewest steps needed (1 to 6)."""
    max_ops: int = 4
    """Most steps needed (min_ops to 6)."""
    max_leaf: int = 9
    """Numbers in the question are drawn from 1 (stories: 2) to max_leaf."""
    min_value: int = 1
    """Smallest result of a step."""
    max_value: int = 49
    """Largest result of a step; the vocabulary has one token for each number from 0 to max_value."""
    label_noise: float = 0.0
    """Probability (0 to 1) that a training label swaps its last + or -, where the result stays in range."""
    label_order: Literal["random", "written"] = "random"
    """Order of a label's steps: uniform over all valid orders, or that of the text."""
    seed: int = 0
    """Seed of everything random, except which split a question belongs to."""

    def __post_init__(self) -> None:
        for field in ("min_ops", "max_ops", "max_leaf", "min_value", "max_value", "seed"):
            self.check(type(getattr(self, field)) is int, field, "use a whole number")
        low, high = self.min_ops, self.max_ops
        self.check(1 <= low <= MOST_OPS, "min_ops", f"use 1 to {MOST_OPS}")
        self.check(low <= high <= MOST_OPS, "max_ops", f"use min_ops ({low}) to {MOST_OPS}")
        largest = max(self.min_value, self.max_leaf)
        self.check(self.max_value >= largest, "max_value", f"use at least min_value and max_leaf ({largest})")
        self.check(0 <= self.label_noise <= 1, "label_noise", "use a probability from 0 to 1")
        self.check(self.seed >= 0, "seed", "use 0 or more")
        self.check(self.label_order in ("random", "written"), "label_order", "use 'random' or 'written'")

    def check(self, holds: bool, field: str, way_out: str) -> None:
        """Raise ValueError that names the field, unless it holds."""
        if not holds:
            raise ValueError(f"{type(self).__name__}.{field} = {getattr(self, field)!r}: {way_out}")

    @property
    def stream(self) -> tuple[object, ...]:
        """What the random numbers depend on, besides their use."""
        return (self.seed,)


def split_of_core(core: str) -> Split:
    """The split of a question whose text without decorations is `core`: 70 % train, 10 % each rl, validation, test."""
    percent = int.from_bytes(blake2b(core.encode(), digest_size=8).digest(), "big") % 100
    return "train" if percent < 70 else "rl" if percent < 80 else "validation" if percent < 90 else "test"


def random_stream(settings: HasStream, *names: object) -> random.Random:
    """A stream of its own for each use, the same in every process."""
    key = "/".join(map(str, (*settings.stream, *names)))
    return random.Random(int.from_bytes(blake2b(key.encode(), digest_size=16).digest(), "big"))


class MadeDomain(EquationDomain):
    """A domain of problems that are drawn, each with a question that can be read and worked out."""

    source: ClassVar[str]
    """What ids and sources of its problems begin with."""

    @abstractmethod
    def work_out(self, question: str) -> Worked:
        """A question, worked out. Raises ValueError for text that cannot be read."""

    @abstractmethod
    def sample(self, n: int, count: int, split: Split, settings: Any) -> list[str]:
        """Up to `count` distinct questions of n steps in the split, in random order; fewer where they run out."""

    def needed_steps(self, question: str) -> tuple[Step, ...]:
        """The steps a question needs, in written order. Raises ValueError for text that cannot be read."""
        return self.work_out(question).steps

    def true_answer(self, question: str) -> str:
        """The exact value of a question, as text; what its label says does not matter."""
        return str(self.work_out(question).value)

    def split_of(self, question: str) -> Split:
        """The split a question belongs to, by a hash of its core; see `split_of`."""
        return split_of_core(self.work_out(question).core)

    def generate(self, settings: Any, split: str, counts: Mapping[int, int] | None = None) -> list[Problem]:
        """Distinct problems of one split: `counts[n]` of them with n needed steps, shuffled together.

        `counts` defaults to `default_counts(split, settings)`. The result depends on the arguments alone. Labels
        carry noise (`settings.label_noise`) in the train split only; rl, validation and test always tell the
        truth. The questions, their order and the order of their steps do not depend on the noise.
        Raises ValueError for a number of steps outside the settings, and where there are not enough problems.
        """
        split = as_split(split)
        noise = settings.label_noise if split == "train" else 0.0
        source = f"{self.source}/{split}-noisy" if noise else f"{self.source}/{split}"
        problems: list[tuple[str, list[Step]]] = []
        for n, count in sorted((self.default_counts(split, settings) if counts is None else counts).items()):
            if not settings.min_ops <= n <= settings.max_ops or count < 0:
                raise ValueError(
                    f"counts[{n}] = {count}: ask for 0 or more problems of {settings.min_ops} to "
                    f"{settings.max_ops} steps, or change min_ops and max_ops"
                )
            questions = self.sample(n, count, split, settings)
            if len(questions) < count:
                raise ValueError(
                    f"{count} problems of n = {n} steps were asked of the {split!r} split, but only "
                    f"{len(questions)} were found; ask for fewer or widen max_leaf, max_value or operators"
                )
            rng = random_stream(settings, "labels", split, n)
            problems += [(text, _label(self.needed_steps(text), settings, noise, rng)) for text in questions]
        random_stream(settings, "order", split).shuffle(problems)
        return [
            Problem(text, tuple(s.text for s in steps), str(steps[-1].value), f"{self.source}-{split}-{i:06d}", source)
            for i, (text, steps) in enumerate(problems, start=1)
        ]

    def counterfactual(
        self, problem: Problem, rng: random.Random, place: int | None = None, settings: Any = None
    ) -> tuple[int, Problem] | None:
        """One step replaced by another true equation with the same operator; all that uses its result follows from it.

        The numbers that are put in are drawn from 1 to `settings.max_leaf`, and every result is in the settings' range.
        None, too, for a label that is no right chain.
        """
        settings = self.default_settings() if settings is None else settings
        needed, order = self._in_order(problem)
        if not order:
            return None
        place = rng.randrange(len(order)) if place is None else place
        true = needed[order[place]]
        for _ in range(TRIES):
            left, right = rng.randint(1, settings.max_leaf), rng.randint(1, settings.max_leaf)
            left = left * right if true.operator == "/" else left
            value = work(left, true.operator, right)
            put = None if value is None else Step(left, true.operator, right, value)
            if put and (made := _replaced(problem, needed, order, place, put, settings)):
                return place, made
        return None

    def substitute(self, problem: Problem, place: int, step: str, settings: Any = None) -> Problem | None:
        """Any true equation, also one with another operator; every result is in the settings' range."""
        settings = self.default_settings() if settings is None else settings
        (needed, order), put = self._in_order(problem), Step.read(step)
        return _replaced(problem, needed, order, place, put, settings) if order and put else None

    def follows(self, problem: Problem, place: int, step: str, steps: Sequence[str]) -> Rest:
        """Whether the later steps are those that are left, worked out from `step`, in any order that is possible."""
        (needed, order), put = self._in_order(problem), Step.read(step)
        chain = replaced_chain(needed, order, place, put) if order and put else None
        if chain is None:
            raise NotMeasured(f"{step!r} cannot stand at place {place} of {problem.steps}, so nothing follows from it")
        worked = [chain[order.index(i)] for i in range(len(needed))]
        right = verify_chain(worked, [*(s.text for s in chain[: place + 1]), *steps[place + 1 :]]).is_right
        return Rest(follows=right, arrives=right)

    def _in_order(self, problem: Problem) -> tuple[Sequence[Step], list[int]]:
        """The steps that a question needs, and in which order its label takes them; none where it is no right chain."""
        try:
            needed = self.needed_steps(problem.question)
        except ValueError:
            return (), []
        return needed, chain_order(needed, problem.steps) or []

    def one_step_longer(self, settings: Any) -> Any:
        return replace(settings, min_ops=settings.max_ops + 1, max_ops=settings.max_ops + 1)

    def wrong_labels(self, problems: Sequence[Problem]) -> int:
        return sum(p.answer != self.true_answer(p.question) for p in problems)


def as_split(split: str) -> Split:
    """The name of a split. Raises ValueError for any other text."""
    if split not in SPLITS:
        raise ValueError(f"split = {split!r}: use one of {', '.join(SPLITS)}")
    return split


def _label(needed: tuple[Step, ...], settings: MadeSettings, noise: float, rng: random.Random) -> list[Step]:
    """The steps of one label. The last operation ends every order, since all others feed it."""
    steps = list(needed)
    if settings.label_order == "random":
        steps = [steps[i] for i in rng.choice(all_orders(tuple(step.uses for step in steps)))]
    swap = rng.random() < noise  # drawn in any case, so noise changes no order
    last = steps[-1]
    if swap and last.operator in "+-":
        operator = "-" if last.operator == "+" else "+"
        value = last.left - last.right if operator == "-" else last.left + last.right
        if settings.min_value <= value <= settings.max_value and value != last.value:
            steps[-1] = Step(last.left, operator, last.right, value, last.sources)
    return steps


def _replaced(
    problem: Problem, needed: Sequence[Step], order: Sequence[int], place: int, put: Step, settings: MadeSettings
) -> Problem | None:
    """The label with `put` at `place`; None where that changes no result, or one leaves the range of the settings."""
    chain = replaced_chain(needed, order, place, put)
    if chain is None or put.value == needed[order[place]].value:
        return None
    if not all(settings.min_value <= step.value <= settings.max_value for step in chain):
        return None
    answer = chain[order.index(len(needed) - 1)].value
    return replace(problem, steps=tuple(step.text for step in chain), answer=str(answer))


def _made(question: str) -> MadeDomain:
    """The domain of a typed question that can be worked out."""
    domain = DOMAINS.reading(question)
    if not isinstance(domain, MadeDomain):
        raise ValueError(f"{question!r:.80}: questions of the domain {domain.name!r} cannot be worked out")
    return domain


def true_answer(question: str) -> str:
    """The exact value of an expression or story, as text; what its label says does not matter."""
    return _made(question).true_answer(question)


def split_of(question: str) -> Split:
    """The split a question belongs to: 70 % train, 10 % each rl, validation, test.

    By a hash of the expression without its decorations, so a decorated twin of a test question is never
    trained on, and no setting moves a question. The core of a story leaves out names, things, words and distractors, so
    no test story is a training story told again. "rl" is for reinforcement learning, which sees answers only.
    """
    return _made(question).split_of(question)


def label_errors(problems: Sequence[Problem]) -> dict[int, tuple[int, int]]:
    """For each number of steps: (how many labels have a wrong answer, how many labels there are)."""
    total = Counter(len(p.steps) for p in problems)
    wrong = Counter(len(p.steps) for p in problems if p.answer != true_answer(p.question))
    return {n: (wrong[n], total[n]) for n in sorted(total)}
