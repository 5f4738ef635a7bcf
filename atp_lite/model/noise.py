"""Where a draw comes from: one stream for a whole batch, or a stream of its own for every row.

A `torch.Generator` is one stream. What a row gets then depends on the rows beside it, and on everything that was drawn
before. With `RowNoise` a row's draws depend on its own seed alone, so neither the batch size nor an interruption
changes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from atp_lite.model.decisions import argmax


class RowNoise:
    """One stream per row of a batch. They live on the CPU, so a GPU draws the same.

    Args:
        seeds: of each row.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self.streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def of(self, rows: Tensor) -> RowNoise:
        """The streams of these rows (n,), which go on where they are."""
        part = RowNoise(())
        part.streams = [self.streams[row] for row in rows.tolist()]
        return part

    def normal(self, like: Tensor) -> Tensor:
        """(n, ...) of N(0, 1), of the type and on the device of `like` (n, ...)."""
        rows = [torch.randn(like.shape[1:], generator=stream) for stream in self.streams]
        return torch.stack(rows).to(like) if rows else torch.empty_like(like)

    def gumbel(self, like: Tensor) -> Tensor:
        """(n, V) of the standard Gumbel distribution, as `normal`."""
        rows = [torch.empty(like.shape[1:]).exponential_(generator=stream).log().neg() for stream in self.streams]
        return torch.stack(rows).to(like) if rows else torch.empty_like(like)

    def uniform(self, device: torch.device) -> Tensor:
        """(n,) of U(0, 1)."""
        return torch.tensor([torch.rand((), generator=stream).item() for stream in self.streams], device=device)


Noise = torch.Generator | RowNoise | None
"""Source of draws; None is torch's own."""


def of_rows(noise: Noise, rows: Tensor) -> Noise:
    """The noise of these rows of a batch: a stream for all of them stays what it is."""
    return noise.of(rows) if isinstance(noise, RowNoise) else noise


def normal_like(values: Tensor, noise: Noise = None) -> Tensor:
    """Draws of N(0, 1) of the shape (n, ...) of `values`."""
    if isinstance(noise, RowNoise):
        return noise.normal(values)
    return torch.empty_like(values).normal_(generator=noise)


def uniform(n: int, device: torch.device, noise: Noise = None) -> Tensor:
    """(n,) draws of U(0, 1)."""
    if isinstance(noise, RowNoise):
        return noise.uniform(device)
    return torch.rand(n, generator=noise, device=device)


def choose(logits: Tensor, noise: Noise = None) -> Tensor:
    """One index a row, drawn from softmax(logits), (n, V) -> (n,).

    With `RowNoise` by the Gumbel-max trick: argmax(logits + G), G = -log E, E ~ Exp(1). It is a decision between scores
    as the greedy one is, so how close it was is known in the same units (see `decisions`).
    """
    if isinstance(noise, RowNoise):
        return argmax(logits + noise.gumbel(logits))
    return torch.multinomial(logits.softmax(-1), 1, generator=noise)[:, 0]


def noise_of_norm(size: int, norm: float, generator: torch.Generator) -> Tensor:
    """(size,) noise in a random direction, exactly `norm` long. Raises ValueError for a negative norm."""
    if norm < 0:
        raise ValueError(f"norm {norm}: a length is 0 or more")
    direction = torch.randn(size, generator=generator)
    longer: Tensor = norm / direction.norm().clamp(min=1e-12)
    return direction * longer
