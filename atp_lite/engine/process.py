"""What the operating system has to do with a run: Ctrl-C, and the time that it took."""

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


class DelayedInterrupt:
    """Ctrl-C, delayed until `check`: a training step is taken whole or not at all, so a saved state is exact.

    Outside the main thread Python delivers no Ctrl-C, and there is nothing to delay.

    Args:
        agree: pressed here -> pressed in any process of the run, so that all of them stop after the same step.
    """

    def __init__(self, agree: Callable[[bool], bool] = bool) -> None:
        self.agree = agree
        self.pressed = False
        self.installed = threading.current_thread() is threading.main_thread()
        if self.installed:
            self.previous = signal.signal(signal.SIGINT, self._press)

    def _press(self, *_: Any) -> None:
        self.pressed = True

    def check(self) -> None:
        """Raise the delayed KeyboardInterrupt, if there was one."""
        if self.agree(self.pressed):
            self.pressed = False
            raise KeyboardInterrupt

    def release(self) -> None:
        """Let Ctrl-C act at once again."""
        if self.installed:
            signal.signal(signal.SIGINT, self.previous or signal.default_int_handler)
