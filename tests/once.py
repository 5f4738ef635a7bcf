"""A folder that several workers of pytest-xdist share."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

LIMIT = 3600
"""Seconds after which processes are taken to hang: many times what they need on a slow, busy machine."""


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], str]) -> Path:
    """A folder that `make` fills once, also where the tests are dealt out to several workers. `make` says what failed.

    The workers of one run of pytest-xdist have neighbouring folders: the first to come fills it, the others wait.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = factory.mktemp(name)
        failed = make(folder)
    else:
        folder = factory.getbasetemp().parent / name
        note = folder / "failed.txt"
        try:
            folder.mkdir()
        except FileExistsError:
            end = time.monotonic() + 2 * LIMIT
            while not note.exists() and time.monotonic() < end:
                time.sleep(0.2)
            failed = note.read_text() if note.exists() else f"nothing came within {2 * LIMIT} s"
        else:
            failed = make(folder)
            (folder / "failed.new").write_text(failed)
            (folder / "failed.new").rename(note)
    assert not failed, failed
    return folder
