"""What the operating system has to do with a run: signals that end it, and the time that it took."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any


class Stopwatch:
    """Keeps `seconds` (wall) and `cpu_seconds` (of this process) of a run in its progress, across resumes."""

    def __init__(self, progress: dict[str, Any]) -> None:
        self.progress = progress
        self.wall = time.perf_counter() - progress.get("seconds", 0.0)
        self.cpu = time.process_time() - progress.get("cpu_seconds", 0.0)

    def read(self) -> dict[str, float]:
        """Both times until now; also written into the progress."""
        now = {"seconds": time.perf_counter() - self.wall, "cpu_seconds": time.process_time() - self.cpu}
        self.progress.update(now)
        return now


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what a scheduler sends when time is over; what a closed terminal sends."""


class DelayedInterrupt:
    """Ctrl-C, and the other signals of `ENDING`, delayed until `check`.

    A training step is taken whole or not at all, so a saved state is exact. A signal that was ignored, as `nohup` does
    with SIGHUP, stays so, but for Ctrl-C. Outside the main thread Python delivers no signals, and nothing is delayed.

    Args:
        agree: pressed here -> pressed in any process of the run, so that all of them stop after the same step.
    """

    def __init__(self, agree: Callable[[bool], bool] = bool) -> None:
        self.agree = agree
        self.pressed = False
        self.previous: dict[signal.Signals, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for ending in ENDING:
                if ending is signal.SIGINT or signal.getsignal(ending) is not signal.SIG_IGN:
                    self.previous[ending] = signal.signal(ending, self._press)

    def _press(self, *_: Any) -> None:
        self.pressed = True

    def check(self) -> None:
        """Raise KeyboardInterrupt, if there was a signal."""
        if self.agree(self.pressed):
            self.pressed = False
            raise KeyboardInterrupt

    def release(self) -> None:
        """Let signals act at once again."""
        for ending, previous in self.previous.items():
            signal.signal(
                ending, previous or (signal.default_int_handler if ending is signal.SIGINT else signal.SIG_DFL)
            )
        self.previous.clear()
