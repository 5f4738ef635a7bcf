"""`atp-lite compare`: a grid from a file, run and printed."""

from __future__ import annotations

from dataclasses import dataclass

from atp_lab.compare.grid import Grid, jobs
from atp_lab.compare.rows import read_rows
from atp_lab.compare.run import run_alone, run_grid
from atp_lab.compare.tables import main_table


@dataclass(frozen=True)
class Compare(Grid):
    """Run a grid of methods, regimes and seeds; a line of evidence a run, a table at the end. Without --config it runs
    configs/compare-smoke.yaml, whose figures mean nothing."""

    default_config = "configs/compare-smoke.yaml"

    workers: int = 1
    """Jobs at a time, in a process of one thread each; several need Snakemake (`pip install 'atp-lite[grid]'`)."""
    only: tuple[str, ...] = ()
    """Run only these cells; none runs all."""
    job: tuple[str, ...] = ()
    """Run one job alone, named by cell, regime and seed, and leave its line in its folder: what Snakemake calls."""
    table: bool = False
    """Run nothing: print the tables of the lines there are."""

    def run(self) -> int:
        if self.job:
            job = next((job for job in jobs(self) if tuple(map(str, job)) == self.job), None)
            if job is None:
                raise ValueError(f"job is {' '.join(self.job)}: name a cell, a regime and a seed of the grid")
            run_alone(self, job)
            return 0
        if not self.table:
            run_grid(self, self.workers, only=self.only)
        rows = read_rows(self.rows)
        for regime in dict.fromkeys(job.regime for job in jobs(self)):
            print(f"\n{regime}\n\n{main_table(rows, regime, list(self.cells))}")
        print(f"\nMeans over training seeds ± 95 % t-intervals; one line a run in {self.rows}.")
        return 0
