"""`Domain`: all that the package must know about what is reasoned about, in one object; `DOMAINS` finds it by name.

A domain is a class with the methods it can offer; the others raise `NotMeasured`, and metrics leave out what they would
have measured. So an unknown domain has no coherence, rather than one of 0:

    @DOMAINS.register("roads")
    class Roads(Domain): ...

A planner's configuration holds the name (`config.domain`), so whatever looks at a planner asks its domain.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, ParamSpec, TypeVar

from atp_lite.domains.answers import is_right
from atp_lite.domains.chains import ChainVerdict, NeededStep, Rest, count_orders, orders, verify_chain
from atp_lite.domains.coherence import Coherence, ReadStep, coherence, read_answer, read_equation
from atp_lite.domains.overlap import normalise_question, overlap
from atp_lite.domains.problem import Problem
from atp_lite.registry import Registry

OPERATORS = {"+": "+ (add)", "-": "− (subtract)", "*": "× (multiply)", "/": "÷ (divide)"}
OPERATORS |= {"×": OPERATORS["*"], "÷": OPERATORS["/"]}
"""Operator -> how a legend calls it."""
P = ParamSpec("P")
T = TypeVar("T")


class NotMeasured(ValueError):
    """A domain has no such measure, or cannot take it of this problem. Metrics leave it out; it is never 0."""


def measured(measure: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What `measure` returns, None where it raises NotMeasured."""
    try:
        return measure(*args, **kwargs)
    except NotMeasured:
        return None


@dataclass(frozen=True)
class Vocabulary:
    """The closed vocabulary of a domain, of which `tokens.domain_tokenizer` makes a tokenizer."""

    words: tuple[str, ...]
    """Runs of letters, whole numbers and single signs, in the order of their ids."""
    spaces: bool = True
    """Whether text has spaces between words; operators, `;` and brackets are then added, and never have any."""


