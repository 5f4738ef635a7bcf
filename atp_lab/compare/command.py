"""`atp-lite compare`: a grid from a file, run and printed."""

from __future__ import annotations

from dataclasses import dataclass

from atp_lab.compare.grid import Grid, jobs
from atp_lab.compare.rows import read_rows
from atp_lab.compare.run import run_grid
from atp_lab.compare.tables import main_table


@dataclass(frozen=True)
class Compare(Grid):
    """Run a grid of methods, regimes and seeds; a line of evidence a run, a table at the end. Without --config it runs
    configs/compare-smoke.yaml, whose figures mean nothing."""

    default_config = "configs/compare-smoke.yaml"

    workers: int = 2
    """Processes of one thread each that share the work."""
    only: tuple[str, ...] = ()
    """Run only these cells; none runs all."""
    table: bool = False
    """Run nothing: print the tables of the lines there are."""

    def run(self) -> int:
        if not self.table:
            run_grid(self, self.workers, only=self.only)
        rows = read_rows(self.rows)
        for regime in dict.fromkeys(job.regime for job in jobs(self)):
            print(f"\n{regime}\n\n{main_table(rows, regime, list(self.cells))}")
        print(f"\nMeans over training seeds ± 95 % t-intervals; one line a run in {self.rows}.")
        return 0
