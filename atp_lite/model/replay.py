"""Sampled trajectories, read again with gradient: latents fixed in one parallel pass, or through the recurrence."""

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
    latents: Tensor | None = None
    """(B, T, d) the sampled latents, where the gradient flows through them into all that led to them; None: fixed."""

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
        full_mask = torch.cat([question_mask, mask], dim=1)
        _, states = read(model.backbone, torch.cat([asked, embeds], dim=1), full_mask)
        first, states = states.split([question.shape[1], embeds.shape[1]], dim=1)
    hidden = torch.cat([first[:, -1:], states[:, :n_latents]], dim=1)[:, :n_latents]  # (B, T, d)
    return hidden, states[:, n_latents:]


def replay(model: LatentReasoner, trace: Answered) -> Replay:
    """Distributions, stop logits and answer logits of sampled trajectories; the draws themselves are fixed."""
    hidden, states = teacher_forced(
        model,
        trace.question,
        trace.question_mask,
        trace.latents.detach(),
        trace.latent_mask,
        *_before_answer(model, trace),
        trace.group_size,
    )
    return Replay(model.latent_head(hidden), model.stop_head(hidden), to_logits(model.backbone, states))


def recurrent_replay(model: LatentReasoner, trace: Answered) -> Replay:
    """The same through the recurrence: l_t = mu_t(l_1 .. l_{t-1}) + noise, where the noise is what was drawn.

    So what comes after a latent is differentiated through it, as in supervised training. While the model is the one
    that drew them, the latents are those of the trace.
    """
    again = model.think(
        trace.question,
        trace.question_mask,
        lengths=trace.n_latents,
        group_size=trace.group_size,
        noise_of=trace,
    )
    language, mask = _before_answer(model, trace)
    _, states = read(model.backbone, model.embed(language), mask.long(), again.take_context())

    def padded(values: Tensor) -> Tensor:
        missing = trace.latents.shape[1] - values.shape[1]  # a micro-batch may think less than the batch
        return torch.cat([values, values.new_zeros(len(values), missing, *values.shape[2:])], dim=1)

    logits = to_logits(model.backbone, states)
    return Replay(again.distribution.map(padded), padded(again.stop_logits), logits, padded(again.latents))


def _before_answer(model: LatentReasoner, trace: Answered) -> tuple[Tensor, Tensor]:
    """What is read after the latents, and its mask, both (B, A): position i writes answer token i."""
    end = torch.full((len(trace), 1), model.config.end_id, device=trace.answer.device)
    language = torch.cat([end, trace.answer[:, :-1]], dim=1)
    return language, torch.cat([torch.ones_like(end).bool(), trace.answer_mask[:, :-1]], dim=1)
