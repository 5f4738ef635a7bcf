"""The grid: which recipe, changed how, in which regimes, with which seeds. Plain settings; nothing is trained here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from atp_lite.cli.settings import build
from atp_lite.recipes import PARENTS, REGIMES, SETTINGS, settings_of
from atp_lite.rl import RLSettings
from atp_lite.sft import SFTSettings


@dataclass(frozen=True)
class Cell:
    """One line of the table."""

    recipe: str = ""
    """A recipe of `atp_lite.recipes.SETTINGS`; none takes the cell's own name."""
    after: str | None = None
    """The cell whose last weights it starts from; none takes the recipe's usual start."""
    change: dict[str, Any] = field(default_factory=dict)
    """Settings of the recipe that are different here, by name."""
    budget: float = 1.0
    """Optimizer steps (or iterations), as a multiple of the recipe's."""
    seeds: tuple[int, ...] = ()
    """Training seeds; none takes the grid's."""
    regimes: tuple[str, ...] = ()
    """Regimes of `atp_lite.recipes.REGIMES`; none takes the grid's."""


@dataclass(frozen=True)
class Grid:
    """A comparison: every cell in every regime with every seed, one line of evidence each."""

    rows: Path = Path("data/evidence/toy.jsonl")
    """File of the lines; what stands in it is not run again."""
    runs: Path = Path("runs/compare")
    """Folder of the training runs."""
    starts: Path | None = None
    """Folder of weights (`regime-seed/cell`) to take instead of training a start anew."""
    regimes: tuple[str, ...] = ("clean", "noisy")
    seeds: tuple[int, ...] = (0, 1, 2)
    cells: dict[str, Cell] = field(default_factory=dict)
    """In the order in which they are run."""
    budget: float = 1.0
    """Multiplies the budget of every cell: a small one tries the whole grid in a minute."""
    limit: int | None = None
    """At most this many problems a split; none takes all."""
    samples: int = 16
    """Sampled trajectories per test problem, for pass@k."""
    batch_size: int | None = None
    """Problems per SFT step and per rehearsal, and half as many questions per RL iteration, in every cell; none keeps
    the recipes'."""

    def __post_init__(self) -> None:
        for name, cell in self.cells.items():
            if (recipe := cell.recipe or name) not in SETTINGS:
                raise ValueError(f"cell {name}: no recipe {recipe!r}; choose from {', '.join(SETTINGS)}")
            start = self.start(name)
            if start is not None and start not in self.cells:
                raise ValueError(f"cell {name} starts from {start!r}, which is no cell: add it, or name one in `after`")
            unknown = sorted(set(cell.regimes or self.regimes) - set(REGIMES))
            if unknown:
                raise ValueError(f"cell {name}: no regime {unknown[0]!r}; choose from {', '.join(REGIMES)}")
            for regime in cell.regimes or self.regimes:
                resolve(self, Job(name, regime, 0))
        self._check_no_circle()

    def start(self, name: str) -> str | None:
        """The cell that `name` starts from; None for random weights."""
        cell = self.cells[name]
        return cell.after if cell.after is not None else PARENTS[cell.recipe or name]

    def _check_no_circle(self) -> None:
        for name in self.cells:
            seen = [name]
            while (start := self.start(seen[-1])) is not None:
                if start in seen:
                    raise ValueError(f"cell {name} starts from itself: {' after '.join([*seen, start])}")
                seen.append(start)


class Job(NamedTuple):
    """One training run of the grid."""

    cell: str
    regime: str
    seed: int


def jobs(grid: Grid) -> Iterator[Job]:
    """Every run, cells outermost, so that the first cells get their seeds first; a cell's extra seeds come last."""
    for extra in (False, True):
        for name, cell in grid.cells.items():
            for seed in cell.seeds or grid.seeds:
                if (seed in grid.seeds) != extra:
                    for regime in cell.regimes or grid.regimes:
                        yield Job(name, regime, seed)


def resolve(grid: Grid, job: Job) -> SFTSettings | RLSettings:
    """The settings of one run: the recipe in its regime, changed, scaled to its budget, with its seed.

    Raises ValueError that names the cell where a change does not fit.
    """
    name, cell = job.cell, grid.cells[job.cell]
    recipe = settings_of(cell.recipe or name, job.regime)
    settings = build(type(recipe), cell.change, f"cell {name}", base=recipe)
    share = cell.budget * grid.budget
    if share <= 0:
        raise ValueError(f"cell {name}: the budget is {share}; it must be positive")
    if isinstance(settings, SFTSettings):
        steps = tuple(max(1, round(share * n)) for n in settings.stage_steps)
        settings = replace(settings, stage_steps=steps, batch_size=grid.batch_size or settings.batch_size)
    else:
        settings = replace(settings, iterations=max(1, round(share * settings.iterations)))
        if grid.batch_size is not None:
            settings = replace(settings, questions=max(2, grid.batch_size // 2), rehearsal_batch=grid.batch_size)
    return replace(settings, seed=job.seed)
