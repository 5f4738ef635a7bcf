"""Evaluate several test sets, batch by batch; cut off anywhere, the same call goes on and ends with the same table.

Two things make that so. Every batch is on the disk before the next one begins. And sampled trajectories take their
noise from (seed, test set, problem, sample), not from a stream that runs through the whole evaluation: batch size,
number of processes and interruptions change no draw.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from tqdm.auto import tqdm

from atp_lite.domains import Problem
from atp_lite.engine.distributed import prepare_model
from atp_lite.engine.sharding import summon_full_params
from atp_lite.evaluation.evaluate import EvalSettings, Evaluation, by_length, fitted, judge, scored
from atp_lite.evaluation.journal import Journal, Record, identity
from atp_lite.evaluation.report import Report, throughput
from atp_lite.evaluation.sets import ProblemSet
from atp_lite.model import RowNoise, Trace
from atp_lite.planner import Planner

Job = tuple[int, int]
"""A trajectory to be made: position of the problem, number of the sample (0 for the greedy one)."""


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
        settings: `relative` 0 takes each set's own tolerance. `batch_size` counts trajectories. It is halved whenever
            memory runs out, and stays so.
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
    settings = fitted(EvalSettings() if settings is None else settings, planner)
    accelerator = prepare_model(planner.model, learns=False)
    journal, done = None, {name: [] for name in names}
    if out is not None:
        precision = accelerator.mixed_precision
        run = lambda: identity(planner, checkpoint, settings, sets, precision)  # noqa: E731
        journal, done = _open(accelerator, out, restart, run)
    was_training = planner.model.training
    planner.model.eval()
    evaluations, rates, batch_size = {}, {}, settings.batch_size
    try:
        for test in sets:
            own = replace(settings, relative=settings.relative or test.relative)
            scorer = Scorer(planner, test, own, batch_size)
            with summon_full_params(planner.model), accelerator.autocast():
                records, costs = _score_all(accelerator, scorer, journal, done[test.name], progress)
            batch_size = scorer.batch_size
            evaluations[test.name] = _evaluation(records, own)
            rates[test.name] = throughput(costs)
    finally:
        planner.model.train(was_training)
    report = Report(checkpoint, {s.name: s for s in sets}, evaluations, rates)
    if out is not None and accelerator.is_main_process:
        report.save(out)
    return report


def _open(
    accelerator: Accelerator, out: str | os.PathLike[str], restart: bool, run: Callable[[], dict[str, Any]]
) -> tuple[Journal | None, dict[str, list[Record]]]:
    """The journal, in the main process alone, and for all of them what is done already."""
    journal, said = None, [None, {}]
    if accelerator.is_main_process:
        try:
            own = run()
            journal = Journal(out, own, restart)
            said = [None, {name: journal.read(name) for name in own["sets"]}]
        except (ValueError, OSError) as error:
            said = [error, {}]  # which the others have to hear of, or they would wait for ever
    error, done = broadcast_object_list(said)
    if error is not None:
        raise error
    return journal, done


def _score_all(
    accelerator: Accelerator, scorer: Scorer, journal: Journal | None, done: Sequence[Record], progress: bool
) -> tuple[list[Record], list[dict[str, Any]]]:
    """What is done and what is left of a test set, in order, and what all batches cost."""
    problems, name, main = scorer.problems, scorer.test.name, accelerator.is_main_process
    rank, world = accelerator.process_index, accelerator.num_processes
    records = {record.position: record for record in done}
    todo = sorted((i for i in range(len(problems)) if i not in records), key=lambda i: by_length(problems[i]))
    costs = journal.costs(name) if journal else []
    with tqdm(total=len(problems), initial=len(records), desc=name, disable=not (main and progress)) as bar:
        while todo:
            batch, todo = todo[: scorer.batch_size * world], todo[scorer.batch_size * world :]
            made, spent = scorer.score(batch[rank::world])
            parts = gather_object([(made, spent, scorer.batch_size)])  # one of every process
            fresh = sorted((r for part, _, _ in parts for r in part), key=lambda r: r.position)
            spent = _together([part for _, part, _ in parts])
            scorer.batch_size = min(size for _, _, size in parts)
            if journal:
                journal.write(name, fresh, spent)
            records |= {record.position: record for record in fresh}
            costs += spent
            bar.update(len(fresh))
    ordered = [records[i] for i in range(len(problems))]
    if journal:
        journal.finish(name, ordered)
    return ordered, costs


def _together(parts: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What the processes' parts of a batch cost together: work adds up, and the slowest says when it is done."""
    whole: dict[str, dict[str, Any]] = {}
    for cost in (cost for part in parts for cost in part):
        before = whole.setdefault(cost["pass"], {"pass": cost["pass"], "trajectories": 0, "tokens": 0, "seconds": 0.0})
        before["trajectories"] += cost["trajectories"]
        before["tokens"] += cost["tokens"]
        before["seconds"] = max(before["seconds"], cost["seconds"])
    return list(whole.values())


def _evaluation(records: Sequence[Record], settings: EvalSettings) -> Evaluation:
    found = [record.outcome for record in records if record.outcome]
    latents = sum(outcome.n_latents for outcome in found)
    sigma = sum(r.sigma * r.outcome.n_latents for r in records if r.outcome) / max(latents, 1)
    sampled = [(record.samples, record.sampled_right) for record in records] if settings.samples else []
    distinct = [r.distinct_chains for r in records if r.distinct_chains is not None]
    return Evaluation(found, settings, sampled, sigma, distinct)


