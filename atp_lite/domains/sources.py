"""Where a command's problems come from: a domain makes or reads them, or a file holds them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from atp_lite.domains.arithmetic.sampling import ArithmeticSettings
from atp_lite.domains.domain import DOMAINS, Domain
from atp_lite.domains.files import read_jsonl
from atp_lite.domains.overlap import without_overlap
from atp_lite.domains.problem import Problem
from atp_lite.domains.stories.sampling import StorySettings
from atp_lite.domains.word_problems.loading import BenchmarkSettings


@dataclass(frozen=True)
class Sources:
    """Settings that every command about problems has."""

    domain: Annotated[str, DOMAINS] = "arithmetic"
    """What problems are about, and where they come from if no file is given. arithmetic: expressions (--problems).
    stories: templated word problems (--stories). word-problems: GSM8K and its like, from the hub or a folder
    (--benchmark). Settings of any other: --options."""
    problems: ArithmeticSettings = field(default_factory=ArithmeticSettings)
    stories: StorySettings = field(default_factory=StorySettings)
    benchmark: BenchmarkSettings = field(default_factory=BenchmarkSettings)
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the problems by name, for every other domain; what is not here has its default."""

    @property
    def entry(self) -> Domain:
        """The domain. Raises ValueError for an unknown one."""
        return DOMAINS[self.domain]

    @property
    def problem_settings(self) -> Any:
        """The settings of the domain's problems. Raises ValueError for an option that they do not have."""
        own = (self.problems, self.stories, self.benchmark)
        settings = next((s for s in own if type(s) is self.entry.settings_class), self.entry.default_settings())
        if not self.options:
            return settings
        try:
            return replace(settings, **self.options)
        except TypeError as error:
            raise ValueError(f"options {self.options} of the domain {self.domain!r}: {error}") from error

    def load(self, path: Path | None, split: str) -> list[Problem]:
        """The problems of a file; without one, those of this split: see `Domain.load`."""
        return read_jsonl(path) if path else self.entry.load(self.problem_settings, split)

    def training_data(
        self, path: Path | None, split: str, validation: Path | None
    ) -> tuple[list[Problem], list[Problem]]:
        """Problems to train on and to select with. None is in both, also where a domain's files share questions."""
        train, chosen = self.load(path, split), self.load(validation, "validation")
        return (train if self.entry.disjoint else without_overlap(train, chosen)), chosen
