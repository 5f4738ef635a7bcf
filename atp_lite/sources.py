"""Where a command's problems come from: made ones, stories, a benchmark of the hub, or a file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from atp_lite.problems import (
    ArithmeticSettings,
    BenchmarkSettings,
    Problem,
    StorySettings,
    generate,
    load_benchmark,
    read_jsonl,
    without_overlap,
)

Kind = Literal["toy", "stories", "benchmark"]


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
        split are trained on: see `training_problems`.
        """
        if path:
            return read_jsonl(path)
        if self.kind != "benchmark":
            return generate(self.stories if self.kind == "stories" else self.problems, split)
        if split in ("train", "rl"):
            return training_problems(self.benchmark)
        return load_benchmark(replace(self.benchmark, split=split))


def training_problems(settings: BenchmarkSettings) -> list[Problem]:
    """The training split without broken chains, and without questions of the splits that are held out.

    A held-out split that the source does not have (many mirrors lack one) holds nothing out.
    """
    train = load_benchmark(replace(settings, split="train", chains="complete"))
    held_out = []
    for split in ("validation", "test"):
        try:
            held_out.append(load_benchmark(replace(settings, split=split, chains="all", limit=None)))
        except (FileNotFoundError, ValueError):
            continue
    return without_overlap(train, *held_out)
