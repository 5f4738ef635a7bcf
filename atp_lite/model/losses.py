"""The losses of supervised training, L_SFT = L_Enc + L_Dec + L_Stop + beta L_KL, and terms that baselines share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

from atp_lite.model.distributions import Distribution
from atp_lite.model.generation import read, to_logits
from atp_lite.model.noise import Noise
from atp_lite.model.trace import Thought
from atp_lite.tokens import Batch

if TYPE_CHECKING:
    from atp_lite.model.reasoner import LatentReasoner

Losses = dict[str, Tensor]
"""The terms of a loss by name, each a scalar: `enc`, `dec`, `stop` in nats per token or decision, `kl` per latent."""


def total_loss(terms: Mapping[str, Tensor], beta: float, weights: Mapping[str, float] | None = None) -> Tensor:
    """L_SFT = L_Enc + L_Dec + L_Stop + beta L_KL; other terms, and other `weights`, for rivals."""
    weights = {"kl": beta} | dict(weights or {})
    first, *rest = [weights.get(name, 1.0) * term for name, term in terms.items()]
    return sum(rest, start=first)


def sft_losses(model: LatentReasoner, batch: Batch, *, sample: bool = True, generator: Noise = None) -> Losses:
    """The four terms of L_SFT, each over real positions only.

    Gradients flow through the latents from one step into the ones before it.

    Args:
        sample: draw the latents; otherwise their modes are taken.
    """
    thought = model.think(
        batch.question, batch.question_mask, lengths=batch.n_latents, sample=sample, generator=generator
    )
    enc = language_loss(model, thought, batch.language, batch.language_mask)
    nothing = enc.new_zeros(())
    if not thought.latent_mask.any():  # a batch in words only: nothing latent to learn from
        return {"enc": enc, "dec": nothing, "stop": nothing, "kl": nothing}
    dec = nothing if model.decoder is None else model.decoder.loss(thought.latents, batch.steps, batch.steps_mask)
    stop = stop_loss(thought.stop_logits, thought.stopped, thought.latent_mask)
    kl = kl_loss(thought.distribution, thought.latent_mask)
    return {"enc": enc, "dec": dec, "stop": stop, "kl": kl}


def language_loss(model: LatentReasoner, thought: Thought, language: Tensor, language_mask: Tensor) -> Tensor:
    """L_Enc = -log p_theta(language | q, l_1..l_T), mean over its tokens, in nats. Uses up the trace's context.

    language, language_mask: (B, L); it starts with `<|end-latent|>`, which is read and not predicted.
    """
    inputs = model.embed(language[:, :-1])  # (B, L - 1, d)
    _, states = read(model.backbone, inputs, language_mask[:, :-1], thought.take_context())
    return next_token_loss(model, states, language, language_mask)


def next_token_loss(model: LatentReasoner, states: Tensor, language: Tensor, language_mask: Tensor) -> Tensor:
    """-log p_theta(language), mean over its tokens, from the states (B, L - 1, d) that have read all but the last.

    language, language_mask: (B, L); its first token is not predicted.
    """
    written = language_mask[:, 1:].bool()
    logits = to_logits(model.backbone, states[written])  # (N, V)
    return F.cross_entropy(logits.float(), language[:, 1:][written])


def stop_loss(stop_logits: Tensor, stopped: Tensor, real: Tensor) -> Tensor:
    """L_Stop = -log p(continue or stop) at every latent, against the label's own length; all (B, T)."""
    return F.binary_cross_entropy_with_logits(stop_logits[real], stopped[real].to(stop_logits.dtype))


def kl_loss(distribution: Distribution, real: Tensor) -> Tensor:
    """L_KL = KL( q(l_t | h_t) || N(0, I) ), summed over d, mean over the latents that are `real` (B, T)."""
    return distribution[real].kl_to_prior().mean()
