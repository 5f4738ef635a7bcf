"""phi: what reads the latents of a step back as text."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from atp_lite.model.distributions import at_least_float32
from atp_lite.model.generation import generate, read, to_logits
from atp_lite.registry import Registry


class Decoder(nn.Module):
    """What a decoder must do: `log_prob` scores a step's text, `decode` reads latents. Both see whole steps."""

    lm: PreTrainedModel | None
    """The language model inside, for LoRA and memory plans; None where there is none."""
    latents_per_step: int
    """c"""

    def log_prob(self, latents: Tensor, steps: Tensor, mask: Tensor) -> Tensor:
        """log p_phi(s_i | the c latents of step i), in nats, for the text of every step.

        latents (B, S * c, d), steps (B, S, W) token ids, mask (B, S, W) -> (B, S); 0 where there is no step.
        """
        raise NotImplementedError

    def loss(self, latents: Tensor, steps: Tensor, mask: Tensor) -> Tensor:
        """L_Dec = -log p_phi(steps | their own latents), mean over their tokens, in nats; shapes as in `log_prob`."""
        return -self.log_prob(latents, steps, mask).sum() / mask.sum().clamp(min=1)

    def decode(
        self, latents: Tensor, step_mask: Tensor, max_tokens: int, eos_id: int, pad_id: int
    ) -> tuple[Tensor, Tensor]:
        """Greedy text of every step of every row, all in one batch.

        latents (B, S * c, d), step_mask (B, S) -> tokens (B, S, W) and log-probabilities (B, S, W); `pad_id` and 0
        where there is no step or the text has ended.
        """
        raise NotImplementedError

    def whole_steps(self, latents: Tensor) -> Tensor:
        """latents (B, T, d) -> those of every step (B, T / c, c, d).

        Raises:
            ValueError: T is not a multiple of c.
        """
        batch, length, size = latents.shape
        if length % self.latents_per_step:
            raise ValueError(f"{length} latents do not make whole steps of {self.latents_per_step} latents each")
        return latents.reshape(batch, -1, self.latents_per_step, size)


DECODERS: Registry[type[Decoder]] = Registry("decoder")
"""Name in `ReasonerConfig.decoder_type` -> the class, derived from `Decoder`.

    __init__(config, latent_size, latents_per_step, scale)    `ReasonerConfig.decoder` (a dict with `vocab_size`; for
                                                               `lm` all of a language model's), d, c, `latent_scale`;
                                                               it sets `lm` (None without a language model) and
                                                               `latents_per_step`
    log_prob(latents (B, S * c, d), steps (B, S, W), mask (B, S, W))               -> (B, S)
    decode(latents (B, S * c, d), step_mask (B, S), max_tokens, eos_id, pad_id)    -> twice (B, S, W), W <= max_tokens

What holds for its tensors and their first values, as for every part: `atp_lite/model/parts.py`."""


@DECODERS.register("lm")
class StepDecoder(Decoder):
    """A small causal LM that reads the c latents of one step as a prefix and writes the step's text.

    Args:
        config: a transformers config, as a dictionary with `model_type`, of the decoder's LM.
        latent_size: d, the width of a latent; a linear layer bridges it where the LM is of another width.
        latents_per_step: c.
        scale: of a latent where the LM reads it, as in `ReasonerConfig.latent_scale`.
    """

    lm: PreTrainedModel

    def __init__(self, config: dict[str, Any], latent_size: int, latents_per_step: int, scale: float = 1.0) -> None:
        super().__init__()
        self.lm = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
        width = self.lm.config.hidden_size
        self.bridge = nn.Identity() if width == latent_size else nn.Linear(latent_size, width)
        self.latents_per_step, self.scale = latents_per_step, scale
        # where the LM's output layer is its embeddings, transformers has to know under the names they have here
        self.all_tied_weights_keys = {f"lm.{k}": f"lm.{v}" for k, v in self.lm.all_tied_weights_keys.items()}

    def prefix(self, latents: Tensor) -> Tensor:
        """latents (B, T, d) -> what the LM reads of every step (B, T / c, c, width)."""
        bridged: Tensor = self.bridge(self.whole_steps(latents))
        return self.scale * bridged

    def log_prob(self, latents: Tensor, steps: Tensor, mask: Tensor) -> Tensor:
        real = mask.bool().any(-1)  # (B, S) those that are a step at all
        if not real.any():
            return latents.new_zeros(real.shape)
        prefix, targets, written = self.prefix(latents)[real], steps[real], mask[real].bool()  # (N, c, width), (N, W)
        embeds = torch.cat([prefix, self.lm.get_input_embeddings()(targets[:, :-1])], dim=1)  # (N, c + W - 1, width)
        hidden = self.lm.base_model(inputs_embeds=embeds).last_hidden_state
        hidden = hidden[:, self.latents_per_step - 1 :]  # (N, W, width): position i writes token i
        logits = at_least_float32(to_logits(self.lm, hidden[written]))
        nats = nn.functional.cross_entropy(logits, targets[written], reduction="none")
        tokens = nats.new_zeros(targets.shape).masked_scatter(written, -nats)  # (N, W)
        return nats.new_zeros(real.shape).masked_scatter(real, tokens.sum(-1))

    @torch.no_grad()
    def decode(
        self, latents: Tensor, step_mask: Tensor, max_tokens: int, eos_id: int, pad_id: int
    ) -> tuple[Tensor, Tensor]:
        real = step_mask.bool()
        shape = (*real.shape, max_tokens)
        tokens = torch.full(shape, pad_id, dtype=torch.long, device=latents.device)
        log_probs = latents.new_zeros(shape)
        if real.any():
            prefix = self.prefix(latents)[real]  # (N, c, width)
            ones = torch.ones(prefix.shape[:2], dtype=torch.long, device=prefix.device)
            context, hidden = read(self.lm, prefix, ones)
            text, scores = generate(self.lm, context, hidden[:, -1], max_tokens, eos_id, pad_id)
            tokens[..., : text.shape[1]][real] = text
            log_probs[..., : text.shape[1]][real] = scores.to(log_probs.dtype)
        return tokens, log_probs
