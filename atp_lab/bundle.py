"""The bundled checkpoints: trained by the recipes, measured on the test set, each with a card that says how."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from atp_lite.domains import DOMAINS, Problem, data_hash
from atp_lite.evaluation import EvalSettings, Evaluation, evaluate
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, JOURNEY, PARENTS, REGIMES, fresh_planner, regime_data, settings_of, train
from atp_lite.views.microscope import journey, write_journey

BUNDLED = {
    "cot": ("clean", "cot"),
    "atp-sft": ("clean", "atp-sft"),
    "atp-rl": ("clean", "grpo"),
    "atp-sft-noisy": ("noisy", "atp-sft"),
    "atp-rl-noisy": ("noisy", "grpo"),
    "coconut": ("clean", "coconut"),
    "atp-plan": ("clean", "plan"),
    "atp-step": ("clean", "plan-step"),
    "sim-cot": ("clean", "sim-cot"),
    "atp-sft-stories": ("stories", "atp-sft"),
    "routes-cot": ("routes", "cot"),
    "routes-sft": ("routes", "atp-sft"),
    "routes-plan": ("routes", "plan"),
    "routes-step": ("routes", "atp-step"),
}
"""Name of the checkpoint -> the regime of its labels and the recipe that ends in it."""


KEPT_EVERY = 25
"""Iterations between the stops of the bundled journey."""


def train_recipe(recipe: str, regime: str, seed: int, data: dict[str, list[Problem]], runs: Path) -> Path:
    """Train one recipe and what it starts from; return the folder of its last weights.

    `runs` holds one folder a recipe, each of one regime and one seed; what is finished there is not trained again.
    """
    parent = PARENTS[recipe]
    start = fresh_planner(regime, seed)
    if parent is not None:
        start = Planner.from_pretrained(train_recipe(parent, regime, seed, data, runs))
    return train(start, replace(settings_of(recipe, regime), seed=seed), data, runs / recipe)


def measure(planner: Planner, test: list[Problem], draws: bool = True) -> tuple[dict, Evaluation]:
    """Greedy metrics; with `draws`, accuracy when latents are sampled (4 draws), and pass@k of answers and chains when
    answers are too (8 draws).

    Returns the report as plain values, and the greedy evaluation.
    """
    draws = draws and planner.model.config.max_latents > 0
    result = evaluate(planner, test, EvalSettings(samples=4 if draws else 0))
    report = result.to_json()
    if draws:
        eight = EvalSettings(samples=8, temperature=1.0, diversity=True, greedy=False)
        drawn = evaluate(planner, test, eight).to_json()["metrics"]
        report["metrics"] |= {name: value for name, value in drawn.items() if name != "sampled_accuracy"}
    return report, result


def make_checkpoints(out: Path, runs: Path, seed: int = 0, only: Sequence[str] = ()) -> None:
    """Train, measure and write the bundled checkpoints with their cards (`card.json` and `README.md`).

    only: their names; none makes all.

    Raises:
        ValueError: no checkpoint of that name is bundled.
    """
    for name in only:
        if name not in BUNDLED:
            raise ValueError(f"no bundled checkpoint is called {name!r}: choose from {', '.join(BUNDLED)}")
    for name, (regime, recipe) in BUNDLED.items():
        if only and name not in only:
            continue
        data = regime_data(regime)
        last = train_recipe(recipe, regime, seed, data, runs / f"{regime}-{seed}")
        planner = Planner.from_pretrained(last)
        report, result = measure(planner, data["test"])
        progress = json.loads((last.parent / "state" / "progress.json").read_text())
        domain = DOMAINS.of(REGIMES[regime])
        card = {
            "name": name,
            "recipe": recipe,
            "command": "make checkpoints",
            "seed": seed,
            "labels": regime,
            "wrong_labels": round(domain.wrong_labels(data["train"]) / len(data["train"]), 4),
            "train_hash": data_hash(data["train"]),
            "test_hash": data_hash(data["test"]),
            "cpu_minutes": round(progress["cpu_seconds"] / 60, 1),
            "settings": asdict(replace(settings_of(recipe, regime), seed=seed)),
            "evaluation": report,
        }
        shutil.rmtree(out / name, ignore_errors=True)
        planner.save_pretrained(out / name)
        (out / name / "card.json").write_text(json.dumps(card, indent=1) + "\n")
        (out / name / "README.md").write_text(_card_text(card, result, domain.about))
        print(f"{out / name}: accuracy {result.accuracy.percent()} %")


def make_journey(path: Path, runs: Path, seed: int = 0) -> None:
    """Repeat the run that ends in `atp-rl-noisy` with checkpoints kept on the way, and write what the microscope shows.

    Followed are the first validation problems of three and of four steps, whatever becomes of them.
    """
    data = regime_data("noisy")
    start = Planner.from_pretrained(train_recipe("atp-sft", "noisy", seed, data, runs / f"noisy-{seed}"))
    settings = replace(settings_of("grpo", "noisy"), seed=seed, keep_every=KEPT_EVERY)
    folder = runs / f"noisy-{seed}" / "journey"
    train(start, settings, data, folder)
    followed = [p for n in (3, 4) for p in [p for p in data["validation"] if len(p.steps) == n][:3]]
    write_journey(path, journey(folder, followed, data["validation"][:300]))
    print(f"{path}: {len(followed)} problems followed through {settings.iterations} iterations")


def _card_text(card: dict, result: Evaluation, about: str) -> str:
    labels = "all right" if not card["wrong_labels"] else f"{100 * card['wrong_labels']:.1f} % wrong, on purpose"
    facts = {
        "made by": f"`{card['command']}` (recipe `{card['recipe']}` in `atp_lite/recipes.py`)",
        "seed": card["seed"],
        "training labels": labels,
        "hash of the training data": f"`{card['train_hash']}`",
        "hash of the test data": f"`{card['test_hash']}`",
        "CPU minutes of this phase, one thread": card["cpu_minutes"],
        "mean sigma of the latents": card["evaluation"]["sigma"],
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return (
        f"# {card['name']}\n\nA planner for {about}; weights at the end of training, not selected on anything.\n\n"
        f"| | |\n|---|---|\n{table}\n\n{result.to_markdown()}\n\n"
        "95 % intervals over the test problems (Wilson for shares of problems, normal for means), one training seed.\n"
    )


@dataclass(frozen=True)
class Checkpoints:
    """Train the bundled checkpoints and the run of the RL microscope anew (about an hour and a half on one thread)."""

    out: Path = CHECKPOINTS
    """Folder to write checkpoints to, each with its card."""
    runs: Path = Path("runs/evidence")
    """Folder of the training runs; what is finished there is not trained again."""
    only: tuple[str, ...] = ()
    """Only these, by name; `journey` is the run of the microscope. None makes all."""

    def run(self) -> int:
        checkpoints = [name for name in self.only if name != "journey"]
        if checkpoints or not self.only:
            make_checkpoints(self.out, self.runs, only=checkpoints)
        if "journey" in self.only or not self.only:
            make_journey(JOURNEY if self.out == CHECKPOINTS else self.out / JOURNEY.name, self.runs)
        return 0
