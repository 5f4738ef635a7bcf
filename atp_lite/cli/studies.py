"""Whole studies: `tour`, `checkpoints`, `compare`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from atp_lite.cli.config import read_config
from atp_lite.recipes import CHECKPOINTS, JOURNEY


@dataclass(frozen=True)
class Tour:
    """From nothing to a trained planner: data, chain of thought, latents, RL, evaluation and a report to open."""

    out: Path = Path("runs/tour")
    """Folder of the tour; report.html in it is the page to open."""
    seed: int = 0
    """Seed of everything."""

    def run(self) -> int:
        from atp_lite.tour import tour

        tour(self.out, self.seed)
        return 0


@dataclass(frozen=True)
class Checkpoints:
    """Train the bundled checkpoints and the run of the RL microscope anew (about an hour and a half on one thread)."""

    out: Path = CHECKPOINTS
    """Folder to write checkpoints to, each with its card."""
    runs: Path = Path("runs/evidence")
    """Folder of the training runs; what is finished there is not trained again."""
    only: tuple[str, ...] = ()
    """Only these, by name; `journey` is the run of the microscope. None makes all."""

    def run(self) -> int:
        from atp_lab.bundle import make_checkpoints, make_journey

        checkpoints = [name for name in self.only if name != "journey"]
        if checkpoints or not self.only:
            make_checkpoints(self.out, self.runs, only=checkpoints)
        if "journey" in self.only or not self.only:
            make_journey(JOURNEY if self.out == CHECKPOINTS else self.out / JOURNEY.name, self.runs)
        return 0


@dataclass(frozen=True)
class Compare:
    """Run a grid of methods, regimes and seeds from one YAML file; a line of evidence a run, a table at the end."""

    config: Annotated[Path, tyro.conf.arg(help="the grid; see configs/compare-toy.yaml")] = Path(
        "configs/compare-smoke.yaml"
    )
    workers: int = 2
    """Processes of one thread each that share the work."""
    only: tuple[str, ...] = ()
    """Run only these cells; none runs all."""
    table: bool = False
    """Run nothing: print the tables of the lines there are."""

    def run(self) -> int:
        from atp_lab.compare import Grid, main_table, read_rows, run_grid

        grid = read_config(self.config, Grid())
        if not self.table:
            run_grid(grid, self.workers, only=self.only)
        rows = read_rows(grid.rows)
        for regime in grid.regimes:
            print(f"\n{regime} labels\n\n{main_table(rows, regime, list(grid.cells))}")
        print(f"\nMeans over training seeds ± 95 % t-intervals; one line a run in {grid.rows}.")
        return 0
