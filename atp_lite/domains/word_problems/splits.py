"""What of a benchmark is trained on, selected with and held out: its files share questions, and some lack a split."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from atp_lite.domains.overlap import normalise_question, without_overlap
from atp_lite.domains.problem import Problem
from atp_lite.domains.word_problems.loading import BENCHMARKS, BenchmarkSettings, load_benchmark

HELD_OUT = 15
"""One training question in so many is for validation, where a benchmark has no such split (of GSM8K about 500)."""


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
    return [problem for problem in train if kept_for_validation(problem)][: settings.limit]


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


def kept_for_validation(problem: Problem) -> bool:
    """Whether a training question is one of validation, by a hash of its words and numbers."""
    digest = hashlib.sha256(normalise_question(problem.question).encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT == 0
