"""Batches made ready by other processes while the model computes."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import DataLoader, Dataset

from atp_lite.engine.distributed import parts_of
from atp_lite.sft.curriculum import BatchPlan, Curriculum
from atp_lite.tokens import Collator, Encoded, Rows

Step = tuple[list[Encoded], list[Sequence[Encoded]]]
"""The problems of a step, and those of this process in the parts that they are worked through in."""


class Steps(Dataset):
    """Step number -> what the step needs. Nothing is drawn here, so it does not matter who looks it up, or when.

    Args:
        own: places of a batch that belong to this process.
        parts: how many parts they are worked through in.
        ahead: collate them too, which otherwise the loss does.
    """

    def __init__(
        self,
        plan: BatchPlan,
        curriculum: Curriculum,
        collate: Collator,
        own: range,
        parts: int,
        ahead: bool,
    ) -> None:
        self.plan, self.curriculum, self.collate = plan, curriculum, collate
        self.own, self.parts, self.ahead = own, parts, ahead

    def __getitem__(self, step: int) -> Step:
        batch = self.plan.batch(step)
        parts = parts_of(batch[self.own.start : self.own.stop], self.parts)
        if self.ahead:
            stage = self.curriculum.stage(step)
            parts = [Rows(part, self.collate, stage) for part in parts]
        return batch, parts


def load(steps: Steps, first: int, workers: int) -> Iterator[Step]:
    """The steps from `first` to the curriculum's last, made ready by `workers` processes; by this one where it is 0."""
    numbers = range(first, steps.curriculum.total_steps)
    generator = torch.Generator()  # of the workers' own seeds, which nobody uses; the global one is left alone
    return iter(
        DataLoader(
            steps,
            batch_size=None,
            sampler=numbers,
            num_workers=workers,
            generator=generator,
            worker_init_fn=_leave_ctrl_c_to_the_run if workers else None,
        )
    )


def _leave_ctrl_c_to_the_run(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
