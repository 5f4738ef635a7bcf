"""What a latent head says about the next latent: a distribution over R^d.

Everything that thinks, learns or draws pictures asks a `Distribution`; no other file knows which one it is. `Gaussian`
is ATP-Latent's, `Point` that of rivals which feed back one vector, `Mixture` has K components. To add one, write the
abstract members and a head that returns it (`heads.py`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor

from atp_lite.model.decisions import argmax
from atp_lite.model.noise import Noise, choose, normal_like

# ---------------------------------------------------------------- the formulas


def at_least_float32(values: Tensor) -> Tensor:
    """The values in float32, where they are in something narrower; otherwise the tensor itself."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def reparameterise(mu: Tensor, logvar: Tensor, generator: Noise = None) -> Tensor:
    """l = mu + sigma * eps, eps ~ N(0, I): a draw through which the gradient flows (Kingma & Welling 2014, eq. 10).

    mu, logvar (..., d) -> latent (..., d).
    """
    eps = normal_like(mu, generator)
    return mu + torch.exp(0.5 * logvar) * eps


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL( N(mu, diag sigma^2) || N(0, I) ) = 1/2 sum_d (mu_d^2 + sigma_d^2 - 1 - log sigma_d^2), in nats.

    mu, logvar (..., d) -> (...), in float32 at least.
    """
    mu, logvar = at_least_float32(mu), at_least_float32(logvar)
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar).sum(-1)


def gaussian_kl(mu: Tensor, logvar: Tensor, other_mu: Tensor, other_logvar: Tensor) -> Tensor:
    """KL( N(mu, sigma^2) || N(mu', sigma'^2) ) in nats; with one sigma, ||mu - mu'||^2 / (2 sigma^2).

    1/2 sum_d (log sigma'^2 - log sigma^2 + (sigma^2 + (mu - mu')^2) / sigma'^2 - 1). All (..., d) -> (...).
    """
    mu, logvar, other_mu, other_logvar = map(at_least_float32, (mu, logvar, other_mu, other_logvar))
    log_ratio = logvar - other_logvar
    distance = (mu - other_mu).square() * (-other_logvar).exp()
    return 0.5 * (log_ratio.exp() - 1.0 - log_ratio + distance).sum(-1)


def gaussian_log_prob(latent: Tensor, mu: Tensor, sigma: Tensor | float) -> Tensor:
    """log N(latent; mu, sigma^2 I) = -||latent - mu||^2 / (2 sigma^2) - d log sigma - d/2 log 2 pi, in nats.

    latent, mu (..., d); sigma a number or (..., d) -> (...), in float32 at least: a sum over thousands of dimensions
    has no digit behind the point in bfloat16, and ratios of probabilities are differences of such sums.
    """
    latent, mu = at_least_float32(latent), at_least_float32(mu)
    sigma = torch.as_tensor(sigma, dtype=mu.dtype, device=mu.device)
    z = (latent - mu) / sigma
    return -(0.5 * z.square() + sigma.log() + 0.5 * math.log(2 * math.pi)).sum(-1)


# ----------------------------------------------------------- the distributions


@dataclass(frozen=True)
class Distribution(ABC):
    """A distribution over latents for every place of a batch: its fields, tensors, share the leading shape `(...)`.

    Places where nothing is thought hold 0 in every field, so 0 has to be a valid value: store log sigma, not sigma.
    """

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """(..., d)"""

    @property
    def mode(self) -> Tensor:
        """(..., d) the likeliest latent, as well as it is known: what is thought without sampling."""
        return self.mean

    def component_of(self, latent: Tensor) -> Distribution:
        """The part that `latent` (..., d) most likely came from, as a distribution of its own."""
        return self

    def redraw(self, latent: Tensor, before: Self) -> Tensor:
        """Draw with the noise of `latent` (..., d), which `before` drew: l = mu + (latent - mu_before).

        The gradient flows through the mean alone, so what is drawn with another spread keeps it.
        """
        return self.mean + (latent - before.mean).detach()

    @property
    def components(self) -> tuple[Tensor, Tensor]:
        """log-weights (..., K) and means (..., K, d) of its parts: one, at the mode, unless it is made of several."""
        mode = self.mode
        return mode.new_zeros(*mode.shape[:-1], 1), mode[..., None, :]

    @property
    @abstractmethod
    def stddev(self) -> Tensor:
        """(..., d) standard deviation of each dimension; 0 for a point."""

    @property
    def has_spread(self) -> bool:
        """Whether there is anything to explore."""
        return bool((self.stddev > 0).any())

    @abstractmethod
    def draw(self, noise: Noise = None) -> Tensor:
        """(..., d) a sample; the gradient flows through it.

        Draw with `normal_like` or `choose` of `model/noise.py` and this noise, a generator or one for each row: what
        `torch.distributions` draws is the same for no seed.
        """

    @abstractmethod
    def log_prob(self, latent: Tensor) -> Tensor:
        """latent (..., d) -> log-density (...), in nats, in float32 at least."""

    @abstractmethod
    def kl_to_prior(self) -> Tensor:
        """KL( self || N(0, I) ), in nats (...)."""

    def kl_to(self, other: Distribution, latent: Tensor | None = None) -> Tensor:
        """KL( self || other ), in nats (...): in closed form where both are of a kind.

        Otherwise its estimate log self(l) - log other(l) from one draw, whose mean over draws it is.

        latent: (..., d) drawn from `self`; read only where there is no closed form.

        Raises:
            ValueError: there is no closed form and no draw, or one of them is a point.
        """
        if type(other) is type(self):
            return self._kl_to_own_kind(other)
        if latent is None:
            raise ValueError(
                f"KL( {type(self).__name__} || {type(other).__name__} ) has no closed form: give a draw of the first, "
                "kl_to(other, latent)"
            )
        return self.log_prob(latent) - other.log_prob(latent)

    @abstractmethod
    def _kl_to_own_kind(self, other: Self) -> Tensor:
        """KL( self || other ) of two of a kind, in nats (...)."""

    @abstractmethod
    def with_stddev(self, sigma: Tensor | float) -> Distribution:
        """The same means with this standard deviation, a number or (..., d): how a policy explores. 0 gives points."""

    def with_spread_of(self, other: Self) -> Distribution:
        """The same means with the spread of another one of the kind."""
        return self.with_stddev(other.stddev)

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The distribution with `function` applied to each of its tensors; it must act on the leading shape only."""
        return type(self)(*(function(getattr(self, f.name)) for f in fields(self)))

    def __getitem__(self, index: Any) -> Self:
        """Rows or places of the leading shape."""
        return self.map(lambda values: values[index])

    @classmethod
    def combine(cls, parts: Sequence[Self], function: Callable[[list[Tensor]], Tensor]) -> Self:
        """Several as one: `function` gets the same tensor of each, such as `torch.cat` does."""
        first = parts[0]
        return type(first)(*(function([getattr(part, f.name) for part in parts]) for f in fields(first)))


