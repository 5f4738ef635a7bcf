"""Where a command's problems come from: made ones, stories, a benchmark of the hub, or a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from atp_lite.domains import (
    BENCHMARKS,
    ArithmeticSettings,
    BenchmarkSettings,
    Problem,
    StorySettings,
    generate,
    load_benchmark,
    normalise_question,
    read_jsonl,
    without_overlap,
)

Kind = Literal["toy", "stories", "benchmark"]

HELD_OUT = 15
"""One training question in so many is for validation, where a benchmark has no such split (of GSM8K about 500)."""


@dataclass(frozen=True)
class Sources:
    """Settings that every command about problems has."""

    kind: Kind = "toy"
    """Where problems come from if no file is given. toy: expressions (--problems). stories: word problems (--stories).
    benchmark: GSM8K and its like, from the hub or a folder (--benchmark)."""
    problems: ArithmeticSettings = field(default_factory=ArithmeticSettings)
    stories: StorySettings = field(default_factory=StorySettings)
    benchmark: BenchmarkSettings = field(default_factory=BenchmarkSettings)

    def load(self, path: Path | None, split: str) -> list[Problem]:
        """The problems of a file; without one, those of this split.

        Of a benchmark, `rl` is its training split, and only problems that can be learned from and stand in no held-out
        split are trained on: see `training_problems`. One without a validation split lends a fifteenth of its training
        questions: see `validation_problems`.
        """
        if path:
            return read_jsonl(path)
        if self.kind != "benchmark":
            return generate(self.stories if self.kind == "stories" else self.problems, split)
        if split in ("train", "rl"):
            return training_problems(self.benchmark)
        if split == "validation":
            return validation_problems(self.benchmark)
        return load_benchmark(replace(self.benchmark, split=split))

    def training_data(self, path: Path | None, split: str, validation: Path | None) -> tuple[list, list]:
        """Problems to train on and to select with. Of a benchmark, none is in both: its files share questions."""
        train, chosen = self.load(path, split), self.load(validation, "validation")
        return (without_overlap(train, chosen) if self.kind == "benchmark" else train), chosen


def training_problems(settings: BenchmarkSettings) -> list[Problem]:
    """The training split without broken chains, and without questions of validation and test.

    A test split that the source does not have (many mirrors lack one) holds nothing out.
    """
    train = load_benchmark(replace(settings, split="train", chains="complete"))
    whole = replace(settings, chains="all", limit=None)
    return without_overlap(train, validation_problems(whole), _split_or_none(whole, "test") or [])


def validation_problems(settings: BenchmarkSettings) -> list[Problem]:
    """The validation split; where there is none, as in GSM8K, every training question whose hash says so.

    That is about one in `HELD_OUT`, always the same ones, whatever else is in the file.
    """
    own = _split_or_none(settings, "validation")
    if own is not None:
        return own
    train = load_benchmark(replace(settings, split="train", limit=None))
    return [problem for problem in train if _held_out(problem)][: settings.limit]


def _split_or_none(settings: BenchmarkSettings, split: str) -> list[Problem] | None:
    """The problems of a split; None where the source has no such split. A broken file is an error, no missing one."""
    mirror = settings.mirror
    if mirror.is_file() if mirror is not None else split not in BENCHMARKS[settings.name].splits:
        return None  # one file is one split
    try:
        return load_benchmark(replace(settings, split=split))
    except FileNotFoundError:
        if mirror is None:  # the data set itself is gone
            raise
        return None


def _held_out(problem: Problem) -> bool:
    digest = hashlib.sha256(normalise_question(problem.question).encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT == 0
