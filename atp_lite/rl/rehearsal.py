"""Rehearsal: the supervised loss of the planner's own method beside every update, so that nothing learned is lost."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from torch import Tensor

from atp_lite.domains import Problem
from atp_lite.engine.distributed import micro_batches, rank_shard
from atp_lite.engine.run import TrainingRun
from atp_lite.methods import method_of
from atp_lite.planner import Planner
from atp_lite.rl.settings import RLSettings
from atp_lite.sft.loop import scaled_losses


class Rehearsal:
    """`settings.rehearsal` times L_SFT of the method that the planner was trained with, on labelled problems.

    Chains are latent from end to end, as at the last stage of a curriculum. Parts that are frozen (the decoder, a step
    encoder) stay so; the others learn from every term.

    Raises:
        ValueError: there are fewer problems than a batch, or one has no chain or one too long for this planner.
    """

    def __init__(self, planner: Planner, problems: Sequence[Problem], settings: RLSettings) -> None:
        config = planner.model.config
        self.planner, self.settings, self.method = planner, settings, method_of(planner)
        self.stage = config.latent_steps
        if settings.rehearsal_batch > len(problems):
            raise ValueError(
                f"rehearsal is {settings.rehearsal}, with {settings.rehearsal_batch} labelled problems an update, and "
                f"there are {len(problems)}: give more (train_rl(..., rehearse=problems), --rehearse FILE), or take a "
                "smaller rehearsal_batch"
            )
        for problem in problems:
            if not 1 <= len(problem.steps) <= self.stage:
                raise ValueError(
                    f"{problem.question!r:.80} has {len(problem.steps)} steps, and a chain to rehearse needs 1 to "
                    f"{self.stage}, as many as this planner thinks: leave it out"
                )
        self.rows = planner.collate.encode(problems)

    def losses(self, run: TrainingRun, update: int, terms: dict[str, Tensor]) -> Iterator[Tensor]:
        """The weighted loss of every micro-batch of this process, for update number `update` of the iteration.

        They add up to that of the global batch (see `scaled_losses`), which depends on the seed, the iteration and the
        update alone.

        terms: to it the terms of the loss are added, by name and without their weights.
        """
        s = self.settings
        batch = random.Random(f"{s.seed}-rehearsal-{run.done}-{update}").sample(self.rows, s.rehearsal_batch)
        own = micro_batches(rank_shard(run.accelerator, batch, "rehearsal_batch"), s.accumulate)
        beta = s.kl_factor / self.planner.model.config.hidden_size
        for loss in scaled_losses(run, self.planner, self.method, own, self.stage, beta, sample=True, terms=terms):
            yield s.rehearsal * loss
