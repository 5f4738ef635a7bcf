"""Shared by all tests: one thread per process (the suite runs in several), hypothesis without a stopwatch."""

import os
import signal
import threading
from pathlib import Path

import pytest
from hypothesis import settings

try:
    import torch
except ImportError:  # the tests of doctor and of the project's files need no torch
    pass
else:
    torch.set_num_threads(1)

# A shared machine is sometimes slow: no deadline. In CI the examples are the same each time, so that a run
# can be repeated; on a desk they are new each time, so that something is still found.
settings.register_profile("desk", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The folder of pyproject.toml."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def ctrl_c_works():
    """Ctrl-C acts as in a terminal, even where the tests run in the background with SIGINT ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before or signal.default_int_handler)
