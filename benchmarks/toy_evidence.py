"""The toy evidence: every recipe, every arm, several seeds, one JSON line each; and the tables made from them.

    python -m benchmarks.toy_evidence run --regimes noisy clean --seeds 0 1 2
    python -m benchmarks.toy_evidence table

`run` skips what already has its line, resumes what was cut off, and may be started twice at once for different seeds
or regimes (one thread each). All figures come from the weights at the end of a run: nothing is selected. `table` writes
the tables into README.md and docs/results.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from scipy.stats import t

from atp_lite import __version__
from atp_lite.bundle import measure, regime_data, train_recipe
from atp_lite.planner import Planner
from atp_lite.problems import Problem, data_hash, label_errors
from atp_lite.recipes import ARMS, REGIMES, SETTINGS

ROWS = Path("data/evidence/toy.jsonl")
RUNS = Path("runs/evidence")
STARTS = Path("data/evidence/starts")
"""The latent checkpoints that the arms start from, by regime and seed, so that any arm can be run again by itself."""
DRAWN = ("atp-sft", "grpo")
"""Recipes that are also measured with sampled trajectories (pass@k, accuracy under sampling)."""


def read_rows(path: Path = ROWS) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def done(regime: str, seed: int, arm: str) -> bool:
    return any((r["regime"], r["seed"], r["arm"]) == (regime, seed, arm) for r in read_rows())


def run_cell(regime: str, seed: int, recipe: str, data: dict[str, list[Problem]]) -> None:
    """Train one recipe of one regime and seed, measure it, add its line; nothing where the line stands already."""
    if done(regime, seed, recipe):
        return
    runs, start = RUNS / f"{regime}-{seed}", STARTS / f"{regime}-{seed}"
    if recipe in ARMS and start.is_dir() and not (runs / "atp-sft" / "last").is_dir():
        shutil.copytree(start, runs / "atp-sft" / "last", dirs_exist_ok=True)
    last = train_recipe(recipe, seed, data, runs)
    report, result = measure(Planner.from_pretrained(last), data["test"], draws=recipe in DRAWN)
    progress = json.loads((last.parent / "state" / "progress.json").read_text())
    right = {o.id: o.correct for o in result.outcomes}
    bits = "".join("1" if right[p.id] else "0" for p in data["test"])
    wrong, labels = map(sum, zip(*label_errors(data["train"]).values(), strict=True))
    row = {
        "regime": regime,
        "seed": seed,
        "arm": recipe,
        "cpu_seconds": round(progress["cpu_seconds"], 1),
        "seconds": round(progress["seconds"], 1),
        "version": __version__,
        "train_hash": data_hash(data["train"]),
        "test_hash": data_hash(data["test"]),
        "wrong_labels": round(wrong / labels, 4),
        "settings": asdict(replace(SETTINGS[recipe], seed=seed)),
        "evaluation": report,
        "correct": f"{int(bits, 2):x}",
    }
    ROWS.parent.mkdir(parents=True, exist_ok=True)
    with ROWS.open("a") as file:
        file.write(json.dumps(row) + "\n")


def run(regimes: list[str], seeds: list[int], recipes: list[str]) -> None:
    torch.set_num_threads(1)
    for regime in regimes:
        data = regime_data(regime)
        for seed in seeds:
            for recipe in recipes:
                run_cell(regime, seed, recipe, data)


# --------------------------------------------------------------------- tables


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
        return f"{self.mean:.1f} ± {self.half:.1f}" if self.n > 1 else f"{self.mean:.1f} (one seed)"


def metric(row: dict, name: str) -> float:
    """A metric of one line in percent (latents and tokens as they are)."""
    value = row["evaluation"]["metrics"][name]["mean"]
    return value if name in ("latents", "answer_tokens") else 100 * value


def by_seed(rows: list[dict], regime: str, arm: str) -> dict[int, dict]:
    return {row["seed"]: row for row in rows if (row["regime"], row["arm"]) == (regime, arm)}


def cell(rows: dict[int, dict], name: str) -> str:
    if not rows or any(name not in row["evaluation"]["metrics"] for row in rows.values()):
        return ""
    return str(OverSeeds.of([metric(row, name) for row in rows.values()]))


def gain(rows: dict[int, dict], base: dict[int, dict], name: str = "accuracy") -> str:
    """The difference to another arm, paired by seed."""
    seeds = sorted(set(rows) & set(base))
    if not seeds:
        return ""
    difference = OverSeeds.of([metric(rows[s], name) - metric(base[s], name) for s in seeds])
    return f"{'+' if difference.mean >= 0 else ''}{difference}"


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *lines])


METRICS = {
    "accuracy": "greedy accuracy, %",
    "sampled_accuracy": "accuracy with sampled latents, %",
    "pass@8": "pass@8 (latents and answers sampled), %",
    "coherence": "coherence, %",
    "equations_right": "decoded steps that are valid arithmetic, %",
    "step_match": "decoded steps that are reference steps, %",
    "stop": "right number of steps, %",
    "latents": "latents per problem",
    "answer_tokens": "answer tokens per problem",
}


def supervised_table(rows: list[dict], regime: str) -> str:
    """Chain of thought and latent SFT side by side, a line a metric."""
    arms = {"CoT-SFT": by_seed(rows, regime, "cot"), "ATP-Latent SFT": by_seed(rows, regime, "atp-sft")}
    lines = [[label, *(cell(found, name) for found in arms.values())] for name, label in METRICS.items()]
    sigmas = [row["evaluation"]["sigma"] for row in arms["ATP-Latent SFT"].values()]
    lines.append(["mean sigma of the latents", "", f"{statistics.fmean(sigmas):.2f}" if sigmas else ""])
    for label, key in (("CPU minutes, one thread", "cpu_seconds"),):
        times = [[row[key] / 60 for row in found.values()] for found in arms.values()]
        lines.append([label, *(f"{statistics.fmean(v):.1f}" if v else "" for v in times)])
    return markdown(["", *arms], lines)


def arms_table(rows: list[dict], regime: str) -> str:
    """Everything done from the same latent checkpoints, each arm with its gains."""
    start, going_on = by_seed(rows, regime, "atp-sft"), by_seed(rows, regime, "continued-sft")
    header = ["from the same checkpoints", "greedy accuracy, %", "gain over the checkpoint", "gain over continued SFT"]
    header += ["coherence, %", "valid arithmetic, %", "pass@8, %", "CPU minutes", "seeds"]
    lines = []
    for arm in ("atp-sft", *ARMS):
        found = by_seed(rows, regime, arm)
        if found:
            gains = [gain(found, start), gain(found, going_on)]
            if arm in ("atp-sft", "continued-sft"):  # no gain over oneself
                gains = ["", ""] if arm == "atp-sft" else [gains[0], ""]
            minutes = statistics.fmean(row["cpu_seconds"] / 60 for row in found.values())
            lines.append(
                [
                    "the checkpoint itself" if arm == "atp-sft" else arm,
                    cell(found, "accuracy"),
                    *gains,
                    *(cell(found, name) for name in ("coherence", "equations_right", "pass@8")),
                    "" if arm == "atp-sft" else f"{minutes:.1f}",
                    str(len(found)),
                ]
            )
    return markdown(header, lines)


def tables(rows: list[dict]) -> dict[str, str]:
    """Every table by its name, as Markdown."""
    return {
        "clean-supervised": supervised_table(rows, "clean"),
        "noisy-supervised": supervised_table(rows, "noisy"),
        "noisy-arms": arms_table(rows, "noisy"),
        "clean-arms": arms_table(rows, "clean"),
    }


def fill(text: str, made: dict[str, str]) -> str:
    """Put each table between `<!-- table NAME -->` and `<!-- end -->`; the rest of the page stays."""
    for name, table in made.items():
        pattern = rf"(<!-- table {re.escape(name)} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda m, table=table: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)
    return text


PAGES = (Path("README.md"), Path("docs/results.md"))
"""Pages that carry tables."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "table"])
    parser.add_argument("--regimes", nargs="+", default=["noisy", "clean"], choices=list(REGIMES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--recipes", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    given = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if given.command == "run":
        run(given.regimes, given.seeds, given.recipes)
    else:
        made = tables(read_rows())
        for page in PAGES:
            page.write_text(fill(page.read_text(), made))
        print("\n\n".join(f"{name}\n\n{table}" for name, table in made.items()))
