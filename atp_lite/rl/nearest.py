"""The nearest right chain: what a trajectory whose chain is wrong could have thought with the least change.

A reward tells wrong from right, and not what would have been right; where no try is right, it can lead astray. A domain
that lists the equally right chains of a question (`Domain.equivalent_chains`) can say more, and reads no label either:

    s* = argmax over right chains s of sum_t log p_phi(s_t | l_t)
    L_near = -mean over trajectories of [own chain is wrong] mean over steps of log p_phi(s*_t | l_t)

Hard expectation maximisation over all that would be right (Min et al. 2019, arXiv 1909.04849): the latents choose one
of the chains, where a label at random would blur them. phi is frozen, as in every objective on a policy's gradient.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import cast

import torch
from torch import Tensor

from atp_lite.model import Decoded, LatentReasoner
from atp_lite.model.decoders import Decoder
from atp_lite.planner import Planner
from atp_lite.tokens import pad_rows

MOST_CHAINS = 64
"""Right chains of a question that are compared, the first ones that the domain lists."""


@torch.no_grad()
def nearest_chains(planner: Planner, trace: Decoded) -> Tensor:
    """(B, S, W) tokens of each trajectory's nearest right chain; `pad_id` where its own is right, or none is as short.

    Raises:
        NotMeasured: the domain cannot list the right chains of a question (a ValueError).
        ValueError: there is no decoder.
    """
    config, domain = planner.model.config, planner.domain
    decoder = planner.model.decoder
    if decoder is None:
        raise ValueError("nearest_chain compares chains by the decoder, and this model has none: give it 0")
    n_steps, c = trace.step_tokens.shape[1], config.latents_per_step
    thought = (trace.n_latents // c).tolist()
    owners, chains = [], []
    for row, (problem, own) in enumerate(zip(trace.problems, trace.chains, strict=True)):
        if not domain.verify(problem, own).is_right:
            right = islice(domain.equivalent_chains(problem), MOST_CHAINS)
            fit = [replace(problem, steps=chain) for chain in right if len(chain) <= thought[row]]
            owners += [row] * len(fit)
            chains += fit
    nearest = torch.full((len(trace), n_steps, 1), config.pad_id)
    if not chains:
        return nearest.to(trace.latents.device)
    texts = [[(*step, config.eos_id) for step in row.steps] for row in planner.collate.encode(chains)]
    flat, _ = pad_rows([text for chain in texts for text in (*chain, *[()] * (n_steps - len(chain)))], config.pad_id)
    tokens = flat.reshape(len(chains), n_steps, -1).to(trace.latents.device)
    rows = torch.tensor(owners, device=tokens.device)
    scores = decoder.log_prob(trace.latents[rows, : n_steps * c], tokens, tokens != config.pad_id).sum(1)  # (N,)
    best: dict[int, int] = {}
    for i, row in enumerate(owners):
        if row not in best or scores[i] > scores[best[row]]:
            best[row] = i
    nearest = nearest.to(tokens.device).expand(-1, -1, tokens.shape[2]).clone()
    nearest[list(best)] = tokens[list(best.values())]
    return nearest


def nearest_loss(model: LatentReasoner, latents: Tensor, nearest: Tensor) -> Tensor:
    """L_near, from latents (B, T, d) with gradient and the tokens of `nearest_chains` (B, S, W)."""
    decoder = cast(Decoder, model.decoder)
    written = nearest != model.config.pad_id
    scores = decoder.log_prob(latents[:, : nearest.shape[1] * model.config.latents_per_step], nearest, written)
    return -(scores.sum(1) / written.any(-1).sum(1).clamp(min=1)).mean()
