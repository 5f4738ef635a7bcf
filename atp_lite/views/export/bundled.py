"""Any explorer as a page, with what the project brings to stand beside the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.bundled_examples import JOURNEY, bundled_rivals, bundled_start
from atp_lite.views.export.pages import (
    export_coherence,
    export_debugger,
    export_microscope,
    export_race,
    export_space,
    export_trajectories,
)
from atp_lite.views.microscope import journey, read_journey


def export_bundled(
    out: Path,
    explorer: str,
    checkpoint: Path,
    problems: Sequence[Problem],
    shown: int = 4,
    beside: Path | None = None,
    run: Path | None = None,
) -> Path:
    """Write the page of one explorer of a checkpoint.

    Args:
        explorer: debugger, coherence, trajectories, space, microscope or race.
        problems: the axes are fitted on all; the first `shown` can be looked at.
        beside, run: as in `explore`.

    Raises:
        ValueError: there is no such explorer, or the checkpoint has nothing to show in it.
    """
    first, name = problems[:shown], checkpoint.name
    if explorer == "microscope":
        found = read_journey(JOURNEY) if run is None else journey(run, first, problems)
        return export_microscope(out, found)
    planner = Planner.from_pretrained(checkpoint)
    if explorer == "debugger":
        return export_debugger(out, planner, problems, shown)
    if explorer == "coherence":
        return export_coherence(out, planner, first)
    if explorer == "trajectories":
        start = beside or bundled_start(checkpoint)
        others = {start.name: Planner.from_pretrained(start)} if start else {}
        return export_trajectories(out, others | {name: planner}, problems)
    rivals = bundled_rivals(checkpoint, planner)
    if explorer == "space":
        rivals = {other: folder for other, folder in rivals.items() if other == "sim-cot"}
    planners = {other: Planner.from_pretrained(folder) for other, folder in rivals.items()} | {name: planner}
    if explorer == "space":
        return export_space(out, planners, problems)
    if explorer == "race":
        return export_race(out, planners, first)
    raise ValueError(f"explorer {explorer!r}: choose debugger, coherence, trajectories, space, microscope or race")
