"""A method in one file: Coconut's latents, which must not move far from one to the next."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from atp_lite.methods import METHODS, Method
from atp_lite.model import Losses
from atp_lite.planner import Planner
from atp_lite.tokens import Batch, Collator, Encoded


def losses(planner: Planner, rows: Sequence[Encoded], stage: int, sample: bool, generator: torch.Generator) -> Losses:
    """enc: the language that stays; move: mean squared distance of a latent from the one before it, per dimension."""
    model, batch = planner.model, planner.collate(rows, stage).to(planner.model.device)
    thought = model.think(
        batch.question, batch.question_mask, lengths=batch.n_latents, sample=sample, generator=generator
    )
    moves = (thought.latents[:, 1:] - thought.latents[:, :-1]).square().mean(-1)[thought.latent_mask[:, 1:]]  # (N,)
    move = moves.sum() / max(len(moves), 1)
    return {"enc": model.language_loss(thought, batch.language, batch.language_mask), "move": move}


def denominators(collate: Collator, rows: Sequence[Encoded], batch: Batch) -> dict[str, int]:
    """move: every latent but the first of a row."""
    return {"move": int((batch.n_latents - 1).clamp(min=0).sum())}


METHODS.register("small-moves")(
    Method(
        "small-moves",
        losses,
        latent_head="hidden",
        layout="fixed",
        weights={"move": 0.1},
        own_denominators=denominators,
    )
)
