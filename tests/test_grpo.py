"""The formulas of GRPO by hand, by numpy and by torch.distributions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import PROBLEMS, lively_planner, made_trace
from torch.distributions import Bernoulli, Categorical, Independent, Normal, kl_divergence

from atp_lite.model import Gaussian, Replay
from atp_lite.rl import (
    ADVANTAGES,
    PolicyLogProbs,
    clipped_surrogate,
    group_advantages,
    kl_to_reference,
    policy_log_probs,
    used_groups,
)

# --- advantages ---


@pytest.mark.slow
@given(st.integers(1, 4), st.integers(2, 6), st.data())
def test_advantages_equal_numpy(n_groups, size, data):
    values = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.5]), min_size=n_groups * size,
                                max_size=n_groups * size))  # fmt: skip
    rewards = torch.tensor(values, dtype=torch.float64)
    advantages, used = group_advantages(rewards, size), used_groups(rewards, size)
    for group, found, spread in zip(
        np.reshape(values, (n_groups, size)), advantages.reshape(n_groups, size).numpy(), used, strict=True
    ):
        assert bool(spread) == (group.std() > 0)
        expected = (group - group.mean()) / group.std() if group.std() > 0 else np.zeros(size)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_advantages_by_hand():
    rewards = torch.tensor([1.0, 0.0, 0.0, 1.0, 3.0, 3.0, 3.0, 3.0])
    advantages, used = group_advantages(rewards, 4), used_groups(rewards, 4)
    assert advantages.tolist() == [1, -1, -1, 1, 0, 0, 0, 0] and used.tolist() == [True, False]


def test_other_advantages_by_hand():
    rewards = torch.tensor([3.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    assert ADVANTAGES["centred"](rewards, 4).tolist() == [2, -1, -1, 0, 0, 0, 0, 0]
    others = [3 - 1 / 3, -4 / 3, -4 / 3, 0.0, 0, 0, 0, 0]  # r minus the mean of the other three
    assert ADVANTAGES["leave-one-out"](rewards, 4).tolist() == pytest.approx(others, abs=1e-6)


@pytest.mark.parametrize("name", ["group", "centred", "leave-one-out"])
def test_groups_that_cannot_be_compared(name):
    assert ADVANTAGES[name](torch.tensor([0.7, 0.7, 0.7, 0.1, 0.1, 0.1]), 3).tolist() == [0.0] * 6
    assert ADVANTAGES[name](torch.tensor([0.7, 2.0]), 1).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="5 rewards do not make whole groups of 2"):
        ADVANTAGES[name](torch.zeros(5), 2)
    with pytest.raises(ValueError, match="groups of 0"):
        ADVANTAGES[name](torch.zeros(5), 0)


# --- the clipped surrogate ---


def surrogate(log_ratios, mask, advantages, clip=0.2, limit=3.0):
    """loss, stats and the gradient on log pi_new, with log pi_old = 0.5 everywhere."""
    new = (torch.tensor(log_ratios) + 0.5).requires_grad_()
    old = torch.full_like(new, 0.5).detach()
    actions = PolicyLogProbs(new, torch.tensor(mask, dtype=torch.bool))
    loss, stats = clipped_surrogate(actions, old, torch.tensor(advantages), clip, limit)
    (grad,) = torch.autograd.grad(loss, new)
    return loss.item(), stats, grad


def test_clipped_surrogate_by_hand():
    up, down = math.log(1.5), math.log(0.5)
    loss, stats, grad = surrogate(
        log_ratios=[[up, down, 0.0, 9.0], [up, down, 0.1, 9.0]],
        mask=[[1, 1, 1, 0], [1, 1, 0, 0]],
        advantages=[2.0, -1.0],
    )
    # A = 2: min(1.5, 1.2) 2 = 2.4 (clipped), min(0.5, 0.8) 2 = 1.0, 1 * 2 = 2.0; mean 1.8
    # A = -1: min(-1.5, -1.2) = -1.5, min(-0.5, -0.8) = -0.8 (clipped); mean -1.15
    assert loss == pytest.approx(-(1.8 - 1.15) / 2)
    # d(-rho A / n_actions / n_trajectories) / d log pi = -rho A / (n B), 0 where clipped or masked
    expected = [[0.0, -0.5 * 2 / 6, -1.0 * 2 / 6, 0.0], [1.5 / 4, 0.0, 0.0, 0.0]]
    torch.testing.assert_close(grad, torch.tensor(expected))
    assert stats["clip_fraction"] == pytest.approx(2 / 5)
    assert stats["ratio"] == pytest.approx((1.5 + 0.5 + 1 + 1.5 + 0.5) / 5)
    kl = (2 * (0.5 - up) + 2 * (-0.5 - down)) / 5
    assert stats["approx_kl"] == pytest.approx(kl, rel=1e-5)


def test_the_log_ratio_is_clamped():
    # A < 0 and a ratio far above 1 is the one case that clipping leaves open: -rho A grows without end
    loss, stats, grad = surrogate([[50.0]], [[1]], [-1.0])
    assert loss == pytest.approx(math.exp(3.0)) and grad.item() == 0.0
    loss, _, _ = surrogate([[-50.0]], [[1]], [1.0])
    assert loss == pytest.approx(-math.exp(-3.0))
    loss, _, _ = surrogate([[50.0]], [[1]], [-1.0], limit=1.0)
    assert loss == pytest.approx(math.e)


def test_at_the_old_policy_it_is_the_policy_gradient():
    loss, stats, grad = surrogate([[0.0, 0.0], [0.0, 0.0]], [[1, 1], [1, 0]], [1.5, -0.5])
    assert loss == pytest.approx(-(1.5 - 0.5) / 2)
    torch.testing.assert_close(grad, torch.tensor([[-0.375, -0.375], [0.25, 0.0]]))
    assert stats == pytest.approx({"clip_fraction": 0.0, "ratio": 1.0, "approx_kl": 0.0})


def test_latents_can_weigh_less_than_answer_tokens():
    new = torch.tensor([[math.log(1.1), math.log(1.5), 0.0]], requires_grad=True)  # two latents, one answer token
    actions = PolicyLogProbs(new, torch.ones(1, 3, dtype=torch.bool))
    loss, stats = clipped_surrogate(actions, torch.zeros(1, 3), torch.tensor([2.0]), latent_weight=0.25, n_latents=2)
    # (0.25 * 1.1 * 2 + 0.25 * 1.2 * 2 + 1 * 2) / 3: the divisor counts actions, whatever they weigh
    assert loss.item() == pytest.approx(-(0.55 + 0.6 + 2.0) / 3)
    (grad,) = torch.autograd.grad(loss, new)
    torch.testing.assert_close(grad, torch.tensor([[-0.55 / 3, 0.0, -2.0 / 3]]))
    assert stats["ratio"] == pytest.approx((1.1 + 1.5 + 1.0) / 3)


def test_a_trajectory_without_actions_teaches_nothing():
    loss, _, grad = surrogate([[1.0], [0.0]], [[0], [1]], [1.0, 1.0])
    assert loss == pytest.approx(-0.5) and grad[0].item() == 0.0


# --- log-probabilities of trajectories ---


@pytest.fixture(scope="module", params=[1, 2], ids=["c=1", "c=2"])
def drawn(request):
    planner = lively_planner(request.param)
    trace = planner.reason(PROBLEMS, sample=True, sigma=0.3, sample_stop=True, temperature=1.3, group_size=3,
                           generator=torch.Generator().manual_seed(0))  # fmt: skip
    with torch.no_grad():
        return planner, trace, planner.model.replay(trace)


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("answer", [False, True])
@pytest.mark.parametrize("latents", [False, True])
def test_log_probs_equal_torch_distributions_action_by_action(drawn, latents, stop, answer):
    planner, trace, replay = drawn
    c, limit = planner.model.config.latents_per_step, planner.model.config.max_latents
    found = policy_log_probs(replay, trace, 0.3, 1.3, latents=latents, stop=stop, answer=answer)
    width = trace.latents.shape[1]
    for row in range(len(trace)):
        n = int(trace.n_latents[row])
        for t in range(width):
            value, counts = 0.0, False
            if latents and t < n:
                policy = Independent(Normal(replay.mu[row, t], 0.3), 1)
                value, counts = policy.log_prob(trace.latents[row, t]).item(), True
            if stop and t < n and (t + 1) % c == 0 and t + 1 < limit:
                stopped = torch.tensor(float(t + 1 == n))
                value += Bernoulli(logits=replay.stop_logits[row, t]).log_prob(stopped).item()
                counts = True
            assert found.mask[row, t] == counts
            assert found.values[row, t].item() == pytest.approx(value, rel=1e-4, abs=1e-4)
        for i in range(trace.answer.shape[1]):
            written = answer and i < int(trace.n_answer_tokens[row])
            assert found.mask[row, width + i] == written
            policy = Categorical(logits=replay.answer_logits[row, i] / 1.3)
            value = policy.log_prob(trace.answer[row, i]).item() if written else 0.0
            assert found.values[row, width + i].item() == pytest.approx(value, rel=1e-4, abs=1e-4)


def test_a_sigma_for_every_dimension(drawn):
    _, trace, replay = drawn
    found = policy_log_probs(replay, trace, trace.sigma, answer=False)
    expected = Normal(replay.mu, trace.sigma).log_prob(trace.latents).sum(-1)
    real = trace.latent_mask
    torch.testing.assert_close(found.values[:, : real.shape[1]][real], expected[real])


def test_kl_to_the_start_equals_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    trace = made_trace(["1", "2"], [["a", "b"], ["c"]])
    trace.answer_mask = torch.tensor([[True, True, True], [True, False, False]])
    now, start = (
        Replay(
            Gaussian(torch.randn(2, 2, 4, generator=generator), torch.zeros(2, 2, 4)),
            torch.zeros(2, 2),
            torch.randn(2, 3, 5, generator=generator),
        )
        for _ in range(2)
    )
    total = 0.0
    for row in range(2):
        for t in range(2):
            if trace.latent_mask[row, t]:
                p, q = (Independent(Normal(side.mu[row, t], 0.7), 1) for side in (now, start))
                total += kl_divergence(p, q).item()
        for i in range(3):
            if trace.answer_mask[row, i]:
                p, q = (Categorical(logits=side.answer_logits[row, i]) for side in (now, start))
                total += kl_divergence(p, q).item()
    assert kl_to_reference(now, start, trace, 0.7).item() == pytest.approx(total / 2, rel=1e-5)
    assert kl_to_reference(now, now, trace, 0.7).item() == pytest.approx(0.0, abs=1e-6)
    per_dimension = torch.full((2, 2, 4), 0.7)
    assert kl_to_reference(now, start, trace, per_dimension).item() == pytest.approx(total / 2, rel=1e-5)


def test_every_action_may_have_its_own_advantage():
    """Ratio 1 everywhere: the loss is minus the mean of the advantages of the actions that count."""
    values = torch.zeros(2, 3, requires_grad=True)
    mask = torch.tensor([[True, True, True], [True, False, True]])
    advantages = torch.tensor([[1.0, 2.0, 6.0], [-1.0, 99.0, 4.0]])
    loss, _ = clipped_surrogate(PolicyLogProbs(values, mask), values.detach(), advantages)
    assert loss.item() == pytest.approx(-(9.0 / 3 + 3.0 / 2) / 2)
    loss.backward()
    expected = -torch.tensor([[1 / 3, 2 / 3, 2.0], [-0.5, 0.0, 2.0]]) / 2
    torch.testing.assert_close(values.grad, expected)
