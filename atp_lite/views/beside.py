"""What the project brings to stand beside a checkpoint that is looked at: rivals, its start, a run."""

from __future__ import annotations

from pathlib import Path

from atp_lite.recipes import CHECKPOINTS, JOURNEY

__all__ = ["JOURNEY", "bundled_rivals", "bundled_start"]

RIVALS = ("cot", "coconut", "sim-cot")
"""Bundled checkpoints that race against a planner."""


def bundled_rivals(checkpoint: Path) -> dict[str, Path]:
    """Folders of the bundled rivals by name, without the checkpoint itself."""
    folders = {name: CHECKPOINTS / name for name in RIVALS}
    return {name: folder for name, folder in folders.items() if folder.resolve() != checkpoint.resolve()}


def bundled_start(checkpoint: Path) -> Path | None:
    """The bundled checkpoint that a bundled RL checkpoint was trained from."""
    start = CHECKPOINTS / checkpoint.name.replace("-rl", "-sft")
    bundled = checkpoint.resolve().parent == CHECKPOINTS.resolve() and start.name != checkpoint.name
    return start if bundled and start.is_dir() else None
