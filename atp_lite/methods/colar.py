"""CoLaR: each latent is the compressed embedding of the next r tokens of the chain, predicted by a Gaussian head.

Tan et al. 2025, arXiv 2505.16552.

    target   e_t = 1/sqrt(r) * sum of the embeddings of tokens (t-1) r + 1 .. t r of s_1 .. s_n
    L_latent = -log N(sg(e_t); mu_t, sigma_t^2) / d,  mu_t, sigma_t from h_t after reading q, e_1 .. e_{t-1}
    L = -log p(a | q, e_1 .. e_T) + L_latent + L_stop

The targets are known, so training is one parallel pass with them as inputs; at test time the head's own mean (or a
draw) is fed back by the shared loop. Its second stage is GRPO with the head's own sigma: `RLSettings(sigma="learned",
rewards={"correct": 1})`. Simplified: r is fixed (the paper draws it anew for every batch), the end of thinking is told
by the stop head (the paper: by a token), targets are not divided by the embeddings' standard deviation, the auxiliary
prediction of the compressed tokens is left out, and the embeddings learn from question and answer only, not through the
compressed inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from atp_lite.methods.method import Method
from atp_lite.model import is_last, next_token_loss, stop_loss
from atp_lite.planner import Planner
from atp_lite.tokens import Batch, Collator, Encoded, pad_rows


def compressed_embeddings(planner: Planner, rows: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
    """e_t of every row's chain in words: (B, T, d), and the mask of real ones (B, T).

    The last group of a row may hold fewer than r tokens; its sum is divided by the square root of what it holds.
    """
    model, collate = planner.model, planner.collate
    chains = [[t for step in row.steps for t in (*step, *collate.step_end)] for row in rows]
    ids, mask = pad_rows(chains, planner.tokenizer.pad_token_id)
    short = -ids.shape[1] % collate.tokens_per_latent
    ids, mask = (F.pad(value, (0, short)).to(model.device) for value in (ids, mask))
    groups = mask.reshape(len(rows), -1, collate.tokens_per_latent, 1)  # (B, T, r, 1)
    embeds = model.embed(ids).reshape(*groups.shape[:3], -1) * groups  # (B, T, r, d)
    held = groups.sum(2)  # (B, T, 1)
    latents = embeds.sum(2) / held.clamp(min=1).sqrt() / model.config.latent_scale  # fed back, they are embeddings
    return latents.to(embeds.dtype), held[..., 0] > 0


def losses(
    planner: Planner, rows: Sequence[Encoded], stage: int, sample: bool, generator: torch.Generator
) -> dict[str, Tensor]:
    """enc: the answer; latent: -log-likelihood of the compressed embeddings, nats per dimension; stop: when to end."""
    model = planner.model
    batch = planner.collate(rows, stage).to(model.device)
    targets, real = compressed_embeddings(planner, rows)
    targets = targets.detach()
    question, known = (batch.question, batch.question_mask), (batch.language[:, :-1], batch.language_mask[:, :-1])
    hidden, states = model.teacher_forced(*question, targets, real, *known)
    enc = next_token_loss(model, states, batch.language, batch.language_mask)
    said = model.latent_head(hidden)[real]
    latent = -said.with_stddev(said.stddev.clamp(min=1e-3)).log_prob(targets[real]).mean() / targets.shape[-1]
    return {"enc": enc, "latent": latent, "stop": stop_loss(model.stop_head(hidden), is_last(real), real)}


def denominators(collate: Collator, rows: Sequence[Encoded], batch: Batch) -> dict[str, int]:
    """latent: every latent."""
    return {"latent": int(batch.n_latents.sum())}


COLAR = Method(
    "colar", losses, layout="compressed", stages="single", tokens_per_latent=3, own_denominators=denominators
)
