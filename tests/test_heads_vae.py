"""The latent head, the stop head, the posterior and the decoder against torch.distributions and loops."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import lively_planner, naive_write, tiny_planner
from torch.distributions import Bernoulli, Independent, Normal
from torch.distributions import kl_divergence as torch_kl

from atp_lite.model import (
    LATENT_HEADS,
    LatentHead,
    StepDecoder,
    StopHead,
    gaussian_log_prob,
    kl_divergence,
    reparameterise,
    stop_log_prob,
)


def random_posterior(seed: int, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mu = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return mu, 3 * torch.randn(*shape, generator=generator, dtype=torch.float64)


@given(st.integers(0, 10**6))
def test_kl_equals_torch_distributions(seed):
    mu, logvar = random_posterior(seed, 2, 3, 5)
    posterior = Independent(Normal(mu, (0.5 * logvar).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    torch.testing.assert_close(kl_divergence(mu, logvar), torch_kl(posterior, prior))


def test_kl_by_hand():
    # N(1, 1) against N(0, 1): 1/2 a dimension. N(0, 4): 1/2 (4 - 1 - log 4).
    mu, logvar = torch.tensor([[1.0, 1.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [math.log(4), 0.0]])
    torch.testing.assert_close(kl_divergence(mu, logvar), torch.tensor([1.0, 0.5 * (3 - math.log(4))]))


@pytest.mark.slow
@given(st.integers(0, 10**6), st.floats(1e-3, 10))
def test_log_prob_equals_torch_distributions(seed, sigma):
    mu, logvar = random_posterior(seed, 4, 5)
    latent = mu + 1e-2 * random_posterior(seed + 1, 4, 5)[0]
    per_dimension = (0.5 * logvar).exp()
    for given_sigma in (sigma, per_dimension):
        spread = torch.as_tensor(given_sigma, dtype=torch.float64)
        expected = Normal(mu, spread).log_prob(latent).sum(-1)
        torch.testing.assert_close(gaussian_log_prob(latent, mu, given_sigma), expected)


def test_draws_have_the_mean_and_the_sigma_asked_for():
    mu, logvar = torch.tensor([2.0, -1.0]), 2 * torch.tensor([0.5, 0.1]).log()
    many = reparameterise(mu.expand(200_000, 2), logvar.expand(200_000, 2), torch.Generator().manual_seed(0))
    torch.testing.assert_close(many.mean(0), mu, atol=0.01, rtol=0)
    torch.testing.assert_close(many.std(0), torch.tensor([0.5, 0.1]), atol=0.005, rtol=0)


def test_gradient_flows_through_a_draw():
    mu, logvar = (value.requires_grad_() for value in random_posterior(3, 4))
    latent = reparameterise(mu, logvar, torch.Generator().manual_seed(1))
    grad_mu, grad_logvar = torch.autograd.grad(latent.sum(), (mu, logvar))
    torch.testing.assert_close(grad_mu, torch.ones_like(mu))
    # l = mu + exp(logvar / 2) eps, so dl / dlogvar = (l - mu) / 2
    torch.testing.assert_close(grad_logvar, (latent - mu) / 2)


def test_draws_repeat_with_the_generator():
    mu, logvar = random_posterior(0, 3, 2)
    first, again, other = (reparameterise(mu, logvar, torch.Generator().manual_seed(seed)) for seed in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_fresh_weights_have_the_width_asked_for():
    model = tiny_planner(hidden_size=32, initializer_range=0.2).model
    for lm in (model.backbone, model.decoder.lm):
        assert lm.get_input_embeddings().weight.std().item() == pytest.approx(0.2, rel=0.1)
        assert lm.base_model.layers[0].self_attn.q_proj.weight.std().item() == pytest.approx(0.2, rel=0.15)
    assert model.latent_head.mean.weight.std().item() == pytest.approx(0.2, rel=0.15)


def test_heads_are_the_networks_they_say():
    hidden = torch.randn(3, 8)
    head, stop = LatentHead(8), StopHead(8)
    one, two, norm = head.trunk[0], head.trunk[2], head.trunk[3]
    inner = torch.nn.functional.gelu(hidden @ one.weight.T + one.bias) @ two.weight.T + two.bias
    centred = inner - inner.mean(-1, keepdim=True)
    features = centred / (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()
    said = head(hidden)
    mu, logvar = said.mu, said.logvar
    torch.testing.assert_close(mu, features @ head.mean.weight.T + head.mean.bias)
    torch.testing.assert_close(logvar, features @ head.log_variance.weight.T + head.log_variance.bias)
    first, last = stop.layers[0], stop.layers[2]
    logit = torch.nn.functional.gelu(hidden @ first.weight.T + first.bias) @ last.weight[0] + last.bias
    torch.testing.assert_close(stop(hidden), logit)


def test_stop_log_prob_equals_bernoulli():
    logits, stopped = torch.linspace(-5, 5, 8), torch.tensor([True, False] * 4)
    expected = Bernoulli(logits=logits).log_prob(stopped.float())
    torch.testing.assert_close(stop_log_prob(logits, stopped), expected)


# --- the decoder ---


def naive_step_log_prob(decoder: StepDecoder, latents: torch.Tensor, tokens: list[int]) -> float:
    """Summed log-probability of one step's tokens given its own latents (c, d), one token at a time."""
    embeds, total = decoder.bridge(latents)[None], 0.0
    for token in tokens:
        hidden = decoder.lm.base_model(inputs_embeds=embeds, use_cache=False).last_hidden_state[0, -1]
        total += float(torch.log_softmax(decoder.lm.lm_head(hidden), -1)[token])
        embeds = torch.cat([embeds, decoder.lm.get_input_embeddings()(torch.tensor([[token]]))], dim=1)
    return total


