"""The manifest of a checkpoint: size and SHA-256 of every file that load reads, written by save and checked by load."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
READ_BY_LOAD = ("*.safetensors", "*.safetensors.index.json", "*config.json", "*token*")
"""What is listed: files beside these, such as a README, may change."""


def write_manifest(folder: str | os.PathLike[str]) -> None:
    """List the files of the folder in `manifest.json`, and give them all the same mode, as the umask has it."""
    folder = Path(folder)
    files = _read_by_load(folder)
    target = folder / MANIFEST
    target.write_text(json.dumps({path.name: _fingerprint(path) for path in files}, indent=1) + "\n")
    for path in files:
        path.chmod(target.stat().st_mode & 0o777)  # safetensors writes 0600


def check_manifest(folder: str | os.PathLike[str]) -> None:
    """Check the files that the manifest lists.

    Raises:
        ValueError: there is no manifest, it lacks a file that load may read, or a file is missing or not the one that
            was saved; the message names it.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise ValueError(
            f"{folder} has no {MANIFEST}, so nobody can tell whether its files are those that were saved: if you trust "
            "where it is from, read it with --no-verify (Planner.from_pretrained(folder, verify=False)), save it anew"
        )
    try:
        listed = dict(json.loads((folder / MANIFEST).read_text()))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{folder / MANIFEST} is no manifest ({error}): copy the checkpoint anew") from error
    for name, saved in (dict.fromkeys(path.name for path in _read_by_load(folder)) | listed).items():
        path = folder / name
        if Path(name).name != name or not path.is_file() or _fingerprint(path) != saved:
            raise ValueError(
                f"{path} is not the file that was saved ({MANIFEST} has its size and SHA-256): copy the checkpoint "
                f"anew; if you changed it on purpose, read it with --no-verify"
            )


def _read_by_load(folder: Path) -> list[Path]:
    return sorted({path for pattern in READ_BY_LOAD for path in folder.glob(pattern) if path.is_file()})


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
