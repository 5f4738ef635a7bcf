"""Rewards: small functions (trace, problems) -> (B,), a registry, and the weighted sum.

The paper's total is f = (1 + lambda_coh R_coh) R_correct + lambda_fmt R_format. Multiplied out it is a plain weighted
sum of registered rewards: `correct` (1), `correct-coherence` = R_coh R_correct (lambda_coh) and `format` (lambda_fmt).
The unsupervised variant is `coherence` alone, which needs no answer labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from atp_lite.domains import ChainVerdict, Problem
from atp_lite.domains.coherence import Coherence
from atp_lite.model import Decoded
from atp_lite.rl.registries import REWARDS, checked

register = REWARDS.register
"""Decorator that puts a reward into the registry under a name, which can be taken only once."""


@register("correct")
def correct(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
    """R_correct: 1 if the answer equals the reference (as a number, where the reference is one), else 0."""
    is_right = trace.domain.is_right
    return _rows(trace, [is_right(a, p.answer) for a, p in zip(trace.answers, problems, strict=True)])


@register("coherence")
def coherent(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
    """R_coh: share of the decoded steps whose result is used later or is the model's own answer; 0 without steps.

    Raises NotMeasured (a ValueError) where the trace's domain cannot read steps.
    """
    return _rows(trace, [found.score for found in _coherence(trace, problems)])


@register("correct-coherence")
def correct_coherence(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
    """R_coh * R_correct: coherence counts only where the answer is right."""
    return coherent(trace, problems) * correct(trace, problems)


@register("format")
def well_formed(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
    """R_format: 1 if the answer ended by itself (with the end token) and can be read (as one number), else 0."""
    values = [trace.domain.read_answer(answer) for answer in trace.answers]
    return _rows(trace, [e and value is not None for e, value in zip(trace.ended.tolist(), values, strict=True)])


@register("validity")
def valid_arithmetic(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
    """Share of the decoded steps whose left side equals their right side; 0 without steps."""
    return _rows(trace, [found.right for found in _coherence(trace, problems)])


@register("chain")
def right_chain(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
    """R_chain: needed steps of the question, each once and after what it uses, over max(needed, taken) steps.

    In [0, 1], and 1 for right chains alone (`Domain.verify`). No label and no answer is read: what is needed follows
    from the question. Raises NotMeasured (a ValueError) where the domain cannot tell.
    """
    return _rows(trace, [verdict.share for verdict in _verdicts(trace, problems)])


@register("arrives")
def arriving(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
    """R_arrives: 1 if every step is in its place and the last one gives the answer, else 0; on a map by any walk.

    Read off the question, as `chain` is.
    """
    return _rows(trace, [verdict.arrives for verdict in _verdicts(trace, problems)])


@register("hops")
def steps_in_place(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
    """R_hops: share of the steps that may stand where they stand: legal, and beginning where the last one ended."""
    return _rows(trace, [v.in_place / v.taken if v.taken else 0.0 for v in _verdicts(trace, problems)])


@register("length")
def length_cost(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
    """Minus the number of latents: give it a small weight and thinking costs something."""
    return -trace.n_latents.to(_number(trace))


def check_weights(weights: Mapping[str, float]) -> None:
    """Raise ValueError for a reward that is not registered, or for no reward at all."""
    if not weights:
        raise ValueError(f"no rewards are given: choose from {', '.join(sorted(REWARDS))}")
    REWARDS.check(*weights)
    if wrong := [name for name, weight in weights.items() if not math.isfinite(weight)]:
        raise ValueError(f"the weight of the reward {wrong[0]} is {weights[wrong[0]]}: give a finite number")


def score(trace: Decoded, problems: Sequence[Problem], names: Iterable[str]) -> dict[str, Tensor]:
    """Each of these rewards by its name, (B,). Raises ValueError for one of another shape, or not finite."""
    return {name: checked("reward", name, REWARDS[name](trace, problems), (len(trace),)) for name in names}


def weighted_sum(rewards: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """sum_i weight_i * R_i -> (B,); rewards without a weight count for nothing."""
    return torch.stack([weight * rewards[name] for name, weight in weights.items()]).sum(0)


def total_reward(
    trace: Decoded, problems: Sequence[Problem], weights: Mapping[str, float]
) -> tuple[Tensor, dict[str, Tensor]]:
    """sum_i weight_i * R_i, and each R_i by its name; all (B,)."""
    check_weights(weights)
    parts = score(trace, problems, weights)
    return weighted_sum(parts, weights), parts


def _coherence(trace: Decoded, problems: Sequence[Problem]) -> list[Coherence]:
    rows = zip(trace.chains, trace.answers, problems, strict=True)
    return [trace.domain.coherence(steps, answer, problem.question) for steps, answer, problem in rows]


def _verdicts(trace: Decoded, problems: Sequence[Problem]) -> list[ChainVerdict]:
    return [trace.domain.verify(problem, steps) for steps, problem in zip(trace.chains, problems, strict=True)]


def _rows(trace: Decoded, values: Sequence[float]) -> Tensor:
    return torch.tensor([float(v) for v in values], dtype=_number(trace), device=trace.latents.device)


def _number(trace: Decoded) -> torch.dtype:
    """The type of a reward: float32, also where weights are bfloat16, in which a third is 0.334."""
    return torch.promote_types(trace.latents.dtype, torch.float32)
