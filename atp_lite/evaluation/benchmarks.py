"""Several test sets, batch by batch; cut off anywhere, the same call goes on and ends with the same table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from atp_lite.domains import Problem
from atp_lite.engine.distributed import prepare_model
from atp_lite.evaluation.batches import Batches
from atp_lite.evaluation.engine import Cost, EvalSettings, Evaluation, Scorer, score
from atp_lite.evaluation.journal import Journal, run_key
from atp_lite.evaluation.metrics import Record
from atp_lite.evaluation.report import Report, throughput
from atp_lite.evaluation.sets import ProblemSet
from atp_lite.planner import Planner


def evaluate_benchmarks(
    planner: Planner,
    sets: Sequence[ProblemSet] | Mapping[str, Sequence[Problem]],
    settings: EvalSettings | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    restart: bool = False,
    checkpoint: str = "",
    progress: bool = False,
) -> Report:
    """Reason about every problem of every set, as `evaluate` does, and put the sets into one table.

    Under `accelerate launch` all processes must call this, and all return the whole report. The model is put on the
    device of its process.

    Args:
        sets: of `benchmark_sets` and `read_set`, or name -> problems.
        settings: `relative` 0 takes each set's own tolerance. A `batch_size` that memory had no room for stays halved.
        out: folder that keeps outcomes as they come, and report.md and report.json in the end. The same call goes on
            with what is there. None keeps nothing.
        restart: drop what `out` holds.
        checkpoint: what the planner is called in the report.

    Raises:
        ValueError: no sets, two of one name, an outcome folder of another run, or one problem that does not fit into
            memory alone.
    """
    if isinstance(sets, Mapping):
        sets = [ProblemSet(name, problems) for name, problems in sets.items()]
    names = [s.name for s in sets]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"test sets {names}: give at least one, each with a name of its own")
    settings = (settings or EvalSettings()).fitted(planner)
    accelerator = prepare_model(planner.model, learns=False)
    journal: Journal | None = None
    done: dict[str, list[Record]] = {name: [] for name in names}
    if out is not None:
        precision, sets_now = accelerator.mixed_precision, sets
        key = lambda: run_key(planner, checkpoint, settings, sets_now, precision)  # noqa: E731
        journal, done = _open(accelerator, out, restart, key)
    evaluations, rates, batches = {}, {}, Batches(settings.batch_size)
    for test in sets:
        costs = journal.costs(test.name) if journal else []

        def keep(records: list[Record], spent: list[Cost], name: str = test.name, costs: list[Cost] = costs) -> None:
            if journal:
                journal.write(name, records, spent)
            costs += spent

        own = replace(settings, relative=settings.relative or test.relative)
        scorer = Scorer(planner, test.problems, own, batches, test.name)
        records = score(accelerator, scorer, done[test.name], keep, progress)
        if journal:
            journal.finish(test.name, records)
        evaluations[test.name], rates[test.name] = Evaluation(records, own), throughput(costs)
    report = Report(checkpoint, {s.name: s for s in sets}, evaluations, rates)
    if out is not None and accelerator.is_main_process:
        report.save(out)
    return report


def _open(
    accelerator: Accelerator, out: str | os.PathLike[str], restart: bool, key: Callable[[], dict[str, Any]]
) -> tuple[Journal | None, dict[str, list[Record]]]:
    """The journal, in the main process alone, and for all of them what is done already."""
    journal = None
    said: list[Any] = [None, {}]
    if accelerator.is_main_process:
        try:
            own = key()
            journal = Journal(out, own, restart)
            said = [None, {name: journal.read(name) for name in own["sets"]}]
        except (ValueError, OSError) as error:
            said = [error, {}]  # which the others have to hear of, or they would wait for ever
    refused, done = broadcast_object_list(said)
    if refused is not None:
        raise refused
    return journal, done
