"""Word problems of the paper's benchmarks, through Hugging Face `datasets` or from files beside you.

GSM8K and GSM8K-Aug train and test; GSM-Hard, SVAMP and MultiArith only test. Each has an adapter, a function from a row
as the hub has it to a `Problem`; `BENCHMARKS` lists them. Whether splits overlap: see overlap.py. What to know first:

- The 500 validation questions of GSM8K-Aug are also GSM8K training questions, and its test split is GSM8K's.
- The chain of some GSM8K rows ends before the answer, and some have none: `chain_faults` finds them.
- SVAMP: papers report its 300 test rows or all 1000; say which. MultiArith repeats questions.
- GSM-Hard's numbers were replaced by machine: answers are negative, huge, or carry floating-point noise. Compare with
  `same_answer(..., relative=1e-6)` or so.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from atp_lite.domains.equations import parse_equation, same_number
from atp_lite.domains.files import (
    Row,
    from_gsm8k,
    from_gsm8k_aug,
    from_gsm_hard,
    from_multiarith,
    from_svamp,
    iterate_jsonl,
)
from atp_lite.domains.problem import Problem
from atp_lite.domains.syntax import EquationError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Benchmark:
    """Where a benchmark lies on the hub, and how its rows are read."""

    hub: str
    """Repository on the hub."""
    config: str | None
    """Configuration there."""
    splits: Mapping[str, str]
    """Our name of a split -> the hub's."""
    read: Callable[[Row], Problem]
    """The adapter."""
    test_rows: int = 0
    """Rows of the hub's test split, so that a part of it is seen to be one; 0: not known."""
    relative: float = 0.0
    """How far an answer may be from the reference, as a share of it."""


BENCHMARKS: dict[str, Benchmark] = {
    "gsm8k": Benchmark("openai/gsm8k", "main", {"train": "train", "test": "test"}, from_gsm8k, 1319),
    "gsm8k_aug": Benchmark(
        "zen-E/GSM8k-Aug", None, {"train": "train", "validation": "validation", "test": "test"}, from_gsm8k_aug, 1319
    ),
    "gsm_hard": Benchmark("reasoning-machines/gsm-hard", None, {"test": "train"}, from_gsm_hard, 1319, 1e-6),
    "svamp": Benchmark("ChilleD/SVAMP", None, {"train": "train", "test": "test"}, from_svamp, 300),
    "multiarith": Benchmark("ChilleD/MultiArith", None, {"train": "train", "test": "test"}, from_multiarith, 180),
}
"""Name -> benchmark. GSM-Hard has one split on the hub, called train; it is a test set, and called so here."""


@dataclass(frozen=True)
class BenchmarkSettings:
    """Which benchmark, and where from."""

    name: str = "gsm8k"
    """A name of `BENCHMARKS`."""
    split: str = "train"
    """train, validation or test; from a mirror also any other file there, such as test_head50."""
    mirror: Path | None = None
    """Folder with `<name>/<split>.jsonl` or `<name>_<split>.jsonl` (see files.py), or a file; none asks the hub."""
    cache: Path | None = None
    """Folder where `datasets` keeps what it has downloaded; none takes its own (HF_HOME)."""
    revision: str | None = None
    """Commit of the hub's repository; none takes the newest."""
    streaming: bool = False
    """Read rows from the hub as they come, keeping nothing."""
    limit: int | None = None
    """At most this many rows are read."""
    chains: Literal["all", "complete"] = "all"
    """complete drops problems whose chain is missing, wrong or does not reach the answer, and logs how many."""

    def __post_init__(self) -> None:
        if self.name not in BENCHMARKS:
            raise ValueError(f"BenchmarkSettings.name = {self.name!r}: choose from {', '.join(BENCHMARKS)}")
        if self.chains not in ("all", "complete"):
            raise ValueError(f"BenchmarkSettings.chains = {self.chains!r}: use 'all' or 'complete'")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"BenchmarkSettings.limit = {self.limit}: use 1 or more, or none for all rows")


def iterate_benchmark(settings: BenchmarkSettings) -> Iterator[Problem]:
    """The problems of one split, one at a time, with every chain as it is (`settings.chains` is not looked at).

    Raises errors of one line that name the data set and the way out: FileNotFoundError where a mirror lacks the file or
    the hub the data set, ConnectionError without a network, PermissionError where the hub wants a token, ValueError for
    a split that does not exist or a row that cannot be read.
    """
    if settings.mirror is not None:
        yield from islice(iterate_jsonl(_mirror_file(settings, settings.mirror)), settings.limit)
        return
    benchmark = BENCHMARKS[settings.name]
    if settings.split not in benchmark.splits:
        raise ValueError(f"{settings.name} has no split {settings.split!r}: choose from {', '.join(benchmark.splits)}")
    stem, source = settings.name.replace("_", "-"), f"{settings.name.replace('_', '-')}/{settings.split}"
    for number, row in enumerate(islice(_hub_rows(settings, benchmark), settings.limit)):
        try:
            problem = benchmark.read(row)
        except KeyError as error:
            raise ValueError(
                f"{benchmark.hub}, {settings.split}, row {number}: no column {error} (found: {', '.join(row)}); the "
                "data set has changed: name an older commit with revision=..."
            ) from error
        except ValueError as error:
            raise ValueError(f"{benchmark.hub}, {settings.split}, row {number}: {error}") from error
        yield replace(problem, id=problem.id or f"{stem}-{settings.split}-{number:04d}", source=source)


