"""What the project brings to stand beside a checkpoint that is looked at: problems, rivals, its start, a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, JOURNEY

__all__ = ["JOURNEY", "bundled_rivals", "bundled_start", "example_problems"]

RIVALS = ("cot", "coconut", "sim-cot")
"""Bundled checkpoints that race against a planner."""


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
    """The bundled checkpoint that a bundled RL checkpoint was trained from."""
    start = CHECKPOINTS / checkpoint.name.replace("-rl", "-sft")
    bundled = checkpoint.resolve().parent == CHECKPOINTS.resolve() and start.name != checkpoint.name
    return start if bundled and start.is_dir() else None
