"""Distributions of latents against torch.distributions, by hand and by many draws."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.distributions import kl_divergence as torch_kl

from atp_lite.model import LATENT_HEADS, Gaussian, Mixture, Point, RowNoise


def draws(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(seed: int) -> Gaussian:
    return Gaussian(draws(seed, 2, 3, 5), draws(seed + 1, 2, 3, 5))


def mixture(seed: int, *shape: int, k: int = 3, d: int = 4) -> Mixture:
    return Mixture(draws(seed, *shape, k), draws(seed + 1, *shape, k, d), 0.3 * draws(seed + 2, *shape, k, d))


def normal(one: Gaussian) -> Independent:
    return Independent(Normal(one.mu, one.stddev), 1)


def of_torch(one: Mixture) -> MixtureSameFamily:
    return MixtureSameFamily(
        Categorical(logits=one.logits), Independent(Normal(one.means, (0.5 * one.logvars).exp()), 1)
    )


@pytest.mark.slow
@given(st.integers(0, 10**6))
def test_gaussians_are_those_of_torch(seed):
    one, other, latent = gaussian(seed), gaussian(seed + 7), draws(seed + 9, 2, 3, 5)
    torch.testing.assert_close(one.log_prob(latent), normal(one).log_prob(latent))
    torch.testing.assert_close(one.kl_to(other), torch_kl(normal(one), normal(other)))
    prior = Gaussian(torch.zeros_like(one.mu), torch.zeros_like(one.mu))
    torch.testing.assert_close(one.kl_to_prior(), torch_kl(normal(one), normal(prior)))


def test_a_kl_without_closed_form_is_estimated_from_a_draw():
    one, components = gaussian(0)[0, :2], mixture(20, 2, d=5)
    many = one.map(lambda v: v.expand(50_000, 2, 5))
    latents = many.draw(torch.Generator().manual_seed(0))
    expected = normal(many).log_prob(latents) - of_torch(components).log_prob(latents)
    torch.testing.assert_close(many.kl_to(components, latents), expected)
    single = components.map(lambda v: v[:, :1])  # a Gaussian in fact
    exact = one.kl_to(Gaussian(single.means[:, 0], single.logvars[:, 0]))
    torch.testing.assert_close(many.kl_to(single, latents).mean(0), exact, rtol=0.02, atol=0)
    with pytest.raises(ValueError, match="no closed form: give a draw"):
        one.kl_to(components)
    with pytest.raises(ValueError, match="a point has no density"):
        one.kl_to(Point(one.mu), one.mu)


@pytest.mark.slow
@given(st.integers(0, 10**6))
def test_mixtures_are_those_of_torch(seed):
    one, latent = mixture(seed, 2, 3), draws(seed + 9, 2, 3, 4)
    torch.testing.assert_close(one.log_prob(latent), of_torch(one).log_prob(latent))
    torch.testing.assert_close(one.mean, of_torch(one).mean)
    torch.testing.assert_close(one.stddev.square(), of_torch(one).variance)


def test_a_mixture_of_one_component_is_its_gaussian():
    one = mixture(3, 2, k=1)
    alone, latent = Gaussian(one.means[:, 0], one.logvars[:, 0]), draws(5, 2, 4)
    other = mixture(11, 2, k=1)
    for name in ("mean", "mode", "stddev"):
        torch.testing.assert_close(getattr(one, name), getattr(alone, name))
    torch.testing.assert_close(one.log_prob(latent), alone.log_prob(latent))
    torch.testing.assert_close(one.kl_to_prior(), alone.kl_to_prior())
    torch.testing.assert_close(one.kl_to(other), alone.kl_to(Gaussian(other.means[:, 0], other.logvars[:, 0])))


def test_the_kl_of_a_mixture_is_bounded_from_above():
    one, other = mixture(0), mixture(20)
    many = one.map(lambda v: v.expand(40_000, *v.shape))
    latents = many.draw(torch.Generator().manual_seed(0))
    prior = Normal(0.0, 1.0).log_prob(latents).sum(-1)
    for bound, q in ((one.kl_to_prior(), prior), (one.kl_to(other), of_torch(other).log_prob(latents))):
        sampled = (of_torch(one).log_prob(latents) - q).mean()
        assert sampled > 0.1 and bound >= sampled - 0.05
    assert one.kl_to(one).item() == pytest.approx(0, abs=1e-12)


def test_draws_of_a_mixture_come_from_its_components():
    two = Mixture(torch.tensor([0.25, 0.75]).log(), torch.tensor([[-3.0], [5.0]]), torch.tensor([[0.0], [4.0]]).log())
    two = Mixture(two.logits, two.means, 2 * torch.tensor([[0.1], [0.5]]).log())
    latents = two.map(lambda v: v.expand(20_000, *v.shape)).draw(torch.Generator().manual_seed(0))[:, 0]
    right = latents > 0
    assert right.float().mean().item() == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / 20_000))
    assert latents[right].mean().item() == pytest.approx(5.0, abs=0.02)
    assert latents[~right].std().item() == pytest.approx(0.1, abs=0.005)
    assert (two.mode.item(), two.mean.item()) == (5.0, pytest.approx(3.0))  # the mean lies where nothing is


def test_the_gradient_of_a_draw_reaches_the_component_that_was_drawn():
    one = mixture(0, 6).map(lambda v: v.requires_grad_())
    one.draw(torch.Generator().manual_seed(0)).sum().backward()
    reached = one.means.grad.abs().sum(-1) > 0  # (6, K)
    assert (reached.sum(-1) == 1).all() and len(set(reached.int().argmax(-1).tolist())) > 1


def test_a_row_draws_the_same_whatever_stands_beside_it():
    one = mixture(0, 6)
    together = one.draw(RowNoise(range(6)))
    torch.testing.assert_close(one[4:5].draw(RowNoise([4])), together[4:5])


def test_points_have_nothing_to_measure_until_they_get_a_spread():
    point = Point(draws(0, 2, 3))
    assert torch.equal(point.draw(), point.mu) and not point.has_spread and (point.stddev == 0).all()
    assert (point.kl_to_prior() == 0).all() and (point.kl_to(Point(point.mu + 1)) == 0).all()
    with pytest.raises(ValueError, match="no density.*with_stddev"):
        point.log_prob(point.mu)
    spread = point.with_stddev(0.3)
    expected = Normal(point.mu, 0.3).log_prob(point.mu + 0.1).sum(-1)
    torch.testing.assert_close(spread.log_prob(point.mu + 0.1), expected)


@pytest.mark.parametrize("make", [lambda: gaussian(0), lambda: mixture(0, 2), lambda: Point(draws(0, 2, 3))])
def test_a_spread_can_be_given_and_taken(make):
    one = make()
    assert isinstance(one.with_stddev(0.0), Point) and torch.equal(one.with_stddev(0.0).mean, one.mode)
    again = one.with_stddev(0.3).with_stddev(0.3 * torch.ones_like(one.mean))
    torch.testing.assert_close(again.log_prob(one.mean), one.with_stddev(0.3).log_prob(one.mean))
    if isinstance(one, Gaussian):  # ||mu - mu'||^2 / (2 sigma^2), by hand
        moved = Gaussian(one.mu + 0.1, one.logvar)
        distance = one.with_stddev(0.5).kl_to(moved.with_stddev(0.5))
        torch.testing.assert_close(distance, torch.full_like(distance, 5 * 0.01 / (2 * 0.25)))


@pytest.mark.parametrize("name", LATENT_HEADS)
def test_what_a_head_says_can_be_cut_and_joined(name):
    torch.manual_seed(0)
    said = LATENT_HEADS[name](8)(torch.randn(3, 2, 8))
    assert said.mean.shape == said.mode.shape == said.stddev.shape == said.draw().shape == (3, 2, 8)
    assert said.kl_to_prior().shape == (3, 2)
    joined = said.combine([said[:1], said[1:]], torch.cat)
    assert type(joined) is type(said) and torch.equal(joined.mode, said.mode)