class Domain:
    """What is reasoned about. Write the methods you can; every other one raises NotMeasured.

    | to have | write |
    |---|---|
    | a planner from random weights | `vocabulary` |
    | made problems (`atp-lite data`, `sft`, `rl` without files) | `generate`, `settings_class`, `default_counts` |
    | typed questions (`solve`, explorers) | `read_question`, `recognises`, `example` |
    | coherence, validity, well-formed answers | `read_step`, `read_answer` |
    | right chains, and how many there are | `needed_steps` |
    | lines of evidence (`atp-lite compare`) | `one_step_longer`, `wrong_labels` |
    | labels in which a thought is a cause (`SFTSettings.counterfactual`) | `counterfactual` |
    | what follows from a thought that was put in (`evaluation.causes`) | `counterfactual`, `substitute`, `follows` |
    """

    name: str = ""
    """The name it is registered by."""
    settings_class: ClassVar[type[Any] | None] = None
    """Settings of its problems, which can be made without arguments."""
    splits: ClassVar[tuple[str, ...]] = ("train", "rl", "validation", "test")
    """Splits that it has files or problems of its own for."""
    disjoint: ClassVar[bool] = True
    """Whether no question can be in two splits; if not, questions to select with are taken out of the training data."""
    label: ClassVar[str] = ""
    """What its folder in `data/` and its test set are called; its name if empty."""
    about: ClassVar[str] = "problems"
    """What its problems are, in words."""
    example: ClassVar[str] = ""
    """A question that an explorer begins with."""
    ruler: ClassVar[str] = "valid steps"
    """What steps are called whose two sides agree."""
    bundled: ClassVar[str | None] = None
    """The bundled checkpoint that solves its questions."""

    # ------------------------------------------------------------------ problems

    def generate(self, settings: Any, split: str, counts: Mapping[int, int] | None = None) -> list[Problem]:
        """Distinct problems of one split: `counts[n]` of them with n needed steps, `default_counts` where None."""
        raise self._lacks("generate")

    def default_counts(self, split: str, settings: Any) -> dict[int, int]:
        """How many problems of each number of steps a split holds by default."""
        raise self._lacks("default_counts")

    @property
    def makes_problems(self) -> bool:
        return type(self).generate is not Domain.generate

    def load(self, settings: Any, split: str) -> list[Problem]:
        """The problems of one split, made or read; `generate` unless a domain has files."""
        return self.generate(settings, split)

    def make_splits(
        self, settings: Any, counts: Mapping[str, Mapping[int, int]] | None = None
    ) -> dict[str, list[Problem]]:
        """Every split of made problems. Raises ValueError where two of them share a question.

        counts: of a split, how many problems of each number of steps; a split that is not named has its default.
        """
        made = {split: self.generate(settings, split, (counts or {}).get(split)) for split in self.splits}
        if shared := overlap(made, self.question_key):
            where = ", ".join(map(str, shared))
            raise ValueError(f"{self.name}: questions are in two splits, or twice in one: {where}")
        return made

    def question_key(self, question: str) -> str:
        """What two texts of one question share; splits are compared by it."""
        return " ".join(question.split())

    def test_name(self, settings: Any) -> str:
        """What its test set is called in a table."""
        return self.label or self.name

    def one_step_longer(self, settings: Any) -> Any:
        """The same settings for problems that need one step more than any of theirs."""
        raise self._lacks("one_step_longer")

    def wrong_labels(self, problems: Sequence[Problem]) -> int:
        """How many labels are wrong; what their questions say is true."""
        raise self._lacks("wrong_labels")

    def describe_labels(self, problems: Sequence[Problem]) -> str:
        """What is wrong with the labels, in a few words for `atp-lite data`; empty where nobody can tell."""
        wrong = measured(self.wrong_labels, problems)
        return "" if wrong is None else f"{wrong} wrong labels"

    def examples(self, counts: Mapping[int, int] | None = None) -> list[Problem]:
        """Problems to look at: the worked example, then test problems (`counts` of each number of steps)."""
        made = self.generate(self.default_settings(), "test", counts) if self.makes_problems else []
        return ([self.read_question(self.example)] if self.example else []) + made

    def default_settings(self) -> Any:
        return None if self.settings_class is None else self.settings_class()

    def vocabulary(self, settings: Any) -> Vocabulary:
        """Every word of its questions, steps and answers."""
        raise self._lacks("vocabulary")

    # ------------------------------------------------------------------ reading

    def recognises(self, text: str) -> bool:
        """Whether a typed question looks like one of this domain."""
        return False

    def read_question(self, text: str) -> Problem:
        """A typed question as a problem with steps and answer. Raises ValueError that says what cannot be read."""
        raise self._lacks("read_question")

    def read_step(self, text: str) -> ReadStep | None:
        """What a step says; None where it is none."""
        raise self._lacks("read_step")

    def step_kind(self, text: str) -> str:
        """The category of a step, for legends."""
        return "step" if measured(self.read_step, text) is not None else "no step"

    def read_answer(self, text: str) -> Any:
        """The value of an answer, comparable with a step's `rhs`; None where it is none."""
        raise self._lacks("read_answer")

    def needed_steps(self, question: str) -> Sequence[NeededStep]:
        """The steps that a question needs, each with the earlier ones it uses (a DAG). Raises ValueError."""
        raise self._lacks("needed_steps")

    def counterfactual(
        self, problem: Problem, rng: random.Random, place: int | None = None
    ) -> tuple[int, Problem] | None:
        """A label of which one step is replaced, and what follows is worked out from that: (its place, the problem).

        The question does not lead to that step, so nobody can predict it; everything after it can be. None where this
        label allows no such thing. All draws are from `rng`, also that of the place, counted from 0, if none is given.
        """
        raise self._lacks("counterfactual")

    def substitute(self, problem: Problem, place: int, step: str) -> Problem | None:
        """The label with another step at `place` (from 0), and what follows worked out from that.

        None where nothing follows from that step there, or nothing else than before.
        """
        raise self._lacks("substitute")

    def follows(self, problem: Problem, place: int, step: str, steps: Sequence[str]) -> Rest:
        """Whether the steps that come after `place` go on from `step`, which took the place of the label's own."""
        raise self._lacks("follows")

    # ------------------------------------------------------------------ judging

    def is_right(self, answer: str, reference: str, relative: Fraction | float = 0) -> bool:
        """Whether a model's answer is the reference: the same number where that is one, otherwise the same text."""
        return is_right(answer, reference, relative)

    def coherence(self, steps: Sequence[str], answer: str, question: str = "") -> Coherence:
        """Which result is used where. Raises NotMeasured where steps and answers cannot be read."""
        for method in ("read_step", "read_answer"):
            if getattr(type(self), method) is getattr(Domain, method):  # also where there is no step to read
                raise self._lacks(method)
        return coherence(steps, answer, self.read_step, self.read_answer)

    def verify(self, problem: Problem, steps: Sequence[str]) -> ChainVerdict:
        """Whether decoded steps are a right chain of the question: every needed step once, after all that it uses.

        The label does not matter. Raises NotMeasured where the needed steps cannot be read off the question.
        """
        return verify_chain(self._needed(problem), steps)

    def complete_prefix(self, problem: Problem, steps: Sequence[str]) -> Sequence[str]:
        """The shortest beginning of a chain that arrives (`verify`); all of it where none does, or nobody can tell."""
        for end in range(len(steps) + 1):
            verdict = measured(self.verify, problem, steps[:end])
            if verdict is None or verdict.arrives:
                return steps if verdict is None else steps[:end]
        return steps

    def equivalent_chains(self, problem: Problem) -> Iterator[tuple[str, ...]]:
        """Every right chain: the needed steps in each order that respects what uses what. Lazy.

        Chains are worked out from the question, so a wrong label does not matter. Two different operations may read
        the same (`3+4=7` from `3+4` and from `(1+2)+4`); then some chains do too. Generated problems avoid this.
        """
        steps = self._needed(problem)
        for order in orders(tuple(step.uses for step in steps)):
            yield tuple(steps[i].text for i in order)

    def count_chains(self, problem: Problem) -> int:
        """How many chains `equivalent_chains` gives, without listing them; see `chains.count_orders`."""
        return count_orders(tuple(step.uses for step in self._needed(problem)))

    def _needed(self, problem: Problem) -> Sequence[NeededStep]:
        try:
            return self.needed_steps(problem.question)
        except NotMeasured:
            raise
        except ValueError as error:
            raise NotMeasured(f"the chain of {problem.question!r:.80} cannot be verified: {error}") from error

    def _lacks(self, method: str) -> NotMeasured:
        if self.name:
            own = type(self).__name__
            return NotMeasured(f"the domain {self.name!r} has no {method}: define it in {own}, or do without")
        return NotMeasured(
            f"this planner names no domain, so there is no {method}: name one ({', '.join(DOMAINS)}, or yours) with "
            'Planner.from_pretrained(folder, domain=...) or as "domain" in its config.json'
        )


