"""Bundled examples for exploring a checkpoint: problems, rivals, the checkpoint it was trained from, an RL run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, JOURNEY
from atp_lite.views.microscope import journey, read_journey

RIVALS = ("cot", "coconut", "sim-cot")
"""Bundled checkpoints that planners are compared with."""


def example_problems(planner: Planner, counts: Mapping[int, int] | None = None) -> list[Problem]:
    """A worked example of the planner's domain, then test problems if it makes any.

    counts: number of steps -> how many; None takes the whole test set.
    Raises ValueError where the domain has nothing to show.
    """
    found = planner.domain.examples(counts)
    if not found:
        name = planner.domain.name or "none"
        raise ValueError(f"this planner's domain ({name}) has no problems to show: give it an `example`, or `generate`")
    return found


def bundled_rivals(checkpoint: Path, planner: Planner) -> dict[str, Path]:
    """Folders of the bundled rivals of the planner's domain by name, without the checkpoint itself."""
    folders = {name: CHECKPOINTS / name for name in RIVALS}
    return {
        name: folder
        for name, folder in folders.items()
        if json.loads((folder / "config.json").read_text()).get("domain") == planner.domain.name
        and folder.resolve() != checkpoint.resolve()
    }


def bundled_start(checkpoint: Path) -> Path | None:
    """The planner after imitation alone that a bundled checkpoint goes back to."""
    start = CHECKPOINTS / re.sub(r"-(rl|plan|step)\b", "-sft", checkpoint.name)
    bundled = checkpoint.resolve().parent == CHECKPOINTS.resolve() and start.name != checkpoint.name
    return start if bundled and start.is_dir() else None


def load_compared(
    explorer: str,
    planner: Planner,
    name: str,
    rivals: Mapping[str, Path],
    start: Path | None,
    verify: bool = True,
) -> dict[str, Planner]:
    """The planners that an explorer compares, by name: `planner`, and its start (trajectories) or rivals (others).

    The space explorer takes one rival only, SIM-CoT: points beside distributions.
    """
    if explorer == "trajectories":
        rivals = {start.name: start} if start else {}
    elif explorer == "space":
        rivals = {rival: folder for rival, folder in rivals.items() if rival == "sim-cot"}
    loaded = {rival: Planner.from_pretrained(folder, verify=verify) for rival, folder in rivals.items()}
    return {name: planner} | loaded if explorer == "space" else loaded | {name: planner}


def load_journey(
    run: str | os.PathLike[str] | None, problems: Sequence[Problem], axes_from: Sequence[Problem], verify: bool = True
) -> dict:
    """`journey` of an RL run; without one, that of the bundled run."""
    return read_journey(JOURNEY) if run is None else journey(run, problems, axes_from, verify)
