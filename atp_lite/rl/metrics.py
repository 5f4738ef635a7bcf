"""What is measured about a planner that explores: the spread of its latents, and what its rollouts are worth."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from atp_lite.domains import Problem, measured
from atp_lite.model import Decoded
from atp_lite.planner import Planner


@torch.no_grad()
def mean_sigma(planner: Planner, problems: Sequence[Problem], batch_size: int | None = None) -> float:
    """The planner's own posterior standard deviation, averaged over latents and dimensions.

    batch_size: problems thought about at once; None takes all.
    """
    size, total, count = batch_size or len(problems), 0.0, 0
    for start in range(0, len(problems), size):
        trace = planner.think(problems[start : start + size])
        if n := int(trace.latent_mask.sum()):
            total += float(trace.sigma[trace.latent_mask].mean()) * n
            count += n
    if not count:
        raise ValueError("this checkpoint thinks no latents (it reasons in words), so there is nothing to explore")
    return total / count


def rollout_metrics(trace: Decoded) -> dict[str, float]:
    """Accuracy, coherence (where the domain has it), diversity (distinct chains / G), sigma and length of samples."""
    right = [trace.domain.is_right(a, p.answer) for a, p in zip(trace.answers, trace.problems, strict=True)]
    size = trace.group_size
    chains = trace.chains
    groups = [chains[i : i + size] for i in range(0, len(trace), size)]
    distinct = sum(len({tuple(steps) for steps in group}) for group in groups)
    real = trace.latent_mask
    rows = zip(chains, trace.answers, trace.problems, strict=True)
    found = [measured(trace.domain.coherence, steps, answer, p.question) for steps, answer, p in rows]
    scores = [coherence.score for coherence in found if coherence is not None]
    return {
        "sampled_accuracy": sum(right) / len(right),
        **({"sampled_coherence": sum(scores) / len(scores)} if scores else {}),
        "diversity": distinct / len(trace),
        "sigma": float(trace.sigma[real].mean()) if real.any() else 0.0,
        "n_latents": float(trace.n_latents.float().mean()),
    }
