"""What makes a method of latent reasoning: its head, its layout, its loss. Everything else is shared.

    method        what is fed back        in the place of the steps       loss beside that of the language
    atp           a draw of N(mu, sigma)  c latents each, own stop        decoder, stop, KL
    atp-step      a draw of q(z | step)   c latents each, own stop        decoder, stop, KL to the head, its prior
    cot           nothing                 nothing: steps stay in words
    no-cot        nothing                 nothing: steps are dropped
    icot          nothing                 nothing: dropped one by one
    pause         one learned vector      a fixed number
    coconut       the hidden state        a fixed number
    sim-cot       the hidden state        a fixed number                  decoder
    codi          MLP of hidden state     a fixed number                  teacher in words, distillation
    colar         a draw of N(mu, sigma)  one for r tokens, own stop      NLL of compressed embeddings, stop

A method never has a latent loop of its own: thinking is `LatentReasoner.think`, whatever is fed back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from atp_lite.engine.pretrained import weights_in
from atp_lite.model import LATENT_HEADS, LatentReasoner, Losses, total_loss
from atp_lite.model.heads import PointHead
from atp_lite.planner import Planner
from atp_lite.tokens import Batch, Collator, Encoded

Loss = Callable[[Planner, Sequence[Encoded], int, bool, torch.Generator], Losses]
"""(planner, problems, curriculum stage, draw latents, source of draws) -> the terms of the loss, each a scalar."""

Denominators = Callable[[Collator, Sequence[Encoded], Batch], Mapping[str, int]]
"""(collator, problems, their batch at this stage) -> over how many tokens, latents or rows each term is a mean."""


def _draws(latent_head: str) -> bool:
    """Whether a head of this name gives a distribution to draw from."""
    return not issubclass(LATENT_HEADS[latent_head], PointHead)


@dataclass(frozen=True)
class Method:
    """A way to train and to think. `losses` is the equation; the rest says what it is an equation of."""

    name: str
    losses: Loss
    latent_head: str | None = None
    """A name of `atp_lite.model.LATENT_HEADS`: what is fed back. None: the planner's own where that is a distribution
    to draw from, such as a mixture, and a Gaussian otherwise."""
    layout: str = "steps"
    """A name of `atp_lite.tokens.LAYOUTS`: what stands in the place of steps that left the language."""
    decoder: bool | None = False
    """Whether a decoder reads the latents as text; None leaves that to the planner."""
    step_encoder: bool = False
    """Whether a step encoder turns the label's steps into latents."""
    stages: Literal["curriculum", "single", "words"] = "curriculum"
    """curriculum: steps leave the language one by one; single: all at once; words: none ever does."""
    tokens_per_latent: int = 1
    """r of the layout `compressed`."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each term of the loss; 1 where none is given, and beta of the settings for a term named `kl`."""
    own_denominators: Denominators | None = None
    """Of the terms that are not enc, dec, stop or kl: what each is a mean over (`loss_denominators`)."""

    def head_for(self, planner: Planner, wanted: str | None = None) -> str:
        """The name of the latent head that this method gives to a planner.

        Args:
            wanted: a name of LATENT_HEADS, for a method that draws its latents; None leaves it to method and planner.

        Raises:
            ValueError: the method has a head of its own, and another one is wanted, or one that gives points.
        """
        if wanted not in (None, self.latent_head) and (self.latent_head or not _draws(wanted)):
            own = f"a {self.latent_head} head" if self.latent_head else "a head to draw from"
            raise ValueError(f"latent_head is {wanted}: {self.name} thinks with {own}; leave it out")
        own = wanted or planner.model.config.latent_head
        return self.latent_head or (own if _draws(own) else "gaussian")

    def loss_denominators(self, collate: Collator, rows: Sequence[Encoded], stage: int) -> dict[str, int]:
        """Over how many tokens, latents or rows each term of the loss is a mean, by its name, for these rows.

        With these as weights the means of two parts of a batch make the mean of the whole.
        """
        own = self.own_denominators
        batch = collate(rows, stage)
        return shared_denominators(batch, collate.latents_per_step) | dict(own(collate, rows, batch) if own else {})

    def total(self, terms: Mapping[str, Tensor], beta: float) -> Tensor:
        """The weighted sum of the terms: `total_loss`."""
        return total_loss(terms, beta, self.weights)

    def exposed(self, share: float) -> Method:
        """The method with this share of its thoughts from the planner itself; one with a step encoder can do that."""
        return replace(self, losses=partial(self.losses, exposure=share)) if share else self

    def start(
        self, planner: Planner, last_stage: int, max_latents: int = 8, seed: int = 0, latent_head: str | None = None
    ) -> Planner:
        """A planner for this method that begins where `planner` ended: its backbone, and all heads that fit.

        Args:
            planner: usually one that reasons in words.
            last_stage: K, the last curriculum stage; a fixed layout thinks c * K latents.
            max_latents: the limit where a stop head decides.
            seed: of the parts that are new.
            latent_head: as in `SFTSettings`.

        Raises:
            ValueError: the method needs a decoder and the planner's configuration has none, or another latent head.
        """
        config = copy.deepcopy(planner.model.config)
        if self.decoder and config.decoder is None:
            raise ValueError(
                f"{self.name} reads its latents with a decoder, and this planner has none: start from one made with "
                "ModelSettings.decoder_layers of 1 or more"
            )
        if (head := self.head_for(planner, latent_head)) != config.latent_head:
            config.latent_head, config.latent_head_options = head, None
        config.layout = self.layout
        config.tokens_per_latent = self.tokens_per_latent
        limits = {"fixed": config.latents_per_step * last_stage, "dropped": 0}
        config.max_latents = limits.get(self.layout, max_latents) if last_stage > 0 else 0
        if self.decoder is False:
            config.decoder = None
        config.step_encoder = (config.step_encoder or {}) if self.step_encoder else None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = weights_in(LatentReasoner(config), planner.model.dtype)
        new, old = model.state_dict(), planner.model.state_dict()
        model.load_state_dict({name: old.get(name, value) for name, value in new.items()})
        return Planner(model.to(planner.model.device), planner.tokenizer)

    def check(
        self, planner: Planner, first_stage: int, last_stage: int, longest: int, latent_head: str | None = None
    ) -> None:
        """Raise ValueError where this method cannot train this planner in these stages (`longest`: of the chains)."""
        config = planner.model.config
        head = self.head_for(planner, latent_head)
        if (config.latent_head, config.layout) != (head, self.layout):
            raise ValueError(
                f"{self.name} thinks with a {head} head in the layout {self.layout!r}; this planner has "
                f"{config.latent_head}, {config.layout!r}: make it one with METHODS[{self.name!r}].start(planner, ...)"
            )
        if self.step_encoder and planner.model.step_encoder is None:
            raise ValueError(
                f"{self.name} reads the label's steps with a step encoder, and this planner has none: make it one with "
                f"METHODS[{self.name!r}].start(planner, ...)"
            )
        if self.stages == "single" and (first_stage != last_stage or first_stage < longest):
            raise ValueError(
                f"{self.name} has no curriculum: give one stage, with first_stage the largest number of steps, "
                f"{longest}; not stages {first_stage} to {last_stage}"
            )
        if self.layout != "fixed" and first_stage > longest:
            raise ValueError(
                f"first_stage is {first_stage}, and no training problem has more than {longest} steps: begin with "
                f"stage {longest} at most"
            )
        if self.stages == "words" and last_stage > 0:
            raise ValueError(f"{self.name} keeps every step in words: its only stage is 0, not {last_stage}")


def predicted_latents(batch: Batch, latents_per_step: int) -> int:
    """How many latents have a stop decision and a KL: all but those of replaced steps."""
    return int(batch.n_latents.sum()) - latents_per_step * int(batch.replaced.sum())


def shared_denominators(batch: Batch, latents_per_step: int) -> dict[str, int]:
    """What the terms that several methods have are means over: tokens (enc, dec) and latents (stop, kl)."""
    predicted = predicted_latents(batch, latents_per_step)
    return {
        "enc": int(batch.language_mask[:, 1:].sum()),
        "dec": int(batch.steps_mask.sum()),
        "stop": predicted,
        "kl": predicted,
    }


def imitate(
    planner: Planner, rows: Sequence[Encoded], stage: int, sample: bool, generator: torch.Generator
) -> dict[str, Tensor]:
    """enc = -log p(language that stays | q, latents), mean over its tokens: all that several rivals learn from.

    What `language` and the latents are is the layout's business; the gradient flows through the latents.
    """
    model = planner.model
    batch = planner.collate(rows, stage).to(model.device)
    trace = model.think(
        batch.question, batch.question_mask, lengths=batch.n_latents, sample=sample, generator=generator
    )
    return {"enc": model.language_loss(trace, batch.language, batch.language_mask)}
