"""The tour: from random weights to a trained latent planner and a report to open, in minutes."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import replace
from pathlib import Path

import torch

from atp_lite.domains import generate, read_expression
from atp_lite.engine.log import read_metrics
from atp_lite.evaluation import EvalSettings, Evaluation, evaluate
from atp_lite.planner import ModelSettings, Planner
from atp_lite.recipes import CHECKPOINTS, REGIMES, TOUR_COT, TOUR_LATENT, TOUR_RL
from atp_lite.rl import train_rl
from atp_lite.sft import train_sft
from atp_lite.views import fit_projection, thought_table, trajectories, write_report

EXAMPLES = ("(3+4)*(9-2)", "((2+6)*4)-(7+5)", "6+(((1+5)-3)+9)")
"""Example problems of the report."""


def tour(folder: str | Path, seed: int = 0) -> dict[str, Evaluation]:
    """Make the problems, train chain of thought, latents and RL, evaluate all three, write `report.html`.

    Prints the accuracy table; returns the evaluations by name. Accuracy is greedy, on the toy test set, which neither
    training nor checkpoint selection has seen.
    """
    folder = Path(folder)
    started = time.perf_counter()
    minutes: dict[str, float] = {}

    def clock(name: str) -> None:
        minutes[name] = (time.perf_counter() - started) / 60 - sum(minutes.values())

    print("1 / 5  problems: expressions with two to four steps, and one chain of thought for each")
    data = {split: generate(REGIMES["clean"], split) for split in ("train", "rl", "validation", "test")}
    clock("problems")

    print("2 / 5  chain of thought: a tiny LLaMA learns to write the steps in words")
    start = Planner.fresh(seed=seed)
    cot = train_sft(start, data["train"], data["validation"], replace(TOUR_COT, seed=seed), folder / "cot")
    clock("chain of thought")

    print("3 / 5  latents: one step after the other becomes a vector (ATP-Latent SFT)")
    start = Planner.from_pretrained(folder / "cot" / "best")
    start.model.config.max_latents = ModelSettings().max_latents
    sft = train_sft(start, data["train"], data["validation"], replace(TOUR_LATENT, seed=seed), folder / "sft")
    clock("latent SFT")

    print("4 / 5  planning: reinforcement learning with the coherence reward (ATP-Latent RL)")
    start = Planner.from_pretrained(folder / "sft" / "best")
    rl = train_rl(start, data["rl"], data["validation"], replace(TOUR_RL, seed=seed), folder / "rl")
    clock("latent RL")

    print("5 / 5  evaluation on the test set, and the report")
    planners = {"CoT": cot, "ATP-Latent SFT": sft, "ATP-Latent RL": rl}
    results = {name: evaluate(planner, data["test"], EvalSettings()) for name, planner in planners.items()}
    trace = rl.reason(data["test"][:200])
    examples = rl.reason([read_expression(text) for text in EXAMPLES])
    clock("evaluation")
    facts = {
        "Training problems": f"{len(data['train']):,}, with one chain of thought each",
        "Test problems": f"{len(data['test']):,}, none of them in training or validation",
        "Parameters": f"{sum(p.numel() for p in rl.model.parameters()):,}",
        "Seed": str(seed),
        "Minutes": ", ".join(f"{name} {spent:.1f}" for name, spent in minutes.items()),
        "Machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
    }
    report = write_report(
        folder / "report.html",
        title="The tour: a planner that thinks in vectors",
        facts=facts,
        cot_metrics=read_metrics(folder / "cot" / "metrics.jsonl"),
        sft_metrics=read_metrics(folder / "sft" / "metrics.jsonl"),
        rl_metrics=read_metrics(folder / "rl" / "metrics.jsonl"),
        evaluations={name: result.to_json() for name, result in results.items()},
        bundled=bundled_evaluations(),
        examples=[thought_table(rl, examples, row) for row in range(len(EXAMPLES))],
        trajectories=trajectories(rl, trace, fit_projection(trace)),
    )
    print(f"\n{'':16} accuracy, % [95 % interval]   coherence, %   minutes in all {sum(minutes.values()):.1f}")
    for name, result in results.items():
        metrics = result.summary()
        print(f"{name:16} {metrics['accuracy'].percent():29} {100 * metrics['coherence'].mean:.1f}")
    print(f"\nOpen {report} in a browser.")
    return results


def bundled_evaluations() -> dict[str, dict] | None:
    """What the longer-trained checkpoints in `data/checkpoints/` reach, from their cards; None where there are none."""
    names = {"CoT": "cot", "ATP-Latent SFT": "atp-sft", "ATP-Latent RL": "atp-rl"}
    cards = {name: CHECKPOINTS / folder / "card.json" for name, folder in names.items()}
    found = {name: json.loads(path.read_text())["evaluation"] for name, path in cards.items() if path.is_file()}
    return found or None
