"""How the cost grows with latents, rows, question length and group size, and how it should by counting operations.

Floating point operations of reading n positions after S others (2 for every multiply-add), d hidden size, f width of
the feed-forward layers, L layers:

    read(n, S) = n L (2 (4 d^2 + 3 d f) + 4 d (S + (n + 1) / 2))     matrices; attention to S + 1 .. S + n positions
    heads      = 10 d^2 a latent (five d x d matrices, stop head included)
    logits     = 2 d V a token that is written

Backward costs twice forward: a training step is three times its forward pass.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.speed.clock import take_turns
from benchmarks.speed.models import ANSWER, LAYERS, LLAMA, QUESTION, plain_step, planner, problems, sft_step

D, F, V = LLAMA["hidden_size"], LLAMA["intermediate_size"], LLAMA["vocab_size"]
ROWS, LATENTS, ASKED = 8, 6, 4
"""Of what does not grow; `ASKED` questions are thought about in groups."""
AXES = {
    "T": ("latents", (1, 2, 4, 8, 12, 16, 20)),
    "B": ("rows", (1, 2, 4, 8, 16, 32)),
    "Q": ("question tokens", (16, 32, 64, 128)),
    "G": ("trajectories per question", (1, 2, 4, 8, 16)),
}
"""T, B, Q of a training step without decoder; G of a rollout."""


def read(n: int, after: int = 0) -> float:
    """Operations of reading n positions of one row after `after` others."""
    return n * LAYERS * (2 * (4 * D * D + 3 * D * F) + 4 * D * (after + (n + 1) / 2))


def think_operations(question: int, latents: int, group_size: int = 1) -> float:
    """One question and the thoughts and answers of its group, forward."""
    one = read(latents + ANSWER, question) + latents * 10 * D * D + ANSWER * 2 * D * V
    return read(question) + group_size * one


def plain_operations(positions: int) -> float:
    """One row of the plain model, forward: it computes logits everywhere."""
    return read(positions) + positions * 2 * D * V


@dataclass(frozen=True)
class Point:
    """Cost at one place, in training steps of the plain model at B=8, T=6, Q=32."""

    axis: str
    value: int
    median: float
    lowest: float
    highest: float
    theory: float


def at(axis: str, value: int) -> tuple[Callable[[], object], float]:
    """What is timed there, and its floating point operations."""
    size = {"T": LATENTS, "B": ROWS, "Q": QUESTION} | {axis: value}
    if axis == "G":
        return rollout(value), ASKED * think_operations(QUESTION, LATENTS, value)
    step, _ = sft_step("atp-no-decoder", size["B"], size["T"], size["Q"])
    return step, 3 * size["B"] * think_operations(size["Q"], size["T"])


def rollout(group_size: int) -> Callable[[], object]:
    """Think and answer `group_size` times about each of `ASKED` questions, everything sampled."""
    owner = planner("atp-no-decoder", LATENTS)
    owner.model.config.eos_id = -1  # nobody ends the answer early
    batch = owner.collate(problems(ASKED, LATENTS), LATENTS)
    generator = torch.Generator().manual_seed(0)

    @torch.no_grad()
    def run() -> None:
        trace = owner.model.think(
            batch.question,
            batch.question_mask,
            lengths=batch.n_latents,
            group_size=group_size,
            sample=True,
            generator=generator,
        )
        owner.model.answer(trace, temperature=1.0, generator=generator)

    return run


def grow(axis: str, rounds: int = 9) -> list[Point]:
    """Every value of an axis, in turns with the plain step that is the unit."""
    positions = QUESTION + LATENTS + 1 + ANSWER
    found = {value: at(axis, value) for value in AXES[axis][1]}
    runs = {"unit": plain_step(ROWS, positions)} | {value: run for value, (run, _) in found.items()}
    times = take_turns(runs, rounds)
    unit, operations = times["unit"], 3 * ROWS * plain_operations(positions)
    points = []
    for value, (_, theory) in found.items():
        costs = [seconds / one for seconds, one in zip(times[value], unit, strict=True)]
        points.append(
            Point(axis, value, statistics.median(costs), min(costs), max(costs), theory / operations)
        )
    return points
