"""gsm-symbolic: templates of GSM8K's kind with other names and numbers (GSM-Symbolic, arXiv 2410.05229).

> Mia peels 6 onions a minute and sautes 20 onions in 10 minutes. How long will it take her to peel and saute 60 onions?

The solution in words is read as equations; a problem whose equations are no right chain to the answer is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from atp_lite.domains.chains import NeededStep
from atp_lite.domains.domain import DOMAINS, EquationDomain, NotMeasured
from atp_lite.domains.equations import parse_equation
from atp_lite.domains.files import from_gsm8k, written_steps
from atp_lite.domains.gym import GymDomain
from atp_lite.domains.problem import Problem
from atp_lite.domains.word_problems.loading import chain_fault

ASKED = " Give the result as your final answer. Do not include units."
"""What reasoning-gym adds to every question."""


@dataclass(frozen=True)
class GsmSymbolicSettings:
    """Which problems are made."""

    held_out: Literal["questions", "templates"] = "questions"
    """What no two splits share: questions (numbers are new in the test), or whole templates (stories are new, too)."""
    min_steps: int = 1
    """Fewest steps of a chain."""
    max_steps: int = 6
    """Most steps of a chain."""
    seed: int = 0
    """Seed of everything random, except which split a question belongs to."""

    def __post_init__(self) -> None:
        if self.held_out not in ("questions", "templates"):
            raise ValueError(f"GsmSymbolicSettings.held_out = {self.held_out!r}: use 'questions' or 'templates'")
        if not 1 <= self.min_steps <= self.max_steps:
            raise ValueError(f"GsmSymbolicSettings.min_steps = {self.min_steps}: use 1 to max_steps ({self.max_steps})")
        if self.seed < 0:
            raise ValueError(f"GsmSymbolicSettings.seed = {self.seed}: use 0 or more")

    @property
    def stream(self) -> tuple[object, ...]:
        """What the random numbers depend on, besides their use."""
        return (self.seed,)


@dataclass(frozen=True)
class LabelledStep:
    """A step of a label, and the earlier ones whose results it reads."""

    text: str
    uses: tuple[int, ...]


def labelled_steps(steps: Sequence[str]) -> tuple[LabelledStep, ...]:
    """The steps of a label as a DAG: an operand that equals earlier results uses the last of them.

    Raises EquationError for a step that is no equation.
    """
    equations = [parse_equation(step) for step in steps]
    found = []
    for i, equation in enumerate(equations):
        last = {earlier.rhs: j for j, earlier in enumerate(equations[:i])}
        found.append(LabelledStep(steps[i], tuple(sorted({last[n] for n in equation.operands if n in last}))))
    return tuple(found)


@DOMAINS.register("gsm-symbolic")
class GsmSymbolic(GymDomain, EquationDomain):
    """GSM8K's kind of story from templates, with chains that are right."""

    task = "gsm_symbolic"
    settings_class = GsmSymbolicSettings
    about = "templated word problems of GSM8K's kind"

    def default_counts(self, split: str, settings: GsmSymbolicSettings) -> dict[int, int]:
        each = {"train": 4000, "rl": 400, "validation": 60, "test": 200}[split]
        return dict.fromkeys(range(settings.min_steps, settings.max_steps + 1), each)

    def task_options(self, settings: GsmSymbolicSettings, n: int) -> dict[str, Any]:
        return {}

    def from_entry(self, entry: Mapping[str, Any], settings: GsmSymbolicSettings) -> Problem | None:
        solution = entry["metadata"]["answer_cot"]
        try:
            answer = from_gsm8k({"question": entry["question"], "answer": solution}).answer
        except ValueError:
            return None
        steps = written_steps(solution.rpartition("####")[0])
        problem = Problem(entry["question"].removesuffix(ASKED), steps, answer)
        return None if chain_fault(problem) else problem

    def split_key(self, entry: Mapping[str, Any], problem: Problem, settings: GsmSymbolicSettings) -> str:
        if settings.held_out == "templates":
            return f"gsm-symbolic template {entry['metadata']['template']}"
        return super().split_key(entry, problem, settings)

    def read_question(self, text: str) -> Problem:
        """The question as it is: neither its steps nor its answer are known."""
        return Problem(text.strip(), (), "")

    def _needed(self, problem: Problem) -> Sequence[NeededStep]:
        """Those of the label, which is right; of a typed question nobody knows them."""
        if not problem.steps:
            raise NotMeasured(f"{problem.question!r:.80} has no label, so its chain cannot be verified")
        return labelled_steps(problem.steps)
