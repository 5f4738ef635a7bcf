"""The tour: from random weights to a trained latent planner and a report to open, in minutes."""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from pathlib import Path

import torch

from atp_lite.domains import DOMAINS
from atp_lite.engine.log import read_metrics
from atp_lite.evaluation import Evaluation, evaluate
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, REGIMES, TOUR, TOUR_SHARES, Recipe, fresh_planner, run
from atp_lite.views import fit_projection, thought_table, trajectories, write_report
from atp_lite.views.live import write_site

EXAMPLES = {
    "arithmetic": ("(3+4)*(9-2)", "((2+6)*4)-(7+5)", "6+(((1+5)-3)+9)"),
    "routes": ("5 : ab bd cb dd eb : aa to ce", "5 : bb bd cc db dd : aa to ee", "5 : ac bc cc da ed : aa to ad"),
}
"""Example problems of the report, by domain."""
BUNDLED = {
    "arithmetic": {"CoT": "cot", "ATP-Latent SFT": "atp-sft", "ATP-Latent RL": "atp-plan"},
    "routes": {"CoT": "routes-cot", "ATP-Latent SFT": "routes-sft", "ATP-Latent RL": "routes-plan"},
}
"""Checkpoints that were trained longer, by domain and by what the tour calls them."""


def tour(
    folder: str | Path, seed: int = 0, domain: str = "arithmetic", restart: bool = False
) -> dict[str, Evaluation]:
    """Make the problems, train chain of thought, latents and planning, evaluate all three, write two pages.

    Prints a table; returns the evaluations by name. All figures are greedy, on test problems, which neither training
    nor the choice of recipes has seen, and of the weights at the end of a phase. `report.html` has the figures;
    `live.html` is a page in which the new planners think. A tour that was cut off goes on where it was.

    Args:
        restart: train everything anew, whatever the folder holds.

    Raises:
        ValueError: there is no tour of this domain, or the folder holds a tour of another seed or domain.
    """
    by_domain = {DOMAINS.of(REGIMES[regime]).name: regime for regime in TOUR}
    if domain not in by_domain:
        raise ValueError(f"there is no tour of the domain {domain!r}: choose from {', '.join(by_domain)}")
    regime, folder = by_domain[domain], Path(folder)
    problems, settings = DOMAINS[domain], REGIMES[regime]
    minutes: dict[str, float] = {}

    lengths = list(problems.default_counts("test", settings))
    print(f"1 / 5  problems: {problems.about} with {lengths[0]} to {lengths[-1]} steps, one chain of thought for each")
    data = problems.make_splits(settings)

    def phase(name: str, start: Planner, recipe: Recipe) -> Planner:
        last = run(start, replace(recipe, seed=seed), data, folder / name, resume=not restart, restart=restart)
        minutes[name] = max(line.get("seconds", 0.0) for line in read_metrics(folder / name / "metrics.jsonl")) / 60
        left = sum(minutes.values()) * (1 / sum(TOUR_SHARES[regime][: len(minutes)]) - 1)
        print(f"       {minutes[name]:.1f} minutes; about {left:.0f} more to come")
        return Planner.from_pretrained(last)

    cot_recipe, latent_recipe, plan_recipe = TOUR[regime]
    print("2 / 5  chain of thought: a tiny LLaMA learns to write the steps in words")
    cot = phase("cot", fresh_planner(regime, seed), cot_recipe)

    print("3 / 5  latents: one step after the other becomes a vector (ATP-Latent SFT)")
    sft = phase("sft", cot, latent_recipe)

    print("4 / 5  planning: reinforcement learning with a verifier of the chain (ATP-Latent RL)")
    rl = phase("rl", sft, plan_recipe)

    print("5 / 5  evaluation on the test set, and two pages")
    sft = Planner.from_pretrained(folder / "sft" / "last")
    results = {
        name: evaluate(planner, data["test"])
        for name, planner in {"CoT": cot, "ATP-Latent SFT": sft, "ATP-Latent RL": rl}.items()
    }
    trace = rl.reason(data["test"][:200])
    examples = rl.reason([problems.read_question(text) for text in EXAMPLES[domain]])
    facts = {
        "Training problems": f"{len(data['train']):,} {problems.about}, with one chain of thought each",
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
        curricula=[cot_recipe.curriculum, latent_recipe.curriculum],
        rl_metrics=read_metrics(folder / "rl" / "metrics.jsonl"),
        evaluations={name: result.to_json() for name, result in results.items()},
        bundled=bundled_evaluations(domain),
        examples=[thought_table(rl, examples, row) for row in range(len(examples))],
        trajectories=trajectories(rl, trace, fit_projection(trace)),
    )
    print(f"\n{'':16} {'accuracy, % [95 %]':22} {'right chain, %: one is right':30} several are right")
    for name, result in results.items():
        cells = {key: estimate.percent() for key, estimate in result.summary().items()}
        one, several = cells.get("right_chains_1", ""), cells.get("right_chains_several", "")
        print(f"{name:16} {cells['accuracy']:22} {one:30} {several}")
    page = write_site(folder / "live.html", [folder / name / "last" for name in ("rl", "sft", "cot")])
    print(f"\nOpen {page} in a browser: there the new planners think. All figures: {report}")
    return results


def bundled_evaluations(domain: str) -> dict[str, dict] | None:
    """What the longer-trained checkpoints in `data/checkpoints/` reach, from their cards; None where there are none."""
    cards = {name: CHECKPOINTS / folder / "card.json" for name, folder in BUNDLED[domain].items()}
    found = {name: json.loads(path.read_text())["evaluation"] for name, path in cards.items() if path.is_file()}
    return found or None