class EquationDomain(Domain):
    """A domain whose steps are equations and whose answers are numbers."""

    ruler = "valid arithmetic"

    def question_key(self, question: str) -> str:
        return normalise_question(question)

    def read_step(self, text: str) -> ReadStep | None:
        return read_equation(text)

    def step_kind(self, text: str) -> str:
        """The one operator of an equation, `several`, or `no equation`."""
        equation = read_equation(text)
        if equation is None:
            return "no equation"
        found = set(re.findall(r"(?<=[\d.%)])\s*([-+*/×÷])", equation.lhs))
        return OPERATORS[found.pop()] if len(found) == 1 else "several"

    def read_answer(self, text: str) -> Fraction | None:
        return read_answer(text)


class Domains(Registry[Domain]):
    """Name -> domain, and the domain of some settings or of a typed question."""

    def register(self, name: str) -> Callable[[type[T]], type[T]]:  # type: ignore[override]
        """Decorator of a class derived from `Domain`: adds one of it under `name`, which can be taken only once."""
        enter = super().register(name)

        def add(cls: type[T]) -> type[T]:
            domain = cls()
            if not isinstance(domain, Domain):
                raise TypeError(f"{cls.__name__} is no domain: derive it from atp_lite.domains.Domain")
            domain.name = name
            enter(domain)
            return cls

        return add

    def of(self, settings: object) -> Domain:
        """The domain whose settings these are. Raises ValueError where there is none."""
        for domain in self.values():
            if type(settings) is domain.settings_class:
                return domain
        raise ValueError(f"no domain has the settings {type(settings).__name__}: register one with this settings_class")

    def reading(self, text: str) -> Domain:
        """The domain of a typed question: the last one registered that recognises it. Toy expressions take the rest."""
        return next(domain for domain in reversed(self.values()) if domain.recognises(text))


DOMAINS = Domains("domain")
"""Every domain by its name."""

UNNAMED = Domain()
"""The domain of a planner that names none: answers can be compared, and nothing else is known."""


def generate(settings: object, split: str, counts: Mapping[int, int] | None = None) -> list[Problem]:
    """Problems of the domain whose settings these are: `ArithmeticSettings` give expressions, `StorySettings` stories.

    See `Domain.generate`.
    """
    return DOMAINS.of(settings).generate(settings, split, counts)


def default_counts(split: str, settings: object) -> dict[int, int]:
    """How many problems of each number of steps a split holds by default."""
    return DOMAINS.of(settings).default_counts(split, settings)


def read_question(text: str) -> Problem:
    """A typed question as a problem, of the domain that recognises it."""
    return DOMAINS.reading(text).read_question(text)


def needed_steps(question: str) -> Sequence[NeededStep]:
    """The steps a question needs, in written order; each names the earlier steps it uses (a DAG)."""
    return DOMAINS.reading(question).needed_steps(question)


def equivalent_chains(problem: Problem) -> Iterator[tuple[str, ...]]:
    """Every right chain of the question; see `Domain.equivalent_chains`."""
    return DOMAINS.reading(problem.question).equivalent_chains(problem)


def count_chains(problem: Problem) -> int:
    """How many right chains the question has; see `Domain.count_chains`."""
    return DOMAINS.reading(problem.question).count_chains(problem)
