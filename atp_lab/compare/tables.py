"""Evidence lines -> tables: means over training seeds with t-intervals, differences paired by seed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import t


@dataclass(frozen=True)
class OverSeeds:
    """Mean over training seeds with a 95 % t-interval (n - 1 degrees of freedom)."""

    mean: float
    half: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> OverSeeds:
        n = len(values)
        half = float(t.ppf(0.975, n - 1)) * statistics.stdev(values) / n**0.5 if n > 1 else math.nan
        return cls(statistics.fmean(values), half, n)

    def __str__(self) -> str:
        if self.n < 3:  # an interval with one degree of freedom says nothing
            return f"{self.mean:.1f} ({('one', 'two')[self.n - 1]} seed{'s' * (self.n > 1)})"
        return f"{self.mean:.1f} ± {self.half:.1f}"

    def signed(self) -> str:
        return f"{'+' if self.mean >= 0 else ''}{self}"


AS_THEY_ARE = ("latents", "answer_tokens")
"""Metrics that are counts, not shares."""


def metric(row: dict, name: str) -> float | None:
    """A figure of one line: a share in percent, a count as it is; None where the line does not have it.

    `longer` before a name (`longer accuracy`) takes it from the questions that need one step more than trained, `noise
    0.5` is the accuracy under that noise, `between 0.5 valid` that figure of thoughts moved so far towards another
    problem's, `tokens` are latents and answer tokens together, `causes typed answer_follows` the share of that outcome
    after that edit of thoughts.
    """
    if name == "tokens":
        return metric(row, "latents") + metric(row, "answer_tokens")
    if name.startswith("noise "):
        value = row.get("noise", {}).get(name.removeprefix("noise "))
        return None if value is None else 100 * value
    if name.startswith("between "):
        _, share, what = name.split()
        value = row.get("between", {}).get(share, {}).get(what)
        return None if value is None else 100 * value
    if name.startswith("causes "):
        _, edit, outcome = name.split()
        estimate = row.get("causes", {}).get("edits", {}).get(edit, {}).get("all", {}).get(outcome)
        return None if estimate is None else 100 * estimate["mean"]
    found = row.get("longer", {}) if name.startswith("longer ") else row["evaluation"]["metrics"]
    estimate = found.get(name.removeprefix("longer "))
    if estimate is None:
        return None
    return estimate["mean"] if name.removeprefix("longer ") in AS_THEY_ARE else 100 * estimate["mean"]


def by_seed(rows: Iterable[dict], regime: str, arm: str) -> dict[int, dict]:
    """The lines of one cell, by seed."""
    return {row["seed"]: row for row in rows if (row["regime"], row["arm"]) == (regime, arm)}


def over_seeds(found: dict[int, dict], name: str) -> OverSeeds | None:
    """A metric of one cell; None where a line lacks it."""
    values = [metric(row, name) for row in found.values()]
    return OverSeeds.of(values) if values and None not in values else None


def paired(
    found: dict[int, dict], base: dict[int, dict], name: str = "accuracy", relative: bool = False
) -> OverSeeds | None:
    """The difference to another cell, paired by seed (`relative`: in percent of the other); None without a common seed.
    """
    values = differences(found, base, name, relative)
    return OverSeeds.of(list(values.values())) if values else None


def differences(
    found: dict[int, dict],
    base: dict[int, dict],
    name: str = "accuracy",
    relative: bool = False,
    base_name: str | None = None,
) -> dict[int, float]:
    """What `paired` averages: the difference of every common seed; empty without one, or where a line lacks the metric.

    base_name: the other cell's metric, where it is not the same.
    """
    seeds = sorted(set(found) & set(base))
    pairs = {seed: (metric(found[seed], name), metric(base[seed], base_name or name)) for seed in seeds}
    if any(None in pair for pair in pairs.values()):
        return {}
    return {seed: 100 * (a - b) / b if relative else a - b for seed, (a, b) in pairs.items()}


NOT_YET = "| not measured yet: `atp-lite compare` with a grid of `configs/` adds it |\n| --- |"
"""In the place of a table without lines."""


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *lines])


def measured_of(metrics: Mapping[str, str], rows: Iterable[dict], regime: str, arms: Iterable[str]) -> dict[str, str]:
    """Those metrics that a line of these cells has."""
    own = [row for row in rows if row["regime"] == regime and row["arm"] in arms]
    return {name: text for name, text in metrics.items() if any(metric(row, name) is not None for row in own)}


COLUMNS = {
    "accuracy": "greedy accuracy, %",
    "longer accuracy": "one step longer, %",
    "right_chains": "right chains, %",
    "right_chains_several": "right chains where several are right, %",
    "pass@8": "pass@8, %",
    "pass@16": "pass@16, %",
    "coherence": "coherence, %",
    "step_match": "decoded steps that are reference steps, %",
    "diversity": "distinct chains, %",
    "latents": "latents",
    "answer_tokens": "answer tokens",
}


def main_table(
    rows: Sequence[dict],
    regime: str,
    arms: Sequence[str],
    names: Mapping[str, str] | None = None,
    same_time: Mapping[str, str] | None = None,
) -> str:
    """One line a cell, every metric over its seeds, and what it cost. A metric that no line has gets no column.

    Args:
        arms: cells in order; those without a line are left out.
        names: what a reader should see in a cell's place.
        same_time: for each cell the one that was given equal time instead of equal steps; its accuracy and its minutes
            make two columns more.
    """
    lines, columns = [], measured_of(COLUMNS, rows, regime, arms)
    for arm in arms:
        found = by_seed(rows, regime, arm)
        if not found:
            continue
        cells = [over_seeds(found, name) for name in columns]
        tokens = [row["train_tokens"] / 1e6 for row in found.values() if row.get("train_tokens")]
        lines.append(
            [
                (names or {}).get(arm, arm),
                *("" if cell is None else str(cell) for cell in cells),
                minutes(found),
                f"{statistics.fmean(tokens):.1f}" if tokens else "",
                str(len(found)),
            ]
        )
        if same_time is not None:
            other = by_seed(rows, regime, same_time.get(arm, ""))
            lines[-1] += [str(over_seeds(other, "accuracy") or ""), minutes(other)]
    if not lines:
        return NOT_YET
    header = ["", *columns.values(), "CPU minutes", "training tokens, millions", "seeds"]
    if same_time is not None:
        header += ["accuracy at equal time, %", "its CPU minutes"]
    return markdown(header, lines)


def minutes(found: Mapping[int, dict]) -> str:
    """Mean CPU minutes of a cell's own training; empty where it has no line."""
    times = [row["cpu_seconds"] / 60 for row in found.values()]
    return f"{statistics.fmean(times):.1f}" if times else ""


def seconds_in_all(rows: Sequence[dict], row: dict) -> float | None:
    """CPU seconds from random weights to those of a line: its own training and that of all that it starts from.

    None where one of these has no line.
    """
    if row["start"] is None:
        return row["cpu_seconds"]
    start = by_seed(rows, row["regime"], row["start"]).get(row["seed"])
    before = None if start is None else seconds_in_all(rows, start)
    return None if before is None else before + row["cpu_seconds"]


def minutes_in_all(rows: Sequence[dict], found: Mapping[int, dict]) -> str:
    """Mean CPU minutes from random weights; empty where that is not known of every line."""
    times = [seconds_in_all(rows, row) for row in found.values()]
    return f"{statistics.fmean(times) / 60:.1f}" if times and None not in times else ""