class Scorer:
    """Makes records of problems, in parts that fit into memory.

    Args:
        batch_size: trajectories at once; the attribute says what has proved to fit.
    """

    def __init__(self, planner: Planner, test: ProblemSet, settings: EvalSettings, batch_size: int) -> None:
        self.planner, self.test, self.settings, self.batch_size = planner, test, settings, batch_size
        self.problems = test.problems
        self.right = judge(settings, planner.domain)

    def score(self, positions: Sequence[int]) -> tuple[list[Record], list[dict[str, Any]]]:
        """The records of the problems at these positions, and what each pass over them cost."""
        s, greedy, costs = self.settings, {}, []
        if s.greedy:
            rows, cost = self._pass("greedy", [(i, 0) for i in positions], self._greedy)
            greedy, costs = dict(zip(positions, rows, strict=True)), [cost]
        right, chains = dict.fromkeys(positions, 0), {i: set() for i in positions}
        if s.samples:
            jobs = [(i, sample) for i in positions for sample in range(s.samples)]
            rows, cost = self._pass("sampled", jobs, self._sampled)
            costs.append(cost)
            for (i, _), (is_right, chain) in zip(jobs, rows, strict=True):
                right[i] += is_right
                chains[i].add(chain)
        records = []
        for i in positions:
            problem, (outcome, sigma) = self.problems[i], greedy.get(i, (None, 0.0))
            distinct = len(chains[i] - {()}) if s.diversity and s.decode and s.samples else None
            record = Record(
                i, problem.id, problem.question, problem.answer, outcome, sigma, s.samples, right[i], distinct
            )
            records.append(record)
        return records, costs

    def _pass(self, name: str, jobs: list[Job], make: Callable[[list[Job]], tuple[list, int]]) -> tuple[list, dict]:
        """What `make` says of every job, in parts of `batch_size`, halved for good when memory runs out.

        make: jobs -> a row each, and how many tokens they took.
        """
        started, rows, tokens, left = time.perf_counter(), [], 0, jobs
        each = 1 if name == "greedy" else self.settings.samples
        while left:
            part = block(left, self.batch_size, each)
            failed = None
            try:
                made, written = make(part)
            except (RuntimeError, MemoryError) as error:
                if not isinstance(error, MemoryError) and not should_reduce_batch_size(error):
                    raise
                failed = (str(error).splitlines() or [type(error).__name__])[0][:200]
            if failed is None:  # outside of `except`, where the error would hold on to what filled the memory
                rows += made
                tokens += written
                left = left[len(part) :]
                continue
            if len(part) == 1:
                raise ValueError(
                    f"{self.test.name}: problem {part[0][0]} alone does not fit into memory ({failed}): take a smaller "
                    "or bfloat16 model, a larger machine, or fewer --settings.max-latents"
                )
            self.batch_size = len(part) // 2
            clear_device_cache(garbage_collection=True)
        seconds = time.perf_counter() - started
        return rows, {"pass": name, "trajectories": len(jobs), "tokens": tokens, "seconds": seconds}

    def _greedy(self, jobs: list[Job]) -> tuple[list, int]:
        chunk = [self.problems[i] for i, _ in jobs]
        trace = self.planner.reason(chunk, max_latents=self.settings.max_latents, decode=self.settings.decode)
        spread = (trace.sigma.mean(-1) * trace.latent_mask).sum(1) / trace.n_latents.clamp(min=1)  # (B,)
        sigmas = [round(value, 6) for value in spread.tolist()]
        return list(zip(scored(self.planner, trace, self.settings), sigmas, strict=True)), _tokens(trace)

    def _sampled(self, jobs: list[Job]) -> tuple[list, int]:
        positions = list(dict.fromkeys(i for i, _ in jobs))
        s, where = self.settings, f"{self.settings.seed}/{self.test.name}"
        trace = self.planner.reason(
            [self.problems[i] for i in positions],
            group_size=len(jobs) // len(positions),
            sample=True,
            sigma=s.sigma,
            temperature=s.temperature,
            max_latents=s.max_latents,
            decode=s.diversity and s.decode,
            generator=RowNoise([random.Random(f"{where}/{i}/{sample}").getrandbits(63) for i, sample in jobs]),
        )
        right = [self.right(answer, p.answer) for answer, p in zip(trace.answers, trace.problems, strict=True)]
        return list(zip(right, map(tuple, trace.steps), strict=True)), _tokens(trace)


def _tokens(trace: Trace) -> int:
    return int(trace.n_latents.sum() + trace.n_answer_tokens.sum())


def block(jobs: Sequence[Job], size: int, each: int) -> list[Job]:
    """The first jobs that make a block of equally many trajectories a problem, at most `size`.

    Whole problems, of `each` trajectories, where one fits in; otherwise as much of the first problem as does.

    >>> block([(4, 0), (4, 1), (7, 0), (7, 1)], 3, each=2)
    [(4, 0), (4, 1)]
    """
    own = next((n for n, (i, _) in enumerate(jobs) if i != jobs[0][0]), len(jobs))  # what the first problem has left
    return list(jobs[: size // each * each if own == each <= size else min(own, size)])
