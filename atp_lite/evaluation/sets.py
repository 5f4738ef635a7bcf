"""Named sets of test problems: benchmarks of the hub or of a mirror, and local files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from atp_lite.domains import BENCHMARKS, BenchmarkSettings, Problem, load_benchmark, read_jsonl


@dataclass(frozen=True)
class ProblemSet:
    """Problems with a name, under which their outcomes are kept and reported.

    Raises:
        ValueError: the name is no file name, or there is no problem.
    """

    name: str
    """Letters, digits, `-`, `_` and `.`. A benchmark's name makes it that benchmark: its tolerance, and the paper's
    figure beside it."""
    problems: Sequence[Problem]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w.-]*", self.name) or self.name == "mean":
            raise ValueError(
                f"{self.name!r} cannot name a test set: take letters, digits, - and _, such as my-set (mean is taken)"
            )
        if not self.problems:
            raise ValueError(f"the test set {self.name} holds no problem: its file or split is empty")

    @property
    def benchmark(self) -> str | None:
        """Its key in `BENCHMARKS`, None for any other set."""
        key = self.name.lower().replace("-", "_")
        return key if key in BENCHMARKS else None

    @property
    def relative(self) -> float:
        """How far an answer may be from the reference, as a share of it: 1e-6 for GSM-Hard, 0 elsewhere."""
        return BENCHMARKS[self.benchmark].relative if self.benchmark else 0.0

    @property
    def size(self) -> str:
        """How many problems; `50 of 1319` where a benchmark's test split has more."""
        n, full = len(self.problems), BENCHMARKS[self.benchmark].test_rows if self.benchmark else 0
        return f"{n} of {full}" if n < full else str(n)


def benchmark_sets(names: Sequence[str], settings: BenchmarkSettings | None = None) -> list[ProblemSet]:
    """The test splits of benchmarks.

    Args:
        names: keys of `BENCHMARKS`; `gsm-hard` is `gsm_hard`.
        settings: mirror, cache, streaming and limit; `name` and `split` are not looked at.

    Raises:
        ValueError: an unknown name, two names of one test set, or settings that only one benchmark can have.
        OSError: a set cannot be had; the message says what to put where (see `iterate_benchmark`).
    """
    settings = BenchmarkSettings() if settings is None else settings
    keys = [name.lower().replace("-", "_") for name in names]
    for name, key in zip(names, keys, strict=True):
        if key not in BENCHMARKS:
            raise ValueError(f"{name!r} is no benchmark: choose from {', '.join(BENCHMARKS)}, or name a file")
    if {"gsm8k", "gsm8k_aug"} <= set(keys):
        raise ValueError("gsm8k and gsm8k_aug have one and the same test split: leave one of them out")
    if len(keys) > 1 and settings.revision is not None:
        raise ValueError(f"revision {settings.revision!r} belongs to one repository: evaluate that benchmark alone")
    if len(keys) > 1 and settings.mirror is not None and Path(settings.mirror).is_file():
        raise ValueError(f"the mirror {settings.mirror} is one file for {len(keys)} benchmarks: name its folder")
    return [ProblemSet(key, load_benchmark(replace(settings, name=key, split="test", chains="all"))) for key in keys]


def read_set(text: str) -> ProblemSet:
    """`NAME=FILE.jsonl`, or `FILE.jsonl` alone, which is called after the file.

    Raises ValueError for a bad name or line, FileNotFoundError where there is no file.
    """
    name, equals, path = text.partition("=")
    if not equals:
        name, path = re.sub(r"[^\w.-]", "_", Path(text).stem), text
    return ProblemSet(name, read_jsonl(path))
