"""The toy evidence: every recipe, every arm, several seeds, one JSON line each; and the tables made from them.

    python -m benchmarks.toy_evidence run --regimes noisy clean --seeds 0 1 2
    python -m benchmarks.toy_evidence table

`run` skips what already has its line, resumes what was cut off, and may be started twice at once (one thread each).
All figures come from the weights at the end of a run (no selection on anything). Test questions are looked at once.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import torch

from atp_lite import __version__
from atp_lite.bundle import SETTINGS, measure, regime_data, train_recipe
from atp_lite.planner import Planner
from atp_lite.problems import Problem, data_hash, label_errors
from atp_lite.recipes import REGIMES

ROWS = Path("data/evidence/toy.jsonl")
RUNS = Path("runs/evidence")


def read_rows(path: Path = ROWS) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def done(regime: str, seed: int, arm: str) -> bool:
    return any((r["regime"], r["seed"], r["arm"]) == (regime, seed, arm) for r in read_rows())


def run_cell(regime: str, seed: int, recipe: str, data: dict[str, list[Problem]]) -> None:
    """Train one recipe of one regime and seed, measure it, add its line; nothing where the line stands already."""
    if done(regime, seed, recipe):
        return
    last = train_recipe(recipe, seed, data, RUNS / f"{regime}-{seed}")
    report, result = measure(Planner.from_pretrained(last), data["test"])
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
