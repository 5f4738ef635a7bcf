"""Comparison: a grid of methods, regimes and seeds, run cell by cell, one line of evidence each, and its tables."""

from atp_lab.compare.claims import CLAIMS, PLANNING_CLAIMS, Claim, claims_table, verdict
from atp_lab.compare.figures import right_chains_figure
from atp_lab.compare.grid import Cell, Grid, Job, jobs, resolve
from atp_lab.compare.rows import EVIDENCE, PLANNING, read_rows, write_row
from atp_lab.compare.run import run_grid, run_job
from atp_lab.compare.tables import OverSeeds, by_seed, differences, main_table, metric, over_seeds, paired

__all__ = [
    "CLAIMS",
    "EVIDENCE",
    "PLANNING",
    "PLANNING_CLAIMS",
    "Cell",
    "Claim",
    "Grid",
    "Job",
    "OverSeeds",
    "by_seed",
    "claims_table",
    "differences",
    "jobs",
    "main_table",
    "metric",
    "over_seeds",
    "paired",
    "read_rows",
    "resolve",
    "right_chains_figure",
    "run_grid",
    "run_job",
    "verdict",
    "write_row",
]
