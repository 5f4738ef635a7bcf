"""The small networks on top of the backbone: what to think next, and when to stop.

A latent head turns the hidden state into a `Distribution` of the next latent. `LatentHead` is that of ATP-Latent, a
Gaussian; `MixtureHead` has several; the others belong to rivals and ablations and give points, without a spread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from atp_lite.model.distributions import Distribution, Gaussian, Mixture, Point
from atp_lite.registry import Registry

P = ParamSpec("P")
T = TypeVar("T")

LATENT_HEADS: Registry[type[nn.Module]] = Registry("latent head")
"""Name in `ReasonerConfig.latent_head` -> the class of the head, a module.

    __init__(size, **options)    d, and `ReasonerConfig.latent_head_options`
    forward(hidden (..., d))     -> a `Distribution` over latents (..., d), any number of leading dimensions; under
                                 `@in_own_precision`, or it runs in bfloat16 where the rest does

What holds for its tensors and their first values, as for every part: `atp_lite/model/parts.py`."""


def in_own_precision(
    forward: Callable[Concatenate[Any, Tensor, P], T],
) -> Callable[Concatenate[Any, Tensor, P], T]:
    """A head's `forward`, in the precision of its weights also where the rest is multiplied in bfloat16 (autocast).

    bfloat16 has three digits. A mean of 1 rounded to them leaves nothing of noise with a sigma of 0.001.
    """

    @wraps(forward)
    def exact(self: Any, hidden: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> T:
        kind = hidden.device.type
        if not torch.is_autocast_enabled(kind):
            return forward(self, hidden, *args, **kwargs)
        with torch.autocast(kind, enabled=False):
            return forward(self, hidden.to(next(self.parameters(), hidden).dtype), *args, **kwargs)

    return exact


def trunk(size: int) -> nn.Sequential:
    """Linear - GELU - Linear - LayerNorm, what the heads with weights begin with."""
    return nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.Linear(size, size), nn.LayerNorm(size))


@LATENT_HEADS.register("gaussian")
class LatentHead(nn.Module):
    """h_t -> N(mu_t, diag sigma_t^2): a trunk, then one linear layer each for the mean and the log-variance.

    Args:
        size: d, the width of the backbone.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.trunk = trunk(size)
        self.mean = nn.Linear(size, size)
        self.log_variance = nn.Linear(size, size)

    @in_own_precision
    def forward(self, hidden: Tensor) -> Distribution:
        features = self.trunk(hidden)
        return Gaussian(self.mean(features), self.log_variance(features))


@LATENT_HEADS.register("mixture")
class MixtureHead(LatentHead):
    """h_t -> sum_k pi_k N(mu_k, diag sigma_k^2): a Gaussian whose components move apart where one will not do.

    They begin close to each other: of components that begin far apart, the first to fit takes all the work.

    Args:
        size: d, the width of the backbone.
        components: K.
    """

    APART = 0.1
    """What a component's difference from the Gaussian in the middle is multiplied by."""

    def __init__(self, size: int, components: int = 4) -> None:
        super().__init__(size)
        if components < 1:
            raise ValueError(f"components is {components}: a mixture has 1 or more")
        self.shape = (components, size)
        self.weights = nn.Linear(size, components)
        self.means = nn.Linear(size, components * size)
        self.log_variances = nn.Linear(size, components * size)

    @in_own_precision
    def forward(self, hidden: Tensor) -> Distribution:
        features = self.trunk(hidden)
        mu, logvar = (
            middle(features)[..., None, :] + self.APART * apart(features).unflatten(-1, self.shape)  # (..., K, d)
            for middle, apart in ((self.mean, self.means), (self.log_variance, self.log_variances))
        )
        return Mixture(self.APART * self.weights(features), mu, logvar)


class PointHead(nn.Module):
    """A head without a spread: one that gives a `Point`."""


@LATENT_HEADS.register("hidden")
class HiddenStateHead(PointHead):
    """l_t = h_t: the last hidden state itself (Coconut, SIM-CoT). No parameters."""

    def __init__(self, size: int) -> None:
        super().__init__()

    @in_own_precision
    def forward(self, hidden: Tensor) -> Distribution:
        return Point(hidden)


@LATENT_HEADS.register("projector")
class ProjectorHead(PointHead):
    """l_t = MLP(h_t): the trunk and the mean of `LatentHead` (CODI; ATP-Latent without its VAE)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.trunk = trunk(size)
        self.mean = nn.Linear(size, size)

    @in_own_precision
    def forward(self, hidden: Tensor) -> Distribution:
        return Point(self.mean(self.trunk(hidden)))


@LATENT_HEADS.register("filler")
class FillerHead(PointHead):
    """l_t = p, one learned vector whatever was read: a pause token."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.filler = nn.Embedding(1, size)  # an embedding, so that it begins like any other token's

    @in_own_precision
    def forward(self, hidden: Tensor) -> Distribution:
        return Point(self.filler.weight[0].expand_as(hidden))


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
        logits: Tensor = self.layers(hidden)
        return logits[..., 0]


def stop_log_prob(stop_logit: Tensor, stopped: Tensor) -> Tensor:
    """log P(the decision taken): log sigmoid(z) where `stopped`, log sigmoid(-z) where not. Same shape as given."""
    return nn.functional.logsigmoid(torch.where(stopped, stop_logit, -stop_logit))
