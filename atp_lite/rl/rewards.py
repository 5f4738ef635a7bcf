"""Rewards: small functions (trace, problems) -> (B,), a registry, and the weighted sum.

The paper's total is f = (1 + lambda_coh R_coh) R_correct + lambda_fmt R_format. Multiplied out it is a plain weighted
sum of registered rewards: `correct` (1), `correct-coherence` = R_coh R_correct (lambda_coh) and `format` (lambda_fmt).
The unsupervised variant is `coherence` alone, which needs no answer labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from atp_lite.domains import Problem
from atp_lite.domains.coherence import Coherence
from atp_lite.model import Trace

Reward = Callable[[Trace, Sequence[Problem]], Tensor]

REWARDS: dict[str, Reward] = {}
"""Every reward by its name; `register` adds yours."""


def register(name: str) -> Callable[[Reward], Reward]:
    """Decorator that puts a reward into the registry under `name`. A name can be taken only once."""

    def add(function: Reward) -> Reward:
        if name in REWARDS:
            raise ValueError(f"there is a reward {name!r} already ({REWARDS[name].__module__}): choose another name")
        REWARDS[name] = function
        return function

    return add


@register("correct")
def correct(trace: Trace, problems: Sequence[Problem]) -> Tensor:
    """R_correct: 1 if the answer equals the reference (as a number, where the reference is one), else 0."""
    is_right = trace.domain.is_right
    return _rows(trace, [is_right(a, p.answer) for a, p in zip(trace.answers, problems, strict=True)])


@register("coherence")
def coherent(trace: Trace, problems: Sequence[Problem]) -> Tensor:
    """R_coh: share of the decoded steps whose result is used later or is the model's own answer; 0 without steps.

    Raises NotMeasured (a ValueError) where the trace's domain cannot read steps.
    """
    return _rows(trace, [found.score for found in _coherence(trace, problems)])


@register("correct-coherence")
def correct_coherence(trace: Trace, problems: Sequence[Problem]) -> Tensor:
    """R_coh * R_correct: coherence counts only where the answer is right."""
    return coherent(trace, problems) * correct(trace, problems)


@register("format")
def well_formed(trace: Trace, problems: Sequence[Problem]) -> Tensor:
    """R_format: 1 if the answer ended by itself (with the end token) and can be read (as one number), else 0."""
    values = [trace.domain.read_answer(answer) for answer in trace.answers]
    return _rows(trace, [e and value is not None for e, value in zip(_ended(trace), values, strict=True)])


@register("validity")
def valid_arithmetic(trace: Trace, problems: Sequence[Problem]) -> Tensor:
    """Share of the decoded steps whose left side equals their right side; 0 without steps."""
    return _rows(trace, [found.right for found in _coherence(trace, problems)])


@register("length")
def length_cost(trace: Trace, problems: Sequence[Problem]) -> Tensor:
    """Minus the number of latents: give it a small weight and thinking costs something."""
    return -trace.n_latents.to(_number(trace))


def check_weights(weights: Mapping[str, float]) -> None:
    """Raise ValueError for a reward that is not registered, or for no reward at all."""
    unknown = sorted(set(weights) - set(REWARDS))
    if unknown or not weights:
        raise ValueError(f"rewards {unknown or 'none given'}: choose from {', '.join(sorted(REWARDS))}")


def total_reward(
    trace: Trace, problems: Sequence[Problem], weights: Mapping[str, float]
) -> tuple[Tensor, dict[str, Tensor]]:
    """sum_i weight_i * R_i, and each R_i by its name; all (B,)."""
    check_weights(weights)
    parts = {name: REWARDS[name](trace, problems) for name in weights}
    return sum(weight * parts[name] for name, weight in weights.items()), parts


def _coherence(trace: Trace, problems: Sequence[Problem]) -> list[Coherence]:
    rows = zip(trace.steps, trace.answers, problems, strict=True)
    return [trace.domain.coherence(steps, answer, problem.question) for steps, answer, problem in rows]


def _rows(trace: Trace, values: Sequence[float]) -> Tensor:
    return torch.tensor([float(v) for v in values], dtype=_number(trace), device=trace.mu.device)


def _number(trace: Trace) -> torch.dtype:
    """The type of a reward: float32, also where weights are bfloat16, in which a third is 0.334."""
    return torch.promote_types(trace.mu.dtype, torch.float32)


def _ended(trace: Trace) -> list[bool]:
    """Whether each row wrote the end token; a row that was cut off by the token limit did not."""
    if trace.ended is None:
        raise ValueError("this trace has no answer yet: call model.answer(trace) first")
    return trace.ended.tolist()
