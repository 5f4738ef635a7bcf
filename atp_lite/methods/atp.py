"""ATP-Latent itself, in the form of its rivals: L = L_Enc + L_Dec + L_Stop + beta L_KL.

The equation is `sft_losses` in atp_lite/model/losses.py. Zheng and Lee, arXiv 2601.21598. Two ablations are the same
loss with another part:

- `atp-point`, without the VAE: the latent is an MLP of the hidden state, a point, so there is no KL and no spread;
- `atp-fixed`, without the stop head's say: every question gets the same number of latents, as in Coconut.

The others are settings: `ModelSettings.decoder_layers = 0` is without L_Dec, `stage_steps` of one stage without the
curriculum, `final_kl_factor` is beta, and `RLSettings` are those of the second stage.
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
    """enc, dec, stop, kl, as `sft_losses` gives them."""
    batch = planner.collate(rows, stage).to(planner.model.device)
    return planner.model.sft_losses(batch, sample=sample, generator=generator)


def losses_without_stop(
    planner: Planner, rows: Sequence[Encoded], stage: int, sample: bool, generator: torch.Generator
) -> dict[str, Tensor]:
    """enc, dec, kl: nobody asks when to stop."""
    terms = losses(planner, rows, stage, sample, generator)
    return {name: term for name, term in terms.items() if name != "stop"}


ATP = Method("atp", losses, decoder=True)
ATP_NO_DECODER = Method("atp-no-decoder", losses)
ATP_POINT = Method("atp-point", losses, latent_head="projector", decoder=True)
ATP_FIXED = Method("atp-fixed", losses_without_stop, layout="fixed", decoder=True)
