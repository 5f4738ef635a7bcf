"""Running a grid: take jobs whose start is ready, train, measure, and write one line each.

Any number of processes may work on one grid at once: a job is held by a file lock, which the system frees when its
process ends, however it ends. A run that was cut off is resumed by whoever comes next. Several machines are
Snakemake's business, which also starts again what was killed.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from atp_lab.compare.grid import Grid, Job, jobs, resolve
from atp_lab.compare.measure import measure
from atp_lab.compare.rows import code_version, read_rows, write_row
from atp_lite.cli.command_line import printed
from atp_lite.domains import DOMAINS, Problem, data_hash
from atp_lite.engine.folder import check_run, held, recover_folder, write_atomically
from atp_lite.planner import Planner
from atp_lite.recipes import REGIMES, fresh_planner, regime_data, train


@lru_cache(maxsize=2)
def grid_data(regime: str, limit: int | None) -> dict[str, list[Problem]]:
    """The four splits of a regime, and `longer`: test questions that need one step more than any training question."""
    data, domain = regime_data(regime, limit), DOMAINS.of(REGIMES[regime])
    longer = domain.one_step_longer(REGIMES[regime])
    (length,) = domain.default_counts("test", longer)
    data["longer"] = domain.generate(longer, "test", {length: 1000 if limit is None else limit})
    shared = {p.question for p in data["train"]} & {p.question for split in ("test", "longer") for p in data[split]}
    if shared:
        raise ValueError(f"{len(shared)} test questions are in the training data, such as {min(shared)}")
    return data


def folder_of(grid: Grid, job: Job) -> Path:
    return grid.runs / f"{job.regime}-{job.seed}" / job.cell


def find_start(grid: Grid, job: Job) -> Path | None:
    """Weights of a finished run: its own, or those kept in `grid.starts`; None where it must be trained first."""
    places = [recover_folder(folder_of(grid, job) / "last")]
    if grid.starts is not None:
        places.append(grid.starts / f"{job.regime}-{job.seed}" / job.cell)
    return next((place for place in places if (place / "config.json").is_file()), None)


def run_job(grid: Grid, job: Job) -> dict:
    """Train one run (or go on with it), measure it, and return its line.

    Raises FileNotFoundError where the cell it starts from has not been trained, ValueError where a folder holds a run
    of other settings, data or first weights.
    """
    data = grid_data(job.regime, grid.limit)
    settings = resolve(grid, job)
    start_cell = grid.start(job.cell)
    if start_cell is None:
        planner = fresh_planner(job.regime, job.seed)
    else:
        start = find_start(grid, job._replace(cell=start_cell))
        if start is None:
            raise FileNotFoundError(f"{job.cell} starts from {start_cell}, {job.regime}, seed {job.seed}: run it first")
        check_run(start.parent, asdict(resolve(grid, job._replace(cell=start_cell))), {})
        planner = Planner.from_pretrained(start)
    folder = folder_of(grid, job)
    planner = Planner.from_pretrained(train(planner, settings, data, folder))
    progress = json.loads((folder / "state" / "progress.json").read_text())
    wrong = DOMAINS.of(REGIMES[job.regime]).wrong_labels(data["train"])
    return {
        "regime": job.regime,
        "seed": job.seed,
        "arm": job.cell,
        "start": start_cell,
        "cpu_seconds": round(progress["cpu_seconds"], 1),
        "seconds": round(progress["seconds"], 1),
        "train_tokens": progress.get("tokens"),
        "parameters": sum(p.numel() for p in planner.model.parameters()),
        "version": code_version(),
        "train_hash": data_hash(data["train"]),
        "test_hash": data_hash(data["test"]),
        "wrong_labels": round(wrong / len(data["train"]), 4),
        "settings": asdict(settings),
    } | measure(planner, data["test"], data["longer"], grid.samples)


# -------------------------------------------------------------------- workers


def pending(grid: Grid, only: Sequence[str] = ()) -> list[Job]:
    """Jobs without a line, in order; of the cells `only`, where some are named."""
    done = {(row["arm"], row["regime"], row["seed"]) for row in read_rows(grid.rows)}
    return [job for job in jobs(grid) if tuple(job) not in done and (not only or job.cell in only)]


def wanted(grid: Grid, only: Sequence[str] = ()) -> list[Job]:
    """The pending jobs, and behind them what they start from where its weights are gone: that is trained anew."""
    todo = pending(grid, only)
    for job in todo:  # grows while it is read
        start = grid.start(job.cell)
        parent = None if start is None else job._replace(cell=start)
        if parent is not None and parent not in todo and find_start(grid, parent) is None:
            todo.append(parent)
    return todo


def next_job(grid: Grid, run: Callable[[Job], None], only: Sequence[str] = ()) -> bool | None:
    """Run the first job that is ready and free. False: some are wanted but none can be taken now. None: all done."""
    waiting = wanted(grid, only)
    if not waiting:
        return None
    for job in waiting:
        start = grid.start(job.cell)
        if start is not None and find_start(grid, job._replace(cell=start)) is None:
            continue
        folder = folder_of(grid, job)
        with held(folder.parent / f"{job.cell}.lock") as free:
            if free and job in wanted(grid, only):  # another may have finished it since
                run(job)
                return True
    return False


def work(grid: Grid, only: Sequence[str] = (), progress: bool = False) -> None:
    """Take jobs until none is left."""
    torch.set_num_threads(1)

    with tqdm(total=len(pending(grid, only)), desc="compare", disable=not progress) as bar:

        def run(job: Job) -> None:
            row = run_job(grid, job)
            if job in pending(grid):  # a start that was trained anew has its line already
                write_row(grid.rows, row)
                bar.update()

        while (found := next_job(grid, run, only)) is not None:
            if not found:
                time.sleep(1 + random.random())


def run_grid(grid: Grid, workers: int = 1, progress: bool = True, only: Sequence[str] = ()) -> None:
    """Run every job that has no line yet (of the cells `only`): one after the other here, or `workers` at a time by
    Snakemake, which sends them to several machines if its profile says so.

    Where the weights that a job starts from are in neither `grid.runs` nor `grid.starts`, they are trained anew first;
    a line that stands is not written twice.

    Raises:
        ValueError: a cell named in `only` is not in the grid, or Snakemake is missing.
        RuntimeError: a job failed again and again; what had not finished is taken up by the next call.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}: at least one process has to work")
    unknown = sorted(set(only) - set(grid.cells))
    if unknown:
        raise ValueError(f"no cell {unknown[0]!r} in the grid; there are {', '.join(grid.cells)}")
    if workers == 1:
        work(grid, only, progress)
    elif pending(grid, only):
        run_by_snakemake(grid, workers, only)


