"""What GRPO must be compared with: other uses of the same answers, from the same checkpoint.

Each is a loss on the same questions, so `rl/train.py` can run it in the place of the GRPO update.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from atp_lite.domains import Problem
from atp_lite.model import Trace
from atp_lite.planner import Planner


def verified_chains(trace: Trace, rng: random.Random) -> list[Problem]:
    """Rejection sampling: the model's own trajectories that hold, one a question, as labelled problems.

    A trajectory holds when its answer is right, every decoded step is valid arithmetic, and every step is coherent.
    """
    kept: dict[int, list[Problem]] = {}
    for row, problem in enumerate(trace.problems):
        found = trace.domain.coherence(trace.steps[row], trace.answers[row], problem.question)
        if trace.domain.is_right(trace.answers[row], problem.answer) and found.score == 1.0 and found.right == 1.0:
            own = replace(problem, steps=tuple(trace.steps[row]))
            kept.setdefault(row // trace.group_size, []).append(own)
    return [rng.choice(own) for own in kept.values()]


def answer_cross_entropy(
    planner: Planner, problems: Sequence[Problem], sample: bool, generator: torch.Generator
) -> tuple[Tensor, Trace]:
    """-log p(true answer | q, own latents), mean over the answer's tokens; the gradient flows through the latents.

    The planner thinks by itself (its own stops); no chain label is used.
    """
    batch = planner.collate([replace(p, steps=()) for p in problems], stage=0).to(planner.model.device)
    trace = planner.model.think(batch.question, batch.question_mask, sample=sample, generator=generator)
    trace.problems, trace.domain = list(problems), planner.domain
    return planner.model.language_loss(trace, batch.language, batch.language_mask), trace