@dataclass(frozen=True)
class Gaussian(Distribution):
    """N(mu, diag sigma^2), given by its mean and log sigma^2, each (..., d)."""

    mu: Tensor
    logvar: Tensor

    @property
    def mean(self) -> Tensor:
        return self.mu

    @property
    def stddev(self) -> Tensor:
        return torch.exp(0.5 * self.logvar)

    def draw(self, noise: Noise = None) -> Tensor:
        return reparameterise(self.mu, self.logvar, noise)

    def log_prob(self, latent: Tensor) -> Tensor:
        return gaussian_log_prob(latent, self.mu, self.stddev)

    def kl_to_prior(self) -> Tensor:
        return kl_divergence(self.mu, self.logvar)

    def _kl_to_own_kind(self, other: Self) -> Tensor:
        return gaussian_kl(self.mu, self.logvar, other.mu, other.logvar)

    def with_stddev(self, sigma: Tensor | float) -> Distribution:
        logvar = _log_variance(self.mu, sigma)
        return Point(self.mu) if logvar is None else Gaussian(self.mu, logvar)


@dataclass(frozen=True)
class Point(Distribution):
    """One vector mu (..., d) and no spread: nothing to measure, and nothing to explore until it is given a sigma."""

    mu: Tensor

    @property
    def mean(self) -> Tensor:
        return self.mu

    @property
    def stddev(self) -> Tensor:
        return torch.zeros_like(self.mu)

    def draw(self, noise: Noise = None) -> Tensor:
        return self.mu

    def log_prob(self, latent: Tensor) -> Tensor:
        raise ValueError("a point has no density: give it a spread first, with_stddev(0.3) for example")

    def kl_to_prior(self) -> Tensor:
        return self.mu.new_zeros(self.mu.shape[:-1])

    def _kl_to_own_kind(self, other: Self) -> Tensor:
        return self.mu.new_zeros(self.mu.shape[:-1])

    def with_stddev(self, sigma: Tensor | float) -> Distribution:
        logvar = _log_variance(self.mu, sigma)
        return self if logvar is None else Gaussian(self.mu, logvar)