# ------------------------------------------------------------------ Snakemake


def row_file(grid: Grid, job: Job) -> Path:
    """Where a job that Snakemake runs leaves its line."""
    return folder_of(grid, job).resolve() / "row.json"


def run_alone(grid: Grid, job: Job) -> None:
    """One job, whose line goes into its own folder."""
    torch.set_num_threads(1)
    write_atomically(row_file(grid, job), json.dumps(run_job(grid, job)))


def plan_of(grid: Grid, only: Sequence[str], settings: Path) -> list[dict[str, Any]]:
    """The wanted jobs as Snakemake needs them: the file that each makes, those it waits for, and its command."""
    todo = wanted(grid, only)
    plan = []
    for job in todo:
        row_file(grid, job).unlink(missing_ok=True)  # of a line that is gone
        start = grid.start(job.cell)
        parent = None if start is None else job._replace(cell=start)
        command = [sys.executable, "-m", "atp_lite.cli", "compare", "--config", str(settings)]
        command += ["--job", job.cell, job.regime, str(job.seed)]
        needs = [str(row_file(grid, parent))] if parent in todo and parent is not None else []
        plan.append({"row": str(row_file(grid, job)), "needs": needs, "command": shlex.join(command)})
    return plan


def collect(grid: Grid) -> None:
    """Append the lines that lie in the folders of jobs and stand in `grid.rows` not yet."""
    for job in pending(grid):
        if row_file(grid, job).is_file():
            write_row(grid.rows, json.loads(row_file(grid, job).read_text()))


def run_by_snakemake(grid: Grid, workers: int, only: Sequence[str]) -> None:
    """The wanted jobs, so many at a time; one that was killed is started again, twice at most, and goes on."""
    if find_spec("snakemake") is None:
        raise ValueError("several workers need Snakemake: pip install 'atp-lite[grid]', or take --workers 1")
    collect(grid)  # of a call that was cut off
    runs = grid.runs.resolve()
    runs.mkdir(parents=True, exist_ok=True)
    whole = Grid(**{f.name: getattr(grid, f.name) for f in fields(Grid)})
    places = {name: path.resolve() for name in ("rows", "runs", "starts") if (path := getattr(grid, name)) is not None}
    (runs / "grid.yaml").write_text(printed(replace(whole, **places), "compare"))
    (runs / "plan.json").write_text(json.dumps({"jobs": plan_of(grid, only, runs / "grid.yaml")}))
    snakefile = Path(__file__).with_name("Snakefile")
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(snakefile),
        "--configfile",
        str(runs / "plan.json"),
    ]
    command += ["--directory", str(runs), "--jobs", str(workers), "--keep-going", "--rerun-incomplete"]
    try:
        failed = subprocess.run(command, env=os.environ | {"TQDM_DISABLE": "1"}).returncode
    finally:
        collect(grid)
    if failed:
        raise RuntimeError(f"{len(pending(grid, only))} jobs are not done (see above); run again to go on")
