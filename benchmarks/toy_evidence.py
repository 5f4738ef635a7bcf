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
import time
from dataclasses import asdict
from pathlib import Path

import torch

from atp_lite import __version__
from atp_lite.evaluate import EvalSettings, Evaluation, evaluate
from atp_lite.planner import ModelSettings, Planner
from atp_lite.problems import Problem, data_hash, generate, label_errors
from atp_lite.recipes import ARMS, COT, LATENT, REGIMES
from atp_lite.rl import RLSettings, train_rl
from atp_lite.sft import SFTSettings, train_sft
from dataclasses import replace

ROWS = Path("data/evidence/toy.jsonl")
RUNS = Path("runs/evidence")


def read_rows(path: Path = ROWS) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def done(regime: str, seed: int, arm: str) -> bool:
    return any((r["regime"], r["seed"], r["arm"]) == (regime, seed, arm) for r in read_rows())


def measure(planner: Planner, test: list[Problem]) -> tuple[dict, Evaluation]:
    """Greedy metrics; accuracy with sampled latents only; pass@k with sampled latents and answers."""
    if planner.model.config.max_latents == 0:
        result = evaluate(planner, test)
        return result.to_json(), result
    result = evaluate(planner, test, EvalSettings(samples=8))
    report = result.to_json()
    report["metrics"] = {k: v for k, v in report["metrics"].items() if not k.startswith("pass@")}
    drawn = evaluate(planner, test, EvalSettings(samples=8, temperature=1.0, decode=False)).to_json()["metrics"]
    report["metrics"] |= {k: v for k, v in drawn.items() if k.startswith("pass@")}
    return report, result


def train(arm: str, planner: Planner, settings: SFTSettings | RLSettings, data: dict, folder: Path) -> None:
    resume = (folder / "state").is_dir()
    if isinstance(settings, SFTSettings):
        train_sft(planner, data["train"], data["validation"], settings, folder, resume)
    else:
        train_rl(planner, data["rl"], data["validation"], settings, folder, resume)


def run_cell(regime: str, seed: int, arm: str, settings: SFTSettings | RLSettings, start: Path | None, data: dict) -> Path:
    """Train one arm from `start` unless it has its line; add the line; return the folder of its last weights."""
    folder = RUNS / f"{regime}-{seed}" / arm
    if done(regime, seed, arm) and (folder / "last").is_dir():
        return folder / "last"
    planner = Planner.toy(seed=seed) if start is None else Planner.from_pretrained(start)
    if arm == "atp-sft":
        planner.model.config.max_latents = ModelSettings().max_latents
    settings = replace(settings, seed=seed)
    wall, cpu = time.perf_counter(), time.process_time()
    train(arm, planner, settings, data, folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    report, result = measure(Planner.from_pretrained(folder / "last"), data["test"])
    right = {o.id: o.correct for o in result.outcomes}
    bits = "".join("1" if right[p.id] else "0" for p in data["test"])
    wrong, labels = map(sum, zip(*label_errors(data["train"]).values(), strict=True))
    row = {
        "regime": regime,
        "seed": seed,
        "arm": arm,
        "cpu_seconds": round(cpu, 1),
        "seconds": round(wall, 1),
        "version": __version__,
        "test_hash": data_hash(data["test"]),
        "train_hash": data_hash(data["train"]),
        "wrong_labels": round(wrong / labels, 4),
        "settings": asdict(settings),
        "evaluation": report,
        "correct": f"{int(bits, 2):x}",
    }
    if not done(regime, seed, arm):
        ROWS.parent.mkdir(parents=True, exist_ok=True)
        with ROWS.open("a") as file:
            file.write(json.dumps(row) + "\n")
    return folder / "last"


def run(regimes: list[str], seeds: list[int], arms: list[str]) -> None:
    torch.set_num_threads(1)
    for regime in regimes:
        data = {split: generate(REGIMES[regime], split) for split in ("train", "rl", "validation", "test")}
        for seed in seeds:
            cot = run_cell(regime, seed, "cot", COT, None, data)
            sft = run_cell(regime, seed, "atp-sft", LATENT, cot, data)
            for arm in arms:
                run_cell(regime, seed, arm, ARMS[arm], sft, data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "table"])
    parser.add_argument("--regimes", nargs="+", default=["noisy", "clean"], choices=list(REGIMES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--arms", nargs="*", default=list(ARMS), choices=list(ARMS))
    given = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if given.command == "run":
        run(given.regimes, given.seeds, given.arms)
