"""Batches made ahead of time by worker processes while the model computes."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import DataLoader, Dataset

from atp_lite.engine.distributed import micro_batches
from atp_lite.sft.curriculum import BatchPlan, Curriculum
from atp_lite.tokens import Collator, Encoded, Rows

StepRows = tuple[list[Encoded], list[Sequence[Encoded]]]
"""The global batch of a step, and the micro-batches of this process."""


class StepData(Dataset[StepRows]):
    """Step number -> its rows. Nothing is drawn here, so it does not matter which worker looks it up, or when.

    Args:
        places: the places of a batch that belong to this process.
        accumulate: number of micro-batches that they are split into.
        collate_ahead: collate them too; otherwise the loss does.
    """

    def __init__(
        self,
        plan: BatchPlan,
        curriculum: Curriculum,
        collate: Collator,
        places: Sequence[int],
        accumulate: int,
        collate_ahead: bool,
    ) -> None:
        self.plan, self.curriculum, self.collate = plan, curriculum, collate
        self.places, self.accumulate, self.collate_ahead = places, accumulate, collate_ahead

    def __getitem__(self, step: int) -> StepRows:
        batch = self.plan.batch(step)
        split = micro_batches([batch[place] for place in self.places], self.accumulate)
        if self.collate_ahead:
            stage = self.curriculum.stage(step)
            split = [Rows(rows, self.collate, stage) for rows in split]
        return batch, split


def load(data: StepData, first: int, workers: int) -> Iterator[StepRows]:
    """The steps from `first` to the curriculum's last, made by `workers` processes; by this one where it is 0."""
    loader = DataLoader(
        data,
        batch_size=None,
        sampler=range(first, data.curriculum.total_steps),
        num_workers=workers,
        generator=torch.Generator(),  # of the workers' own seeds, which nobody uses; the global one is left alone
        worker_init_fn=_ignore_interrupts if workers else None,
    )
    return iter(loader)


def _ignore_interrupts(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
