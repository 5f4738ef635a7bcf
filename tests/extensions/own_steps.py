"""A credit in one file: every latent answers for its own step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from atp_lite.model import Decoded
from atp_lite.rl import CREDIT, RLSettings, trajectory_credit


@CREDIT.register("own-steps")
def own_steps(trace: Decoded, rewards: Mapping[str, Tensor], settings: RLSettings) -> Tensor:
    """Latents get 1 where their step is right, -1 where it is not; answer tokens what they always got -> (B, T + A)."""
    right = -torch.ones(trace.step_tokens.shape[:2], device=trace.latents.device)  # (B, S)
    for row, steps in enumerate(trace.steps):
        for i, step in enumerate(steps):
            read = trace.domain.read_step(step)
            right[row, i] = 1.0 if read is not None and read.is_right else -1.0
    n_latents, n_tokens = trace.latents.shape[1], trace.answer.shape[1]
    of_latents = right.repeat_interleave(n_latents // right.shape[1], dim=1)  # (B, T)
    return torch.cat([of_latents, trajectory_credit(trace, rewards, settings)[:, None].expand(-1, n_tokens)], dim=1)
