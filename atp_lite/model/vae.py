"""The variational part: draw a latent, measure how far its posterior is from the prior, read it back as text."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from atp_lite.model.generation import read, to_logits, write
from atp_lite.model.noise import Noise, normal_like


def reparameterise(mu: Tensor, logvar: Tensor, generator: Noise = None) -> Tensor:
    """l = mu + sigma * eps, eps ~ N(0, I): a draw through which the gradient flows (Kingma & Welling 2014, eq. 10).

    mu, logvar (..., d) -> latent (..., d).
    """
    eps = normal_like(mu, generator)
    return mu + torch.exp(0.5 * logvar) * eps


def at_least_float32(values: Tensor) -> Tensor:
    """The values in float32, where they are in something narrower; otherwise the tensor itself."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL( N(mu, diag sigma^2) || N(0, I) ) = 1/2 sum_d (mu_d^2 + sigma_d^2 - 1 - log sigma_d^2), in nats.

    mu, logvar (..., d) -> (...), in float32 at least.
    """
    mu, logvar = at_least_float32(mu), at_least_float32(logvar)
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar).sum(-1)


def gaussian_log_prob(latent: Tensor, mu: Tensor, sigma: Tensor | float) -> Tensor:
    """log N(latent; mu, sigma^2 I) = -||latent - mu||^2 / (2 sigma^2) - d log sigma - d/2 log 2 pi, in nats.

    latent, mu (..., d); sigma a number or (..., d) -> (...), in float32 at least: a sum over thousands of dimensions
    has no digit behind the point in bfloat16, and ratios of probabilities are differences of such sums.
    """
    latent, mu = at_least_float32(latent), at_least_float32(mu)
    sigma = torch.as_tensor(sigma, dtype=mu.dtype, device=mu.device)
    z = (latent - mu) / sigma
    return -(0.5 * z.square() + sigma.log() + 0.5 * math.log(2 * math.pi)).sum(-1)


class StepDecoder(nn.Module):
    """phi: a small causal LM that reads the c latents of one step as a prefix and writes the step's text.

    Args:
        config: a transformers config, as a dictionary with `model_type`, of the decoder's LM.
        latent_size: d, the width of a latent; a linear layer bridges it where the LM is of another width.
        latents_per_step: c.
        scale: of a latent where the LM reads it, as in `ReasonerConfig.latent_scale`.
    """

    def __init__(self, config: dict, latent_size: int, latents_per_step: int, scale: float = 1.0) -> None:
        super().__init__()
        self.lm = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
        width = self.lm.config.hidden_size
        self.bridge = nn.Identity() if width == latent_size else nn.Linear(latent_size, width)
        self.latents_per_step, self.scale = latents_per_step, scale
        # where the LM's output layer is its embeddings, transformers has to know under the names they have here
        self.all_tied_weights_keys = {f"lm.{k}": f"lm.{v}" for k, v in self.lm.all_tied_weights_keys.items()}

    def prefix(self, latents: Tensor) -> Tensor:
        """latents (B, T, d) -> the prefix of every step (B, T / c, c, width)."""
        batch, length, size = latents.shape
        if length % self.latents_per_step:
            raise ValueError(f"{length} latents do not make whole steps of {self.latents_per_step} latents each")
        return self.scale * self.bridge(latents.reshape(batch, -1, self.latents_per_step, size))

    def loss(self, latents: Tensor, steps: Tensor, mask: Tensor) -> Tensor:
        """L_Dec: mean cross-entropy, in nats per token, of the steps' texts given their own latents only.

        latents (B, S * c, d), steps (B, S, W) token ids, mask (B, S, W) -> scalar. Padding counts for nothing.
        """
        real = mask.flatten(0, 1).any(-1)  # (B * S,) rows that are a step at all
        prefix = self.prefix(latents).flatten(0, 1)[real]  # (N, c, width)
        targets, mask = steps.flatten(0, 1)[real], mask.flatten(0, 1)[real].bool()  # (N, W)
        if not len(targets):
            return latents.new_zeros(())
        embeds = torch.cat([prefix, self.lm.get_input_embeddings()(targets[:, :-1])], dim=1)  # (N, c + W - 1, width)
        hidden = self.lm.base_model(inputs_embeds=embeds).last_hidden_state
        hidden = hidden[:, self.latents_per_step - 1 :]  # (N, W, width): position i writes token i
        return nn.functional.cross_entropy(to_logits(self.lm, hidden[mask]).float(), targets[mask])

    @torch.no_grad()
    def decode(
        self, latents: Tensor, step_mask: Tensor, max_tokens: int, eos_id: int, pad_id: int
    ) -> tuple[Tensor, Tensor]:
        """Greedy text of every step of every row, all in one batch.

        latents (B, S * c, d), step_mask (B, S) -> tokens (B, S, W) and log-probabilities (B, S, W); `pad_id` and 0
        where there is no step or the text has ended.
        """
        real = step_mask.bool()
        shape = (*real.shape, max_tokens)
        tokens = torch.full(shape, pad_id, dtype=torch.long, device=latents.device)
        log_probs = latents.new_zeros(shape)
        if real.any():
            prefix = self.prefix(latents)[real]  # (N, c, width)
            ones = torch.ones(prefix.shape[:2], dtype=torch.long, device=prefix.device)
            context, hidden = read(self.lm, prefix, ones)
            text, scores = write(self.lm, context, hidden[:, -1], max_tokens, eos_id, pad_id)
            tokens[..., : text.shape[1]][real] = text
            log_probs[..., : text.shape[1]][real] = scores.to(log_probs.dtype)
        return tokens, log_probs
