"""KL to the reference policy: the frozen copy of the start of the run."""

from __future__ import annotations

import torch
from torch import Tensor

from atp_lite.model import Answered, Replay
from atp_lite.rl.surrogates import Sigma, sampling_policy


def kl_to_reference(now: Replay, reference: Replay, trace: Answered, sigma: Sigma) -> Tensor:
    """KL(policy || reference policy) along sampled trajectories, in nats per trajectory (a scalar mean).

    Exact, not estimated from samples. Latents: ||mu - mu_0||^2 / (2 sigma^2) where both have the same sigma; nothing
    where sigma is 0, since points are no distributions. Answer tokens: sum p log(p / p_0).
    """
    policy, policy_0 = sampling_policy(now, trace, sigma), sampling_policy(reference, trace, sigma)
    thought = policy.kl_to(policy_0) * trace.latent_mask  # (B, T)
    log_p = torch.log_softmax(now.answer_logits.float(), -1)  # (B, A, V)
    log_p0 = torch.log_softmax(reference.answer_logits.float(), -1)
    written = (log_p.exp() * (log_p - log_p0)).sum(-1) * trace.answer_mask  # (B, A)
    return (thought.sum(1) + written.sum(1)).mean()
