"""Files and the folder of a training run: written so that a crash leaves the old content or the new; one run a folder.

A file or a folder is written beside its name, brought to the disk, and renamed into place.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

SETTINGS, FINGERPRINT = "settings.json", "fingerprint.json"
HARDWARE_SETTINGS = (
    "accumulate",
    "checkpoint_mlps",
    "eval_batch",
    "rollout_batch",
    "save_every",
    "save_minutes",
    "trackers",
    "workers",
)
"""Settings that fit a run to its hardware and do not change what it learns: a resumed run may have others."""


def write_atomically(path: str | os.PathLike[str], text: str) -> Path:
    """Write a whole file or none; its folder is made if need be."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    try:
        with fresh.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException as error:
        fresh.unlink(missing_ok=True)
        if isinstance(error, OSError) and not error.filename:  # such as a disk that is full
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    return path


def recover_folder(folder: str | os.PathLike[str]) -> Path:
    """Put the old folder back where a crash fell between the two renames of `replace_folder`; return its path."""
    folder = Path(folder)
    old = folder.with_name(f".{folder.name}.old")
    if old.exists() and not folder.exists():
        old.rename(folder)
    return folder


def replace_folder(folder: str | os.PathLike[str], fill: Callable[[Path], None]) -> None:
    """Let `fill` write a fresh folder, then put it in the place of `folder`. Where it fails, nothing is left of it."""
    folder = recover_folder(folder)
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        fill(fresh)
        for path in (*fresh.iterdir(), fresh):
            _to_disk(path)
    except Exception as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if isinstance(error, SafetensorError) or isinstance(error, OSError) and not error.filename:
            raise OSError(
                f"{folder} cannot be written ({error}), and is as it was: free some space, or give another folder "
                "(--out)"
            ) from error
        raise
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    _to_disk(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a file lock, which the system frees when its process ends; yields False where another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            try:
                yield True
            finally:  # closing is not enough: processes forked meanwhile, such as data workers, hold the file open too
                fcntl.flock(file, fcntl.LOCK_UN)


# ------------------------------------------------------------- one run a folder


def begin_run(
    folder: str | os.PathLike[str],
    settings: Mapping[str, Any],
    fingerprint: Mapping[str, str],
    resume: bool,
    restart: bool = False,
) -> bool:
    """Make the folder that of this run: `settings.json` and `fingerprint.json`. Returns whether there is a state.

    Args:
        fingerprint: what else the run depends on, by the name that an error calls it, such as hashes of data.
        resume: go on with the run there; one that had not saved anything begins anew.
        restart: drop the run there.

    Raises:
        ValueError: the folder holds another run, or this one and it is neither resumed nor dropped.
    """
    folder = Path(folder)
    for name in ("state", "best", "last"):
        recover_folder(folder / name)
    if restart:
        for name in ("state", "best", "last", "kept"):
            shutil.rmtree(folder / name, ignore_errors=True)
    saved, finished = (folder / "state").is_dir(), (folder / "last").is_dir()
    if not resume and (saved or finished):
        raise ValueError(
            f"{folder} holds a run that {'has ended' if finished else 'was cut off'}: go on with it (--resume), drop "
            "it (--restart), or give another folder (--out)"
        )
    if resume and finished and not saved:
        raise ValueError(
            f"{folder} holds last/ without the state of its run: drop it (--restart), or give another folder"
        )
    if resume and saved:
        check_run(folder, settings, fingerprint)
    for name, values in ((SETTINGS, settings), (FINGERPRINT, fingerprint)):
        write_atomically(folder / name, json.dumps(values, indent=1))
    return saved


def check_run(folder: str | os.PathLike[str], settings: Mapping[str, Any], fingerprint: Mapping[str, str]) -> None:
    """Raise ValueError where a folder's run had other settings or another fingerprint; the message names which.

    `HARDWARE_SETTINGS` may differ, as they must after memory ran out. Sums are then added up in another order, and
    micro-batches draw other noise of the same kind, so the run is no longer the same bit for bit. What a folder does
    not tell, as one of an older version may not, is not compared.
    """
    for file, now, what in ((SETTINGS, settings, "the settings"), (FINGERPRINT, fingerprint, "what")):
        path, now = Path(folder) / file, json.loads(json.dumps(now))
        try:
            before = dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{path} cannot be read ({error}): start anew in another folder, or here with --restart"
            ) from error
        for name in now:
            if name in before and name not in HARDWARE_SETTINGS and before[name] != now[name]:
                raise ValueError(
                    f"{folder} was started with {name} = {before[name]}, not {now[name]}: resume with {what} it was "
                    "started with, or start anew in another folder"
                )
