"""Credit: which action gets which reward. `CREDIT` holds the rules by name.

A function (trace, rewards, settings) -> advantages: (B,), one for all actions of a trajectory, or (B, T + A), one for
each of its T latents (with their stop decisions) and A answer tokens. `rewards` are those of the settings, (B,) each by
its name, shuffled where the settings ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from atp_lite.model import Decoded
from atp_lite.rl.advantages import advantages
from atp_lite.rl.registries import CREDIT
from atp_lite.rl.rewards import weighted_sum
from atp_lite.rl.settings import RLSettings


@CREDIT.register("trajectory")
def trajectory_credit(trace: Decoded, rewards: Mapping[str, Tensor], settings: RLSettings) -> Tensor:
    """Every action gets the whole reward of its trajectory, sum_i weight_i R_i -> (B,)."""
    return advantages(settings.advantage, weighted_sum(rewards, settings.rewards), trace.group_size)


@CREDIT.register("split")
def split_credit(trace: Decoded, rewards: Mapping[str, Tensor], settings: RLSettings) -> Tensor:
    """Latents get the sum of `latent_rewards`, answer tokens that of `rewards`; each is compared within its group."""
    of_tokens = trajectory_credit(trace, rewards, settings)
    if settings.latent_rewards is None:
        return of_tokens
    of_latents = advantages(settings.advantage, weighted_sum(rewards, settings.latent_rewards), trace.group_size)
    n_latents, n_tokens = trace.latents.shape[1], trace.answer.shape[1]
    return torch.cat([of_latents[:, None].expand(-1, n_latents), of_tokens[:, None].expand(-1, n_tokens)], dim=1)
