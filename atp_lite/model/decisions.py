"""Decisions between discrete things, and how close they were.

A batch of another size adds up numbers in another order, so scores differ in their last bits from batch to batch. That
matters only where the best score and the next one are all but equal. Whoever needs decisions that no batch size changes
(atp_lite/evaluation/engine.py) notes how close they were, and repeats the close ones alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

_NOTED: ContextVar[list[Tensor] | None] = ContextVar("noted", default=None)


def argmax(scores: Tensor) -> Tensor:
    """The index of the largest score of every row, (n, V) -> (n,)."""
    noted = _NOTED.get()
    if noted is not None and scores.shape[-1] > 1 and len(scores):
        first, second = scores.topk(2).values.unbind(-1)
        noted.append((first - second).min())
    return scores.argmax(-1)


@contextmanager
def record_margins() -> Iterator[list[Tensor]]:
    """Inside, every call of `argmax` adds to the list by how much its closest row was decided, a scalar."""
    noted: list[Tensor] = []
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)
