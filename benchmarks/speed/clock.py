"""Timing on a machine that does other things too: compare within one process, take turns, keep the median."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers


@dataclass(frozen=True)
class Ratio:
    """How many times as long one thing takes as another: median, lowest and highest over the rounds."""

    name: str
    median: float
    lowest: float
    highest: float
    limit: float | None = None
    """What the median should not exceed, where something is promised."""

    @classmethod
    def of(cls, name: str, values: Sequence[float], limit: float | None = None) -> Ratio:
        return cls(name, statistics.median(values), min(values), max(values), limit)


def now() -> float:
    """Seconds; a GPU has first finished what it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def take_turns(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every run in every round. Each round times all of them, every other one in reverse order."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():  # warm up
        run()
    for i in range(rounds):
        for name in list(runs)[:: 1 if i % 2 else -1]:
            start = now()
            runs[name]()
            times[name].append(now() - start)
    return times


def compare(
    name: str, ours: Callable[[], object], plain: Callable[[], object], rounds: int, limit: float | None = None
) -> Ratio:
    """ours / plain, round by round."""
    times = take_turns({"ours": ours, "plain": plain}, rounds)
    return Ratio.of(name, [a / b for a, b in zip(times["ours"], times["plain"], strict=True)], limit)


def machine() -> dict[str, str | int]:
    """What the numbers belong to."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = f"{names[0]}, {len(names)} cores" if names else cpu
    return {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "cpu": cpu,
    }
