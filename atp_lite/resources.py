"""Files of the project: `data/` and `configs/` of a checkout, or the same folders inside an installed wheel."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "bundled"

ROOT = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent
"""The folder that holds `data` and `configs`."""

IS_CHECKOUT = ROOT != _IN_WHEEL
"""Whether the package runs from the repository."""


def bundled(path: str | os.PathLike[str]) -> Path:
    """Where a file or folder of the project lies, named as in the repository (`bundled("data/checkpoints")`)."""
    return ROOT / path


def find(path: str | os.PathLike[str]) -> Path:
    """`path` as it is where it exists; else the project's own file of that name, where there is one.

    So `configs/toy.yaml` is found from every folder, and a file of your own with that name wins.
    """
    own, theirs = Path(path), bundled(path)
    return theirs if not own.exists() and theirs.exists() else own