def load_benchmark(settings: BenchmarkSettings) -> list[Problem]:
    """The problems of one split. With `settings.chains` "complete" only those whose chain reaches the answer.

    What was dropped is logged as a warning, with the reasons. Errors as in `iterate_benchmark`.
    """
    problems = list(iterate_benchmark(settings))
    if settings.chains == "all":
        return problems
    kept = [problem for problem in problems if chain_fault(problem) is None]
    if len(kept) < len(problems):
        reasons = ", ".join(f"{len(ids)} {fault}" for fault, ids in chain_faults(problems).items())
        logger.warning(
            "%s, %s: %d of %d problems dropped (%s)",
            settings.name, settings.split, len(problems) - len(kept), len(problems), reasons,
        )  # fmt: skip
    return kept


def chain_fault(problem: Problem) -> str | None:
    """Why the steps are no chain to the answer, None where they are: every step right, the last result the answer.

    "without steps", "with an unreadable step", "with a wrong step" or "ending before the answer".
    """
    if not problem.steps:
        return "without steps"
    try:
        equations = [parse_equation(step) for step in problem.steps]
    except EquationError:
        return "with an unreadable step"
    if not all(equation.is_right for equation in equations):
        return "with a wrong step"
    return None if same_number(equations[-1].rhs, problem.answer) else "ending before the answer"


def chain_faults(problems: Iterable[Problem]) -> dict[str, list[str]]:
    """Every fault of `chain_fault` that occurs -> the ids of the problems that have it."""
    found: dict[str, list[str]] = {}
    for problem in problems:
        fault = chain_fault(problem)
        if fault is not None:
            found.setdefault(fault, []).append(problem.id)
    return found


def _mirror_file(settings: BenchmarkSettings, mirror: Path) -> Path:
    """The file of a mirror that holds the split."""
    mirror, name, split = Path(mirror), settings.name, settings.split
    if mirror.is_file():
        return mirror
    if not mirror.is_dir():
        raise FileNotFoundError(f"mirror = {mirror}: no such file or folder; put {name}_{split}.jsonl into one")
    for spelling in (split, "valid") if split == "validation" else (split,):
        for file in (mirror / name / f"{spelling}.jsonl", mirror / f"{name}_{spelling}.jsonl"):
            if file.is_file():
                return file
    there = sorted(p.relative_to(mirror).as_posix() for p in (*mirror.glob("*.jsonl"), *mirror.glob("*/*.jsonl")))
    raise FileNotFoundError(
        f"{name}_{split}.jsonl (or {name}/{split}.jsonl) is missing in the mirror {mirror}, which holds "
        f"{', '.join(there) or 'no .jsonl file'}: add it, or ask for a split that is there"
    )


def _hub_rows(settings: BenchmarkSettings, benchmark: Benchmark) -> Iterator[Row]:
    """Rows as the hub has them; everything that goes wrong on the way says so in one line."""
    import datasets  # here, since importing it takes a second that toy problems should not wait for

    try:
        yield from datasets.load_dataset(
            benchmark.hub,
            benchmark.config,
            split=benchmark.splits[settings.split],
            cache_dir=None if settings.cache is None else str(settings.cache),
            revision=settings.revision,
            streaming=settings.streaming,
        )
    except Exception as error:  # of requests, httpx, fsspec, pyarrow, ...: whatever a download can raise
        raise _hub_error(error, settings, benchmark.hub) from error


def _hub_error(error: Exception, settings: BenchmarkSettings, hub: str) -> Exception:
    """The error of a failed download as one line that says what is missing and what to do."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < 10:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    words = " ".join(f"{type(e).__name__} {e}" for e in chain).lower()
    instead = (
        f"put {settings.name}_{settings.split}.jsonl into a folder and name it with --benchmark.mirror (in Python "
        "mirror=...)"
    )
    refused = re.search(r"\b40[13]\b", words) and not isinstance(error, FileNotFoundError)  # unknown ones get 401 too
    if refused or "gated" in words or "localtokennotfound" in words:
        return PermissionError(
            f"{hub} wants an access token of the hub: ask for access on https://huggingface.co/datasets/{hub} and set "
            f"HF_TOKEN (or run `hf auth login`), or {instead}"
        )
    if any(word in words for word in ("offline", "connect", "couldn't reach", "timeout", "timed out")):
        return ConnectionError(
            f"{hub} cannot be reached (offline) and is not in the cache: {instead}, or go online once to fill the cache"
        )
    first = (str(error).splitlines() or [""])[0][:200]
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(f"{hub} is not on the hub or hidden ({first}): set HF_TOKEN if so, or {instead}")
    return OSError(f"{hub} could not be loaded ({type(error).__name__}: {first}): {instead}, or try again")
