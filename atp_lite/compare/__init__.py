"""Comparison: a grid of methods, regimes and seeds, run cell by cell, one line of evidence each, and its tables."""

from atp_lite.compare.grid import Cell, Grid, Job, jobs, resolve
from atp_lite.compare.rows import read_rows, write_row
from atp_lite.compare.run import run_grid, run_job
from atp_lite.compare.tables import OverSeeds, main_table, paired

__all__ = [
    "Cell",
    "Grid",
    "Job",
    "OverSeeds",
    "jobs",
    "main_table",
    "paired",
    "read_rows",
    "resolve",
    "run_grid",
    "run_job",
    "write_row",
]
