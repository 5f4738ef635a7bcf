"""The folder of a training run: written so that a crash leaves the old content or the new, and resumed only as started.

A folder is written beside its name and renamed into place.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def recover_folder(folder: str | os.PathLike[str]) -> Path:
    """Put the old folder back where a crash fell between the two renames of `replace_folder`; return its path."""
    folder = Path(folder)
    old = folder.with_name(f".{folder.name}.old")
    if old.exists() and not folder.exists():
        old.rename(folder)
    return folder


def replace_folder(folder: str | os.PathLike[str], fill: Callable[[Path], None]) -> None:
    """Let `fill` write a fresh folder, then put it in the place of `folder`."""
    folder = recover_folder(folder)
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    fill(fresh)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


HARDWARE_SETTINGS = ("accumulate", "checkpoint_mlps", "eval_batch", "rollout_batch", "trackers", "workers")
"""Settings that fit a run to its hardware and do not change what it learns: a resumed run may have others."""


def check_settings(folder: str | os.PathLike[str], settings: dict[str, Any], resume: bool) -> None:
    """Write `settings.json` of a run; when it is resumed, check first that the settings are still the same.

    `HARDWARE_SETTINGS` may differ, as they must after memory ran out. Sums are then added up in another order, and
    micro-batches draw other noise of the same kind, so the run is no longer the same bit for bit.

    Raises:
        ValueError: a resumed run was started with another value; the message names the setting and both values.
    """
    path = Path(folder) / "settings.json"
    settings = json.loads(json.dumps(settings))
    if resume and path.is_file():
        before = json.loads(path.read_text())
        fixed = [name for name in settings if name in before and name not in HARDWARE_SETTINGS]
        changed = [name for name in fixed if before[name] != settings[name]]
        if changed:
            name = changed[0]
            raise ValueError(
                f"{folder} was started with {name} = {before[name]}, not {settings[name]}: resume with the settings it "
                "was started with, or start anew in another folder"
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=1))
