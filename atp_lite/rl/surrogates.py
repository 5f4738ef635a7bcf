"""Estimators: from trajectories and their advantages to a loss whose gradient improves the policy.

`ESTIMATORS` holds them by name, each a function (model, samples, settings) -> Estimate. `clipped` is GRPO's, a score
function: it needs log pi of every action and no gradient of the reward. Those that go back through drawn latents are in
`pathwise.py`.

How `clipped` differs from textbook GRPO (Shao et al. 2024):
 1. An action is a latent vector, not a token: log pi(l_t | q, l_<t) = -||l_t - mu_t||^2 / (2 sigma^2) + const.
 2. The decision to go on or stop and the answer's tokens are actions too; each kind can be switched off.
 3. Old and new log-probabilities come from one parallel pass (`LatentReasoner.replay`), never from a recurrence.
 4. The log-ratio is clamped before exp: a sum over d dimensions can be large where every single one is small.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from atp_lite.model import Answered, Distribution, LatentReasoner, Replay, stop_log_prob
from atp_lite.model.distributions import at_least_float32
from atp_lite.rl.registries import ESTIMATORS, Estimate, Samples
from atp_lite.rl.settings import RLSettings

Sigma = Tensor | float | str
"""What latents are drawn with: a number, (B, T, d), or "learned", the head's own spread."""


def sampling_policy(replay: Replay, trace: Answered, sigma: Sigma) -> Distribution:
    """The distribution that latents are drawn from: the one that the head says, with this spread.

    A learned spread is that of the trace, so that it gets no gradient from the reward.
    """
    policy = replay.distribution.map(at_least_float32)
    return policy.with_spread_of(trace.distribution) if isinstance(sigma, str) else policy.with_stddev(sigma)


@dataclass
class PolicyLogProbs:
    """log pi of every action of every trajectory: T latents (with their stop decisions), then A answer tokens."""

    values: Tensor
    """(B, T + A) in nats, 0 where masked."""
    mask: Tensor
    """(B, T + A) bool, True on actions that count."""


def policy_log_probs(
    replay: Replay,
    trace: Answered,
    sigma: Sigma,
    temperature: float = 1.0,
    latents: bool = True,
    stop: bool = False,
    answer: bool = True,
) -> PolicyLogProbs:
    """log pi(l_t) = log N(l_t; mu_t, sigma^2 I), plus log p(go on / stop) at step ends, and log p(answer token).

    Args:
        sigma: what the latents were drawn with: a number, (B, T, d), or "learned", the head's own at that time.
        temperature: the one the answers were drawn with.
        latents, stop, answer: which kinds of action count.
    """
    thought = replay.answer_logits.new_zeros(trace.latent_mask.shape)  # (B, T)
    if latents:
        thought = sampling_policy(replay, trace, sigma).log_prob(trace.latents)
    thought_mask = trace.latent_mask & latents
    if stop:
        decision = stop_log_prob(replay.stop_logits, trace.stopped)
        thought = thought + decision * trace.stop_decided
        thought_mask = thought_mask | trace.stop_decided
    scores = torch.log_softmax(at_least_float32(replay.answer_logits) / temperature, dim=-1)  # (B, A, V)
    written = scores.gather(2, trace.answer[..., None])[..., 0]  # (B, A)
    mask = torch.cat([thought_mask, trace.answer_mask & answer], dim=1)
    return PolicyLogProbs(torch.cat([thought, written], dim=1).masked_fill(~mask, 0.0), mask)


def clipped_surrogate(
    new: PolicyLogProbs,
    old: Tensor,
    advantages: Tensor,
    clip: float = 0.2,
    log_ratio_limit: float = 3.0,
    latent_weight: float = 1.0,
    n_latents: int = 0,
) -> tuple[Tensor, dict[str, float]]:
    """L = -mean over trajectories of the mean over actions of min(rho A, clamp(rho, 1 - eps, 1 + eps) A).

    rho = exp(log pi_new - log pi_old), per action.

    Args:
        new: with gradient. old: (B, T + A). advantages: (B,), or (B, T + A) one per action. clip: eps.
        log_ratio_limit: |log rho| is clamped to it.
        latent_weight: weight of the first `n_latents` = T columns. A latent is d draws of noise, so its gradient is far
            larger than that of an answer token and drowns it at weight 1.

    Returns:
        the loss, and `clip_fraction` (actions whose ratio left the clip on the side of their advantage), `ratio` (mean
        rho), `approx_kl` (nats per action, the estimator rho - 1 - log rho of Schulman 2020).
    """
    log_ratio = (new.values - old).clamp(-log_ratio_limit, log_ratio_limit)  # (B, T + A)
    ratio = log_ratio.exp()
    advantage = advantages[:, None] if advantages.dim() == 1 else advantages
    surrogate = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
    mask = new.mask.to(surrogate.dtype)
    weight = torch.ones_like(mask[0])
    weight[:n_latents] = latent_weight
    per_trajectory = (surrogate * mask * weight).sum(1) / mask.sum(1).clamp(min=1)
    with torch.no_grad():
        count = mask.sum().clamp(min=1)
        cut = ((advantage > 0) & (ratio > 1 + clip)) | ((advantage < 0) & (ratio < 1 - clip))
        stats = {
            "clip_fraction": float((cut * mask).sum() / count),
            "ratio": float((ratio * mask).sum() / count),
            "approx_kl": float(((ratio - 1 - log_ratio) * mask).sum() / count),
        }
    return -per_trajectory.mean(), stats


def replay_actions(model: LatentReasoner, trace: Answered, settings: RLSettings) -> tuple[PolicyLogProbs, Replay]:
    """What the model of now says of these trajectories, in one parallel pass."""
    replay = model.replay(trace)
    kinds = settings.learn_latents, settings.learn_stop, settings.learn_answer
    return policy_log_probs(replay, trace, settings.sigma, settings.temperature, *kinds), replay


@ESTIMATORS.register("clipped")
def clipped(model: LatentReasoner, samples: Samples, settings: RLSettings) -> Estimate:
    """`clipped_surrogate` of what was drawn, against the policy that drew it."""
    new, replay = replay_actions(model, samples.trace, settings)
    old = new.values.detach() if samples.old is None else samples.old
    loss, stats = clipped_surrogate(
        new,
        old,
        samples.advantages,
        settings.clip,
        settings.log_ratio_limit,
        settings.latent_weight,
        samples.trace.latents.shape[1],
    )
    return Estimate(loss, stats, float(new.mask.sum()), replay)