@dataclass(frozen=True)
class Mixture(Distribution):
    """sum_k pi_k N(mu_k, diag sigma_k^2) with K components: one for each of several equally good next steps."""

    logits: Tensor
    """(..., K), log pi_k up to a constant."""
    means: Tensor
    """(..., K, d)"""
    logvars: Tensor
    """(..., K, d)"""

    @property
    def log_weights(self) -> Tensor:
        """(..., K) log pi_k."""
        return torch.log_softmax(at_least_float32(self.logits), -1)

    @property
    def components(self) -> tuple[Tensor, Tensor]:
        return self.log_weights, self.means

    def component_of(self, latent: Tensor) -> Gaussian:
        chosen = self._likeliest(latent)
        return Gaussian(self._component(self.means, chosen), self._component(self.logvars, chosen))

    def redraw(self, latent: Tensor, before: Self) -> Tensor:
        """From the component that `latent` most likely came from."""
        chosen = before._likeliest(latent)
        return self._component(self.means, chosen) + (latent - before._component(before.means, chosen)).detach()

    def _likeliest(self, latent: Tensor) -> Tensor:
        """(...) the component that `latent` (..., d) most likely came from."""
        return (self.log_weights + self._each(latent)).argmax(-1)

    def _each(self, latent: Tensor) -> Tensor:
        """log N(latent; mu_k, sigma_k^2) (..., K)."""
        return gaussian_log_prob(latent[..., None, :], self.means, torch.exp(0.5 * self.logvars))

    @property
    def mean(self) -> Tensor:
        weights = self.log_weights.exp().to(self.means.dtype)
        return (weights[..., None] * self.means).sum(-2)

    @property
    def mode(self) -> Tensor:
        """The mean of the likeliest component: the mean of all lies between the components, where nothing is."""
        return self._component(self.means, argmax(self.logits))

    @property
    def stddev(self) -> Tensor:
        """From the law of total variance: E[sigma_k^2 + mu_k^2] - E[mu_k]^2."""
        weights = self.log_weights.exp().to(self.means.dtype)[..., None]
        second = (weights * (self.logvars.exp() + self.means.square())).sum(-2)
        return (second - self.mean.square()).clamp(min=0).sqrt()

    def draw(self, noise: Noise = None) -> Tensor:
        """A component is drawn first; the gradient flows through its mean and spread, not through the choice."""
        chosen = choose(self.log_weights.flatten(0, -2), noise).reshape(self.logits.shape[:-1])
        return reparameterise(self._component(self.means, chosen), self._component(self.logvars, chosen), noise)

    def log_prob(self, latent: Tensor) -> Tensor:
        """log sum_k pi_k N(latent; mu_k, sigma_k^2)."""
        return torch.logsumexp(self.log_weights + self._each(latent), -1)

    def kl_to_prior(self) -> Tensor:
        """At most sum_k pi_k KL( N(mu_k, sigma_k^2) || N(0, I) ), by convexity: there is no closed form."""
        return (self.log_weights.exp() * kl_divergence(self.means, self.logvars)).sum(-1)

    def _kl_to_own_kind(self, other: Self) -> Tensor:
        """At most this, component by component: KL(pi || pi') + sum_k pi_k KL_k (Do 2003)."""
        each = gaussian_kl(self.means, self.logvars, other.means, other.logvars)  # (..., K)
        return (self.log_weights.exp() * (self.log_weights - other.log_weights + each)).sum(-1)

    def with_stddev(self, sigma: Tensor | float) -> Distribution:
        if isinstance(sigma, Tensor) and sigma.dim():
            sigma = sigma[..., None, :]
        logvars = _log_variance(self.means, sigma)
        return Point(self.mode) if logvars is None else Mixture(self.logits, self.means, logvars)

    def with_spread_of(self, other: Self) -> Distribution:
        return Mixture(self.logits, self.means, other.logvars)

    @staticmethod
    def _component(values: Tensor, chosen: Tensor) -> Tensor:
        """(..., K, d) and the component of each place (...) -> (..., d)."""
        index = chosen[..., None, None].expand(*chosen.shape, 1, values.shape[-1])
        return values.gather(-2, index)[..., 0, :]


def _log_variance(like: Tensor, sigma: Tensor | float) -> Tensor | None:
    """log sigma^2 of the shape of `like`; None where no sigma is above 0."""
    sigma = torch.as_tensor(sigma, dtype=like.dtype, device=like.device)
    return 2 * sigma.log().expand_as(like) if bool((sigma > 0).any()) else None
