"""Labels that the training itself makes, and batches made ahead of time by worker processes."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import torch
from torch.utils.data import DataLoader, Dataset

from atp_lite.domains import Domain, Problem
from atp_lite.engine.distributed import micro_batches
from atp_lite.engine.process import ENDING
from atp_lite.planner import Planner
from atp_lite.sft.curriculum import BatchPlan
from atp_lite.sft.nearest import nearest_chains
from atp_lite.sft.settings import SFTSettings
from atp_lite.tokens import Collator, Encoded, Rows

StepRows = tuple[list[Encoded], list[Sequence[Encoded]]]
"""The global batch of a step, and the micro-batches of this process."""


class StepData(Dataset[StepRows]):
    """Step number -> its rows. Nothing is drawn here, so it does not matter which worker looks it up, or when.

    Args:
        domain: what the problems are about; it makes the counterfactual labels.
        settings: say how many labels are counterfactual.
        places: the places of a batch that belong to this process.
        accumulate: number of micro-batches that they are split into.
        collate_ahead: collate them too; otherwise the loss does.
    """

    def __init__(
        self,
        plan: BatchPlan,
        settings: SFTSettings,
        domain: Domain,
        collate: Collator,
        places: Sequence[int],
        accumulate: int,
        collate_ahead: bool,
    ) -> None:
        self.plan, self.settings, self.domain, self.collate = plan, settings, domain, collate
        self.curriculum = settings.curriculum
        self.places, self.accumulate, self.collate_ahead = places, accumulate, collate_ahead

    def __getitem__(self, step: int) -> StepRows:
        batch = counterfactual_labels(self.plan.batch(step), step, self.settings, self.domain, self.collate)
        split = micro_batches([batch[place] for place in self.places], self.accumulate)
        if self.collate_ahead:
            stage = self.curriculum.stage(step)
            split = [Rows(rows, self.collate, stage) for rows in split]
        return batch, split


@torch.no_grad()
def own_chains(
    planner: Planner, problems: Sequence[Problem], batch_size: int = 500, nearest: bool = False
) -> list[Problem]:
    """The problems with the planner's own greedy chain as the label, where the domain's verifier lets it pass.

    Self-distillation on verified chains (cf. Zelikman et al. 2022, arXiv 2203.14465): of several equally right chains
    the planner has chosen one, so that nothing is left that one thought could not say. Elsewhere the label stays, or,
    with `nearest`, gives way to the right chain that is nearest to the planner's thoughts.

    Raises:
        NotMeasured: the domain has no verifier.
    """
    labelled = []
    for start in range(0, len(problems), batch_size):
        part = problems[start : start + batch_size]
        trace = planner.reason(part)
        others = nearest_chains(planner, trace) if nearest else part
        for problem, steps, other in zip(part, trace.chains, others, strict=True):
            right = planner.domain.verify(problem, steps).is_right
            labelled.append(replace(problem, steps=tuple(steps)) if right else other if other.steps else problem)
    return labelled


def counterfactual_labels(
    rows: list[Encoded], step: int, settings: SFTSettings, domain: Domain, collate: Collator
) -> list[Encoded]:
    """Rows of which a share has a step that is replaced, and a chain that follows from it; by (seed, step) alone."""
    if not settings.counterfactual:
        return rows
    stage = settings.curriculum.stage(step)
    rng, made = random.Random(f"{settings.seed}-counterfactual-{step}"), []
    for row in rows:
        found = domain.counterfactual(row.problem, rng) if rng.random() < settings.counterfactual else None
        if found is not None and len(found[1].steps) <= max(stage, len(row.steps)):
            with suppress(ValueError):  # a number that the vocabulary does not have
                row = collate.relabel(row, found[1], found[0])
        made.append(row)
    return made


def load(data: StepData, first: int, workers: int) -> Iterator[StepRows]:
    """The steps from `first` to the curriculum's last, made by `workers` processes; by this one where it is 0."""
    loader = DataLoader(
        data,
        batch_size=None,
        sampler=range(first, data.curriculum.total_steps),
        num_workers=workers,
        generator=torch.Generator(),  # of the workers' own seeds, which nobody uses; the global one is left alone
        worker_init_fn=_ignore_signals if workers else None,
    )
    return iter(loader)


def _ignore_signals(_: int) -> None:
    for ending in ENDING:  # the process that trains finishes its step first, and then ends its workers
        signal.signal(ending, signal.SIG_IGN)
