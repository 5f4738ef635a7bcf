"""Group-relative policy optimisation over latent thoughts: the formulas. The loop is in `rl/train.py`.

How it differs from textbook GRPO (Shao et al. 2024):
 1. An action is a latent vector, not a token: log pi(l_t | q, l_<t) = -||l_t - mu_t||^2 / (2 sigma^2) + const.
 2. The decision to go on or stop and the answer's tokens are actions too; each kind can be switched off.
 3. Old and new log-probabilities come from one parallel pass (`LatentReasoner.replay`), never from a recurrence.
 4. A group whose rewards are all equal, or a group of one, gets advantage 0 and is counted, not divided by zero.
 5. The log-ratio is clamped before exp: a sum over d dimensions can be large where every single one is small.
 6. The KL to the start is exact (Gaussian and categorical), not estimated from samples, and off unless asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from atp_lite.model import Answered, Replay, stop_log_prob


def group_advantages(rewards: Tensor, group_size: int) -> tuple[Tensor, Tensor]:
    """A_i = (r_i - mean of its group) / (standard deviation of its group).

    rewards (B,), G = `group_size` neighbours share a question -> advantages (B,) and `used` (B / G,), False for groups
    without spread (all rewards equal, or G = 1): their advantages are 0, so they teach nothing.

    Raises:
        ValueError: B is not a multiple of G.
    """
    if group_size < 1 or rewards.shape[0] % group_size:
        raise ValueError(f"{rewards.shape[0]} rewards do not make whole groups of {group_size}")
    groups = rewards.reshape(-1, group_size)  # (B / G, G)
    centred = groups - groups.mean(1, keepdim=True)
    deviation = groups.std(1, keepdim=True, correction=0)
    used = deviation[:, 0] > 1e-6
    advantages = torch.where(used[:, None], centred / deviation.clamp(min=1e-6), 0.0)
    return advantages.reshape(-1), used


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
    sigma: float | Tensor,
    temperature: float = 1.0,
    latents: bool = True,
    stop: bool = False,
    answer: bool = True,
) -> PolicyLogProbs:
    """log pi(l_t) = log N(l_t; mu_t, sigma^2 I), plus log p(go on / stop) at step ends, and log p(answer token).

    Args:
        sigma: the standard deviation the latents were drawn with, a number or (B, T, d).
        temperature: the one the answers were drawn with.
        latents, stop, answer: which kinds of action count.
    """
    thought = replay.answer_logits.new_zeros(trace.latent_mask.shape)  # (B, T)
    if latents:
        thought = replay.distribution.with_stddev(sigma).log_prob(trace.latents)
    thought_mask = trace.latent_mask & latents
    if stop:
        decision = stop_log_prob(replay.stop_logits, trace.stopped)
        thought = thought + decision * trace.stop_decided
        thought_mask = thought_mask | trace.stop_decided
    scores = torch.log_softmax(replay.answer_logits.float() / temperature, dim=-1)  # (B, A, V)
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
    gain = advantages[:, None] if advantages.dim() == 1 else advantages
    surrogate = torch.minimum(ratio * gain, ratio.clamp(1 - clip, 1 + clip) * gain)
    mask = new.mask.to(surrogate.dtype)
    weight = torch.ones_like(mask[0])
    weight[:n_latents] = latent_weight
    per_trajectory = (surrogate * mask * weight).sum(1) / mask.sum(1).clamp(min=1)
    with torch.no_grad():
        count = mask.sum().clamp(min=1)
        cut = ((gain > 0) & (ratio > 1 + clip)) | ((gain < 0) & (ratio < 1 - clip))
        stats = {
            "clip_fraction": float((cut * mask).sum() / count),
            "ratio": float((ratio * mask).sum() / count),
            "approx_kl": float(((ratio - 1 - log_ratio) * mask).sum() / count),
        }
    return -per_trajectory.mean(), stats


def kl_to_start(now: Replay, start: Replay, trace: Answered, sigma: float | Tensor) -> Tensor:
    """KL(policy now || policy at the start) along sampled trajectories, in nats per trajectory (a scalar mean).

    Latents: ||mu - mu_0||^2 / (2 sigma^2), both Gaussians having the same sigma; nothing where sigma is 0, since points
    are no distributions. Answer tokens: sum p log(p / p_0).
    """
    policy, policy_0 = now.distribution.with_stddev(sigma), start.distribution.with_stddev(sigma)
    thought = policy.kl_to(policy_0) * trace.latent_mask  # (B, T)
    log_p = torch.log_softmax(now.answer_logits.float(), -1)
    log_p0 = torch.log_softmax(start.answer_logits.float(), -1)
    written = (log_p.exp() * (log_p - log_p0)).sum(-1) * trace.answer_mask  # (B, A)
    return (thought.sum(1) + written.sum(1)).mean()
