"""The small networks on top of the backbone: what to think next, and when to stop.

Methods of latent reasoning differ first of all in what they feed back. `LatentHead` is that of ATP-Latent, a Gaussian;
the others in `LATENT_HEADS` belong to its rivals and ablations and are points, without a spread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor, nn


def in_own_precision(forward: Callable) -> Callable:
    """A head's `forward`, in the precision of its weights also where the rest is multiplied in bfloat16 (autocast).

    bfloat16 has three digits. A mean of 1 rounded to them leaves nothing of noise with a sigma of 0.001.
    """

    @wraps(forward)
    def exact(self: nn.Module, hidden: Tensor):
        kind = hidden.device.type
        if not torch.is_autocast_enabled(kind):
            return forward(self, hidden)
        with torch.autocast(kind, enabled=False):
            return forward(self, hidden.to(next(self.parameters(), hidden).dtype))

    return exact


class LatentHead(nn.Module):
    """h_t -> (mu_t, log sigma_t^2), the posterior of latent t.

    A trunk Linear - GELU - Linear - LayerNorm, then one linear layer each for the mean and the log-variance.

    Args:
        size: d, the width of the backbone.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.Linear(size, size), nn.LayerNorm(size))
        self.mean = nn.Linear(size, size)
        self.log_variance = nn.Linear(size, size)

    @in_own_precision
    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """hidden (..., d) -> mu (..., d), logvar (..., d)."""
        features = self.trunk(hidden)
        return self.mean(features), self.log_variance(features)


class PointHead(nn.Module):
    """A latent head that is no distribution: mu_t is all there is, log sigma_t^2 = -infinity, so sigma_t = 0."""

    def point(self, hidden: Tensor) -> Tensor:
        raise NotImplementedError

    @in_own_precision
    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """hidden (..., d) -> mu (..., d), logvar (..., d) of -infinity."""
        mu = self.point(hidden)
        return mu, torch.full_like(mu, -torch.inf)


class HiddenStateHead(PointHead):
    """l_t = h_t: the last hidden state itself (Coconut, SIM-CoT). No parameters."""

    def __init__(self, size: int) -> None:
        super().__init__()

    def point(self, hidden: Tensor) -> Tensor:
        return hidden


class ProjectorHead(PointHead):
    """l_t = MLP(h_t): the trunk and the mean of `LatentHead` (CODI; ATP-Latent without its VAE)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.Linear(size, size), nn.LayerNorm(size))
        self.mean = nn.Linear(size, size)

    def point(self, hidden: Tensor) -> Tensor:
        return self.mean(self.trunk(hidden))


class FillerHead(PointHead):
    """l_t = p, one learned vector whatever was read: a pause token."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.filler = nn.Embedding(1, size)  # an embedding, so that it begins like any other token's

    def point(self, hidden: Tensor) -> Tensor:
        return self.filler.weight[0].expand_as(hidden)


LATENT_HEADS: dict[str, type[nn.Module]] = {
    "gaussian": LatentHead,
    "hidden": HiddenStateHead,
    "projector": ProjectorHead,
    "filler": FillerHead,
}
"""Name in `ReasonerConfig.latent_head` -> the head."""


class StopHead(nn.Module):
    """h_t -> the logit of "latent t is the last one": Linear - GELU - Linear.

    One logit z with sigmoid(z) = P(stop) is the two-class softmax over continue / stop in fewer words.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.Linear(size, 1))

    @in_own_precision
    def forward(self, hidden: Tensor) -> Tensor:
        """hidden (..., d) -> stop logit (...)."""
        return self.layers(hidden)[..., 0]


def stop_log_prob(stop_logit: Tensor, stopped: Tensor) -> Tensor:
    """log P(the decision taken): log sigmoid(z) where `stopped`, log sigmoid(-z) where not. Same shape as given."""
    return nn.functional.logsigmoid(torch.where(stopped, stop_logit, -stop_logit))
