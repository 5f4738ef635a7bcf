"""A decoder in one file: one linear layer for each place of a step's text. No language model is in it."""

from typing import Any

import torch
from torch import Tensor, nn

from atp_lite.model import DECODERS, Decoder

PLACES = 8
"""Tokens of a step's text, at most."""


@DECODERS.register("linear")
class LinearDecoder(Decoder):
    """The c latents of a step, side by side -> logits of every token of its text, all at once."""

    lm = None

    def __init__(self, config: dict[str, Any], latent_size: int, latents_per_step: int, scale: float = 1.0) -> None:
        super().__init__()
        self.latents_per_step, self.vocab = latents_per_step, config["vocab_size"]
        self.layer = nn.Linear(latents_per_step * latent_size, PLACES * self.vocab)

    def logits(self, latents: Tensor) -> Tensor:
        """latents (B, S * c, d) -> (B, S, places, V)."""
        return self.layer(self.whole_steps(latents).flatten(2)).unflatten(-1, (PLACES, self.vocab))

    def log_prob(self, latents: Tensor, steps: Tensor, mask: Tensor) -> Tensor:
        scores = self.logits(latents)[:, :, : steps.shape[2]].log_softmax(-1).gather(-1, steps[..., None])[..., 0]
        return (scores * mask).sum(-1)

    @torch.no_grad()
    def decode(
        self, latents: Tensor, step_mask: Tensor, max_tokens: int, eos_id: int, pad_id: int
    ) -> tuple[Tensor, Tensor]:
        log_probs, tokens = self.logits(latents)[:, :, :max_tokens].log_softmax(-1).max(-1)  # (B, S, W)
        ended = (tokens == eos_id).int().cumsum(-1) - (tokens == eos_id).int() > 0
        silent = ended | ~step_mask.bool()[..., None]
        return tokens.masked_fill(silent, pad_id), log_probs.masked_fill(silent, 0.0)
