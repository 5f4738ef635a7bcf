"""The posterior that has seen the step: q(l_t | s_t), a step's text -> a distribution of the latents that stand for it.

It is needed in training, and where text is to be turned into a thought; the planner that thinks by itself has the
latent head alone, its prior p(l_t | question, l_<t). What an encoder reads are the backbone's own token embeddings.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from atp_lite.model.distributions import Distribution, Gaussian
from atp_lite.model.heads import in_own_precision
from atp_lite.registry import Registry

STEP_ENCODERS: Registry[type[StepEncoder]] = Registry("step encoder")
"""Name in `ReasonerConfig.step_encoder_type` -> the class, derived from `StepEncoder`.

    __init__(size, latents_per_step, scale, **options)    d, c, `latent_scale`, and `ReasonerConfig.step_encoder`
    features(words (B, S, W, d), mask (B, S, W, 1))       -> (B, S, width)

`forward` makes of them a `Distribution` over (B, S * c, d). What holds for its tensors and their first values, as for
every part: `atp_lite/model/parts.py`."""


class StepEncoder(nn.Module):
    """From a step's words to its latents: a derived class says with `features` what the words have in common.

    Args:
        size: d, the width of the backbone.
        latents_per_step: c.
        scale: of an embedding, as in `ReasonerConfig.latent_scale`: they are divided by it.
        width: of the hidden layers; None takes d, at least 256.
    """

    LOGVAR_RANGE = -6.0, 2.0
    """log sigma^2 is clamped to it: a posterior without a spread would make thoughts that no prior can hit."""

    def __init__(self, size: int, latents_per_step: int, scale: float, width: int) -> None:
        super().__init__()
        self.latents_per_step, self.scale = latents_per_step, scale
        self.trunk = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.mean = nn.Linear(width, latents_per_step * size)
        self.log_variance = nn.Linear(width, latents_per_step * size)

    def features(self, words: Tensor, mask: Tensor) -> Tensor:
        """Embeddings of about unit size (..., W, d), 0 on padding, and their mask (..., W) -> (..., width)."""
        raise NotImplementedError

    @in_own_precision
    def forward(self, words: Tensor, mask: Tensor) -> Distribution:
        """Embeddings (B, S, W, d) and the mask of real ones (B, S, W) -> the latents of every step, (B, S * c, d)."""
        real = mask[..., None].to(words.dtype)
        hidden = self.trunk(self.features(words * real / self.scale, real))  # (B, S, width)
        mu, logvar = (  # (B, S, c * d) -> (B, S * c, d)
            layer(hidden).unflatten(-1, (self.latents_per_step, -1)).flatten(1, 2)
            for layer in (self.mean, self.log_variance)
        )
        return Gaussian(mu, logvar.clamp(*self.LOGVAR_RANGE))


def hidden_width(size: int, width: int | None) -> int:
    """The width that is asked for, or d and at least 256."""
    return max(size, 256) if width is None else width


@STEP_ENCODERS.register("places")
class PlacesEncoder(StepEncoder):
    """Each place of the text has a matrix of its own: sum_i W_i e_i. Reads best what is short and has one form.

    tokens: the longest text, its end token included; what is longer is cut.
    """

    def __init__(
        self, size: int, latents_per_step: int, scale: float = 1.0, width: int | None = None, tokens: int = 8
    ) -> None:
        super().__init__(size, latents_per_step, scale, hidden_width(size, width))
        self.tokens = tokens
        self.first = nn.Linear(tokens * size, hidden_width(size, width))

    def features(self, words: Tensor, mask: Tensor) -> Tensor:
        missing = self.tokens - words.shape[-2]  # negative: cut
        placed: Tensor = self.first(nn.functional.pad(words, (0, 0, 0, missing)).flatten(-2))
        return placed


@STEP_ENCODERS.register("pooled")
class PooledEncoder(StepEncoder):
    """The mean over words of GELU(W e_i + p_i), p_i of their place: as large for a long text as for a short one.

    tokens: places that can be told apart; all that come later share the last.
    """

    def __init__(
        self, size: int, latents_per_step: int, scale: float = 1.0, width: int | None = None, tokens: int = 32
    ) -> None:
        super().__init__(size, latents_per_step, scale, hidden_width(size, width))
        self.first = nn.Linear(size, hidden_width(size, width))
        self.place = nn.Embedding(tokens, hidden_width(size, width))

    def features(self, words: Tensor, mask: Tensor) -> Tensor:
        places = torch.arange(words.shape[-2], device=words.device).clamp(max=self.place.num_embeddings - 1)
        each = nn.functional.gelu(self.first(words) + self.place(places)) * mask  # (..., W, width)
        pooled: Tensor = each.sum(-2) / mask.sum(-2).clamp(min=1)
        return pooled
