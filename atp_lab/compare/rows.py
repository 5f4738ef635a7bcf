"""The evidence: one JSON line a run, appended whole, never changed."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path

from atp_lite import __version__
from atp_lite.resources import IS_CHECKOUT, ROOT, bundled

EVIDENCE = bundled("data/evidence/toy.jsonl")
"""The committed lines on toy arithmetic."""
PLANNING = bundled("data/evidence/planning.jsonl")
"""Those on planning, where several chains are equally right: arithmetic and routes."""


def read_rows(path: str | os.PathLike[str]) -> list[dict]:
    """Every line of an evidence file; none where there is no file yet. Raises ValueError that names a bad line."""
    path = Path(path)
    if not path.is_file():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number} is not JSON ({error}): mend or remove that line") from error
    return rows


def write_row(path: str | os.PathLike[str], row: dict) -> None:
    """Append one line; processes that write at the same time wait for each other."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(row) + "\n")
        file.flush()


def code_version() -> str:
    """The package's version, and the commit it was run from where that is known (`+` where files had been changed)."""
    if not IS_CHECKOUT:
        return __version__
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=8", "--exclude=*"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return __version__
    return f"{__version__} {commit.stdout.strip()}"
