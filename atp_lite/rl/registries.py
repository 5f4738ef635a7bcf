"""The five registries of reinforcement learning: an entry is chosen by its name in `RLSettings`.

    rewards      (trace, problems) -> (B,)                          what a trajectory is worth         rewards.py
    advantages   (rewards (B,), G) -> (B,)                          beside the others of its group     advantages.py
    credit       (trace, rewards, settings) -> (B,) or (B, T + A)   which action gets which reward     credit.py
    estimators   (model, samples, settings) -> Estimate             the loss whose gradient improves   surrogates.py
                                                                                                       pathwise.py
    objectives   (learner, problems, iteration) -> metrics          all of one iteration               objectives.py

`settings` are the run's `RLSettings`, with `sigma` a number where they said "mean".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from atp_lite.domains import Problem
from atp_lite.engine.settings import NonFiniteError
from atp_lite.model import Decoded, LatentReasoner, Replay
from atp_lite.registry import Registry


@dataclass(frozen=True)
class Samples:
    """Sampled trajectories and what their actions are worth: what an estimator learns from."""

    trace: Decoded
    advantages: Tensor
    """(B,), or (B, T + A) one for each latent and answer token."""
    old: Tensor | None = None
    """(B, T + A) log pi of every action where they were drawn; None: the model is still the one that drew them."""
    nearest: Tensor | None = None
    """(B, S, W) `chain_tokens` of the nearest right chains, where the settings ask for them."""

    def questions(self, chosen: Tensor) -> Samples:
        """Those of some questions, (n,) indices, with all G trajectories of each."""
        size = self.trace.group_size
        rows = (chosen[:, None] * size + torch.arange(size, device=chosen.device)).flatten()
        old, nearest = (None if part is None else part[rows] for part in (self.old, self.nearest))
        return Samples(self.trace.questions(chosen), self.advantages[rows], old, nearest)


@dataclass(frozen=True)
class Estimate:
    """What an estimator found out about its samples."""

    loss: Tensor
    """A mean over trajectories, with gradient."""
    stats: Mapping[str, float]
    """To be logged: means over `count` actions or rows each."""
    count: float
    replay: Replay | None = None
    """What the model says of these trajectories, where the estimator has asked: the KL to the reference reads it."""


@dataclass(frozen=True)
class Objective:
    """What an iteration does with its questions, and what must hold for it."""

    iterate: Callable[[Any, Sequence[Problem], int], dict[str, float]]
    """(learner, problems, iteration) -> metrics. `Learner` has the model, and `backward` and `step` for its updates."""
    trains_decoder: bool = False
    """Otherwise phi is frozen: a policy could exploit a decoder that learns along with it."""
    can_shard: bool = True
    """Whether all processes read their layers equally often while it learns."""
    rehearses: bool = False
    """Whether its updates can have the supervised loss of labelled problems beside them (`improve_policy`)."""
    reads_answers: bool = False
    """Whether it is trained on the answers of its problems, whatever the settings say."""
    smallest_group: int = 1
    """The least trajectories per question."""


REWARDS: Registry[Callable[[Decoded, Sequence[Problem]], Tensor]] = Registry("reward")
ADVANTAGES: Registry[Callable[[Tensor, int], Tensor]] = Registry("advantage")
CREDIT: Registry[Callable[[Decoded, Mapping[str, Tensor], Any], Tensor]] = Registry("credit")
ESTIMATORS: Registry[Callable[[LatentReasoner, Samples, Any], Estimate]] = Registry("estimator")
OBJECTIVES: Registry[Objective] = Registry("objective")


def checked(kind: str, name: str, values: Tensor, *shapes: tuple[int, ...], finite: bool = True) -> Tensor:
    """What an entry of a registry has given, as it is.

    Raises:
        ValueError: it is no tensor of floats of one of these shapes.
        NonFiniteError: not every value is finite, where all have to be.
    """
    given = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
    if given not in shapes:
        needed = " or ".join(map(str, shapes))
        raise ValueError(f"{kind} {name!r} gave {given}, where a tensor of the shape {needed} is needed")
    if not values.is_floating_point():
        raise ValueError(f"{kind} {name!r} gave {values.dtype}, where floats are needed: call .float()")
    if finite and not bool(values.isfinite().all()):
        n = int((~values.isfinite()).sum())
        raise NonFiniteError(f"{kind} {name!r} gave {n} of {values.numel()} values that are NaN or infinite")
    return values
