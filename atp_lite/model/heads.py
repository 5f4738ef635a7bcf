"""The two small networks on top of the backbone: what to think next, and when to stop."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """hidden (..., d) -> mu (..., d), logvar (..., d)."""
        features = self.trunk(hidden)
        return self.mean(features), self.log_variance(features)


class StopHead(nn.Module):
    """h_t -> the logit of "latent t is the last one": Linear - GELU - Linear.

    One logit z with sigmoid(z) = P(stop) is the two-class softmax over continue / stop in fewer words.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.Linear(size, 1))

    def forward(self, hidden: Tensor) -> Tensor:
        """hidden (..., d) -> stop logit (...)."""
        return self.layers(hidden)[..., 0]


def stop_log_prob(stop_logit: Tensor, stopped: Tensor) -> Tensor:
    """log P(the decision taken): log sigmoid(z) where `stopped`, log sigmoid(-z) where not. Same shape as given."""
    return nn.functional.logsigmoid(torch.where(stopped, stop_logit, -stop_logit))
