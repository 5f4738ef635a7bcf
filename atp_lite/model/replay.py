"""The policy's view of trajectories that were sampled before: one parallel pass, with gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from atp_lite.model.distributions import Distribution
from atp_lite.model.generation import read, to_logits
from atp_lite.model.trace import Answered

if TYPE_CHECKING:
    from atp_lite.model.reasoner import LatentReasoner


@dataclass
class Replay:
    """B rows, T latents, A answer tokens, V words."""

    distribution: Distribution
    """(B, T, d) of each latent, given the sampled ones before it."""
    stop_logits: Tensor
    """(B, T)"""
    answer_logits: Tensor
    """(B, A, V) of each answer token, given the ones before it."""

    @property
    def mu(self) -> Tensor:
        """(B, T, d) the latents that would be thought without sampling."""
        return self.distribution.mode


def replay(model: LatentReasoner, trace: Answered) -> Replay:
    """Distributions, stop logits and answer logits of sampled trajectories in ONE pass.

    The sampled latents are inputs, so no recurrence is needed. Each question is read once for its group.
    """
    context, states = read(model.backbone, model.embed(trace.question), trace.question_mask)
    first = states[:, -1].repeat_interleave(trace.group_size, 0)  # (B, d): h_1
    context = context.repeat(trace.group_size)
    end = torch.full((len(trace), 1), model.config.end_id, device=first.device)
    words = torch.cat([end, trace.answer[:, :-1]], dim=1)  # (B, A): position i writes answer token i
    words_mask = torch.cat([torch.ones_like(end).bool(), trace.answer_mask[:, :-1]], dim=1)
    embeds = torch.cat([model.feed(trace.latents.detach()), model.embed(words)], dim=1)  # (B, T + A, d)
    mask = torch.cat([trace.latent_mask, words_mask], dim=1).long()
    _, states = read(model.backbone, embeds, mask, context)
    n_latents = trace.latents.shape[1]
    hidden = torch.cat([first[:, None], states[:, :n_latents]], dim=1)[:, :n_latents]  # (B, T, d): h_1 .. h_T
    answer_logits = to_logits(model.backbone, states[:, n_latents:])  # (B, A, V)
    return Replay(model.latent_head(hidden), model.stop_head(hidden), answer_logits)
