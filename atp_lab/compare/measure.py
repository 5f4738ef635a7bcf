"""What is measured of a trained planner, once, at the end of its run: all of a line of evidence that is not cost.

Beside the ordinary evaluation it holds two tests of how smooth the space of latents is: thoughts moved by noise, and
thoughts moved towards those of another problem.
"""

from __future__ import annotations

from typing import Any

import torch

from atp_lite.domains import Problem
from atp_lite.evaluation import EvalSettings, Evaluation, causes, evaluate, outcomes, partners
from atp_lite.evaluation.metrics import Outcome
from atp_lite.planner import Planner

NOISE = (0.25, 0.5, 0.75, 1.0)
"""Standard deviations of the noise that thoughts are tried with, as shares of the latents' own root mean square."""
BETWEEN = (0.25, 0.5)
"""How far thoughts are moved towards those of another problem: 0.5 is half way."""
TOGETHER = 500
"""Problems whose thoughts are mixed with one another's: a constant, since partners depend on it."""
EDITED = 300
"""Problems whose thoughts are replaced one by one: the first of the test set."""


def measure(planner: Planner, test: list[Problem], longer: list[Problem], samples: int) -> dict[str, Any]:
    """Greedy and sampled metrics, one step longer, noisy and mixed thoughts, and which problems were right.

    test: the test set; longer: questions that need one step more; samples: trajectories per problem for pass@k.
    """
    greedy = evaluate(planner, test)
    drawn = evaluate(planner, test, EvalSettings(samples=samples, temperature=1.0, diversity=True, greedy=False))
    config = planner.model.config
    # one step more gets the latents that its layout has for it
    last = max(len(problem.steps) for problem in longer)
    wanted = int(planner.collate(planner.collate.encode(longer), last).n_latents.max())
    limit = max(config.max_latents, wanted) if config.max_latents else None
    report = greedy.to_json()
    report["metrics"] |= drawn.to_json()["metrics"]
    if config.max_latents:
        thoughts = EvalSettings(samples=4, greedy=False)
        sampled = evaluate(planner, test, thoughts).to_json()["metrics"]
        report["metrics"]["sampled_accuracy"] = sampled["sampled_accuracy"]
    return {
        "evaluation": report,
        "longer": evaluate(planner, longer, EvalSettings(max_latents=limit)).to_json()["metrics"],
        "noise": noise_curve(planner, test),
        "between": between_curve(planner, test),
        "causes": replaced_thoughts(planner, test),
        "correct": correct_bits(greedy, test),
    }


def noise_curve(planner: Planner, test: list[Problem]) -> dict[str, float]:
    """Share of right answers when every latent is moved by Gaussian noise, by its relative size; empty without latents.

    Relative to the root mean square of the latents' own entries: absolute noise would favour the method with the
    larger latents.
    """
    if not planner.model.config.max_latents:
        return {}
    trace = planner.think(test[:256])
    size = trace.latents[trace.latent_mask].square().mean().sqrt().item()
    curve = {}
    for share in NOISE:
        result = evaluate(planner, test, EvalSettings(samples=1, sigma=share * size, greedy=False))
        curve[str(share)] = round(result.to_json()["metrics"]["sampled_accuracy"]["mean"], 6)
    return curve


@torch.no_grad()
def between_curve(planner: Planner, test: list[Problem]) -> dict[str, dict[str, float]]:
    """What is left of a problem when all its thoughts are moved towards those of another one; empty without latents.

    l_t becomes (1 - a) l_t + a l'_t, with l' the latents of another problem that needs as many steps. By a: `accuracy`,
    the share of answers that are still the problem's own, and where there is a decoder `valid`, the share of the mixed
    thoughts that read as valid arithmetic. Partners are found among `TOGETHER` neighbours in the test set.
    """
    if not planner.model.config.max_latents:
        return {}
    decode = planner.model.decoder is not None
    found: dict[str, list[Outcome]] = {str(share): [] for share in BETWEEN}
    for start in range(0, len(test), TOGETHER):
        chunk = test[start : start + TOGETHER]
        trace = planner.think(chunk)
        other = partners([len(problem.steps) for problem in chunk], trace.n_latents.tolist())
        for share in BETWEEN:
            mixed = torch.lerp(trace.latents, trace.latents[other], share)  # (B, T, d)
            edits = {t + 1: mixed[:, t] for t in range(mixed.shape[1])}
            moved = planner.finish(planner.think(chunk, lengths=trace.n_latents, edits=edits), decode=decode)
            found[str(share)] += outcomes(moved, planner.model.config.latents_per_step)
    curve = {}
    for name, results in found.items():
        metrics = {"accuracy": [float(o.correct) for o in results]}
        if decode:
            metrics["valid"] = [o.right_steps for o in results if o.right_steps is not None]
        curve[name] = {metric: round(sum(v) / len(v), 6) for metric, v in metrics.items() if v}
    return curve


def replaced_thoughts(planner: Planner, test: list[Problem]) -> dict[str, Any]:
    """What follows when thoughts are replaced, `Causes.to_json()`; empty without latents that a decoder reads."""
    if not planner.model.config.max_latents or planner.model.decoder is None:
        return {}
    return causes(planner, test[:EDITED]).to_json()


def correct_bits(result: Evaluation, test: list[Problem]) -> str:
    """Which problems were right, in the order of `test`, one bit each, as hexadecimal digits."""
    right = {o.id: o.correct for o in result.outcomes}
    return f"{int(''.join('1' if right[p.id] else '0' for p in test), 2):x}"
