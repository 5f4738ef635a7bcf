"""Latents that are known: one parallel pass, with gradient, in the place of the recurrence."""

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


def teacher_forced(
    model: LatentReasoner,
    question: Tensor,
    question_mask: Tensor,
    latents: Tensor,
    latent_mask: Tensor,
    language: Tensor,
    language_mask: Tensor,
    group_size: int = 1,
) -> tuple[Tensor, Tensor]:
    """Read questions, latents and language that are all known, in ONE pass: no recurrence, whatever T is.

    question (B / G, Q), read once for the `group_size` = G rows that share it; latents (B, T, d), through which the
    gradient flows; language (B, L), which starts with `<|end-latent|>`; each with its mask of real positions.

    Returns:
        h_1 .. h_T (B, T, d), of which h_t has read l_1 .. l_{t-1}; and the states (B, L, d) that have read language
        1 .. i, which say what comes next.
    """
    n_latents = latents.shape[1]
    embeds = torch.cat([model.feed(latents), model.embed(language)], dim=1)  # (B, T + L, d)
    mask = torch.cat([latent_mask, language_mask], dim=1).long()
    asked = model.embed(question)
    if group_size > 1:
        context, states = read(model.backbone, asked, question_mask)
        first = states[:, -1:].repeat_interleave(group_size, 0)  # (B, 1, d): h_1
        _, states = read(model.backbone, embeds, mask, context.repeat(group_size))
    else:
        whole = torch.cat([question_mask, mask], dim=1)
        _, states = read(model.backbone, torch.cat([asked, embeds], dim=1), whole)
        first, states = states.split([question.shape[1], embeds.shape[1]], dim=1)
    hidden = torch.cat([first[:, -1:], states[:, :n_latents]], dim=1)[:, :n_latents]  # (B, T, d)
    return hidden, states[:, n_latents:]


def replay(model: LatentReasoner, trace: Answered) -> Replay:
    """Distributions, stop logits and answer logits of sampled trajectories; the draws themselves are fixed."""
    end = torch.full((len(trace), 1), model.config.end_id, device=trace.answer.device)
    hidden, states = teacher_forced(
        model,
        trace.question,
        trace.question_mask,
        trace.latents.detach(),
        trace.latent_mask,
        torch.cat([end, trace.answer[:, :-1]], dim=1),  # (B, A): position i writes answer token i
        torch.cat([torch.ones_like(end).bool(), trace.answer_mask[:, :-1]], dim=1),
        trace.group_size,
    )
    return Replay(model.latent_head(hidden), model.stop_head(hidden), to_logits(model.backbone, states))
