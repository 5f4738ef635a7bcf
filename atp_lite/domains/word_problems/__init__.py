"""Word problems of the paper's benchmarks: GSM8K and its like, read from the hub or from files (loading.py).

Their steps are equations and can be judged; which steps a question needs cannot be read off its text, so no chain is
verified and none is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from atp_lite.domains.domain import DOMAINS, EquationDomain
from atp_lite.domains.problem import Problem
from atp_lite.domains.word_problems.loading import BenchmarkSettings, chain_faults, load_benchmark
from atp_lite.domains.word_problems.splits import training_problems, validation_problems

EXAMPLES = (
    Problem(
        "A baker fills 4 trays with 6 rolls each and eats 3 of the rolls. How many rolls are left?",
        ("4*6=24", "24-3=21"),
        "21",
    ),
    Problem(
        "Tickets cost $12 for adults and half as much for children. What do 2 adults and 3 children pay?",
        ("12/2=6", "2*12=24", "3*6=18", "24+18=42"),
        "42",
    ),
)
"""Worked examples of our own, since a benchmark may not be at hand."""


@DOMAINS.register("word-problems")
class WordProblems(EquationDomain):
    """GSM8K, GSM8K-Aug, GSM-Hard, SVAMP and MultiArith."""

    settings_class = BenchmarkSettings
    splits = ("train", "validation", "test")  # reinforcement learning takes the training questions
    disjoint = False
    label = "benchmark"
    about = "word problems"

    def load(self, settings: BenchmarkSettings, split: str) -> list[Problem]:
        """The problems of one split; `rl` is the training split.

        Only problems that can be learned from and stand in no held-out split are trained on: see `training_problems`.
        A benchmark without a validation split lends a fifteenth of its training questions: see `validation_problems`.
        """
        if split in ("train", "rl"):
            return training_problems(settings)
        if split == "validation":
            return validation_problems(settings)
        return load_benchmark(replace(settings, split=split))

    def test_name(self, settings: BenchmarkSettings) -> str:
        return settings.name

    def examples(self, counts: Mapping[int, int] | None = None) -> list[Problem]:
        return list(EXAMPLES)

    def read_question(self, text: str) -> Problem:
        """The question as it is: neither its steps nor its answer are known."""
        return Problem(text.strip(), (), "")

    def describe_labels(self, problems: Sequence[Problem]) -> str:
        return f"{sum(map(len, chain_faults(problems).values()))} without a chain to the answer"