@pytest.mark.parametrize("c", [1, 2])
def test_decoder_loss_is_the_mean_over_real_tokens(c):
    decoder = lively_planner(c).model.decoder
    latents = torch.randn(2, 2 * c, 32)
    texts = [[[9, 10, 11, 1], [12, 1]], [[13, 14, 1], []]]  # the second row has one step only
    steps, mask = torch.zeros(2, 2, 4, dtype=torch.long), torch.zeros(2, 2, 4, dtype=torch.long)
    total, count = 0.0, 0
    for row in range(2):
        for i, text in enumerate(texts[row]):
            steps[row, i, : len(text)], mask[row, i, : len(text)] = torch.tensor(text, dtype=torch.long), 1
            with torch.no_grad():
                total += naive_step_log_prob(decoder, latents[row, i * c : (i + 1) * c], text)
            count += len(text)
    assert decoder.loss(latents, steps, mask).item() == pytest.approx(-total / count, rel=1e-5)
    junk = torch.where(mask.bool(), steps, 20)  # what stands on padding must not matter
    torch.testing.assert_close(decoder.loss(latents, junk, mask), decoder.loss(latents, steps, mask))


def test_decoder_loss_without_a_step_is_zero():
    decoder = lively_planner().model.decoder
    none = torch.zeros(2, 1, 3, dtype=torch.long)
    assert decoder.loss(torch.randn(2, 1, 32), none, none).item() == 0.0


@pytest.mark.parametrize("c", [1, 2])
def test_decoded_text_equals_one_step_at_a_time(c):
    decoder = lively_planner(c).model.decoder
    latents = 2 * torch.randn(3, 2 * c, 32, generator=torch.Generator().manual_seed(5))
    real = torch.tensor([[True, True], [True, False], [False, False]])
    tokens, scores = decoder.decode(latents, real, max_tokens=6, eos_id=1, pad_id=0)
    lengths = set()
    for row in range(3):
        for i in range(2):
            if not real[row, i]:
                assert (tokens[row, i] == 0).all() and (scores[row, i] == 0).all()
                continue
            prefix = latents[row : row + 1, i * c : (i + 1) * c]
            with torch.no_grad():
                expected, expected_scores = naive_write(decoder.lm, prefix, 1, 6)
            n = len(expected)
            lengths.add(n)
            assert tokens[row, i].tolist() == expected + [0] * (6 - n)
            torch.testing.assert_close(scores[row, i, :n], torch.tensor(expected_scores))
            assert (scores[row, i, n:] == 0).all()
    assert len(lengths) > 1  # or nothing ragged was tested


def test_decoder_of_another_width_has_a_bridge():
    lm = lively_planner().model.config.decoder | {"hidden_size": 16, "intermediate_size": 24}
    decoder = StepDecoder(lm, latent_size=32, latents_per_step=2)
    latents = torch.randn(1, 4, 32)
    expected = latents @ decoder.bridge.weight.T + decoder.bridge.bias
    torch.testing.assert_close(decoder.prefix(latents), expected.reshape(1, 2, 2, 16))
    with pytest.raises(ValueError, match="3 latents do not make whole steps of 2"):
        decoder.prefix(latents[:, :3])


@pytest.mark.parametrize("name", LATENT_HEADS)
def test_heads_keep_their_digits_where_the_rest_has_three(name):
    """Under autocast to bfloat16, what a head says is what it says without."""
    torch.manual_seed(0)
    head, stop, hidden = LATENT_HEADS[name](16), StopHead(16), torch.randn(3, 16)
    said, z = head(hidden), stop(hidden)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.nn.functional.linear(hidden, torch.eye(16)).dtype == torch.bfloat16
        again, z_again = head(hidden), stop(hidden)
    assert torch.equal(again.mean, said.mean) and torch.equal(again.stddev, said.stddev) and torch.equal(z_again, z)


def test_weights_in_bfloat16_leave_their_sums_over_dimensions_exact():
    """A log-probability of 2,048 dimensions is some hundreds: bfloat16 would round it to whole nats."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(4, 2048, generator=generator)  # noqa: E731
    mu = draw().bfloat16()
    latent, moved = (mu + 0.3 * draw()).bfloat16(), (mu + 0.001 * draw()).bfloat16()
    ratio = gaussian_log_prob(latent, moved, 0.3) - gaussian_log_prob(latent, mu, 0.3)
    exact = [gaussian_log_prob(latent.double(), at.double(), 0.3) for at in (moved, mu)]
    torch.testing.assert_close(ratio.double(), exact[0] - exact[1], rtol=0, atol=1e-3)
    narrow, logvar = mu * 0.05, -0.1 * draw().abs().bfloat16()
    torch.testing.assert_close(
        kl_divergence(narrow, logvar).double(), kl_divergence(narrow.double(), logvar.double()), rtol=1e-5, atol=0
    )
