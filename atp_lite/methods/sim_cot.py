"""SIM-CoT: Coconut's latents, and a decoder that has to read each step's text from its own latents.

Wei et al. 2025, arXiv 2509.20317.

    l_t = h_t;    L_k = -log p(s_{k+1} .. s_n a | q, l_1 .. l_ck) - sum_i log p_phi(s_i | l_{c(i-1)+1} .. l_ci)

The decoder supervises and is dropped when answering; here it stays at hand, so that thoughts can be read. Latents past
the last step have nothing to say: their text is empty, and the decoder learns that too. Simplified: the decoder has one
layer (the paper: a copy of the backbone), and both terms are means over tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from atp_lite.methods.method import Method
from atp_lite.planner import Planner
from atp_lite.tokens import Encoded


def losses(
    planner: Planner, rows: Sequence[Encoded], stage: int, sample: bool, generator: torch.Generator
) -> dict[str, Tensor]:
    """enc: the language that stays; dec: every step's text from its own latents."""
    model = planner.model
    batch = planner.collate(rows, stage).to(model.device)
    trace = model.think(
        batch.question, batch.question_mask, lengths=batch.n_latents, sample=sample, generator=generator
    )
    dec = model.decoder.loss(trace.latents, batch.steps, batch.steps_mask)
    return {"enc": model.language_loss(trace, batch.language, batch.language_mask), "dec": dec}


SIM_COT = Method("sim-cot", losses, latent_head="hidden", layout="fixed", decoder=True)
