"""The nearest right chain: what a trajectory whose chain is wrong could have thought with the least change.

A label shows one of several right chains at random, which blurs latents that imitate it. A reward tells wrong from
right, and not what would have been right, which can lead astray where no try is right. A domain that lists the equally
right chains of a question (`Domain.equivalent_chains`) can say more, and reads no label:

    s* = argmax over right chains s of sum_t log p_phi(s_t | l_t)
    L_near = -mean over trajectories of [own chain is wrong] mean over steps of log p_phi(s*_t | l_t)

Hard expectation maximisation over all that would be right (Min et al. 2019, arXiv 1909.04849): the latents choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import cast

import torch
from torch import Tensor

from atp_lite.domains import Problem
from atp_lite.model import Decoded, LatentReasoner
from atp_lite.model.decoders import Decoder
from atp_lite.planner import Planner
from atp_lite.tokens import pad_rows

MOST_CHAINS = 64
"""Right chains of a question that are compared, the first ones that the domain lists."""


@torch.no_grad()
def nearest_chains(planner: Planner, trace: Decoded) -> list[Problem]:
    """(B,) each trajectory's problem with its nearest right chain; without steps where its own chain is right, or where
    it has thought too few of them.

    Raises:
        NotMeasured: the domain cannot list the right chains of a question (a ValueError).
        ValueError: there is no decoder, or a chain holds a token outside the vocabulary.
    """
    if planner.model.decoder is None:
        raise ValueError("the nearest chain is found by the decoder, and this model has none: do without")
    thought = (trace.n_latents // planner.model.config.latents_per_step).tolist()
    owners: list[int] = []
    right: list[Problem] = []
    for row, (problem, own) in enumerate(zip(trace.problems, trace.chains, strict=True)):
        if not planner.domain.verify(problem, own).is_right:
            chains = islice(planner.domain.equivalent_chains(problem), MOST_CHAINS)
            fit = [replace(problem, steps=chain) for chain in chains if len(chain) <= thought[row]]
            owners += [row] * len(fit)
            right += fit
    nearest = [replace(problem, steps=()) for problem in trace.problems]
    if right:
        rows = torch.tensor(owners, device=trace.latents.device)
        tokens = chain_tokens(planner, right, trace.step_tokens.shape[1]).to(rows.device)
        scores = _scores(planner.model, trace.latents[rows], tokens).sum(1).tolist()
        best = [-float("inf")] * len(trace)
        for row, problem, score in zip(owners, right, scores, strict=True):
            if score > best[row]:
                best[row], nearest[row] = score, problem
    return nearest


def chain_tokens(planner: Planner, problems: Sequence[Problem], n_steps: int) -> Tensor:
    """(B, n_steps, W) the chains of problems as the decoder writes them, each step with its `<eos>`; then `pad_id`."""
    eos, pad = planner.model.config.eos_id, planner.model.config.pad_id
    chains = [[(*step, eos) for step in row.steps] for row in planner.collate.encode(problems)]
    flat = [step for chain in chains for step in [*chain, *[()] * (n_steps - len(chain))]]
    tokens, _ = pad_rows(flat, pad)
    return tokens.reshape(len(chains), n_steps, tokens.shape[1])


def nearest_loss(model: LatentReasoner, latents: Tensor, nearest: Tensor) -> Tensor:
    """L_near, from latents (B, T, d) with gradient and the `chain_tokens` of the nearest chains (B, S, W)."""
    steps = (nearest != model.config.pad_id).any(-1).sum(1)
    loss: Tensor = -(_scores(model, latents, nearest).sum(1) / steps.clamp(min=1)).mean()
    return loss


def _scores(model: LatentReasoner, latents: Tensor, tokens: Tensor) -> Tensor:
    """log p_phi of each step's text (B, S); 0 where there is none."""
    decoder = cast(Decoder, model.decoder)
    of_steps = latents[:, : tokens.shape[1] * model.config.latents_per_step]
    return decoder.log_prob(of_steps, tokens, tokens != model.config.pad_id)
