"""Metrics of a run: one JSON object a line, and the same numbers in TensorBoard or Weights & Biases."""

from __future__ import annotations

import importlib.util
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import GeneralTracker

from atp_lite.engine.folder import write_atomically


class MetricLog:
    """Metrics of a run, one JSON object a line in `metrics.jsonl`, and the same numbers in accelerate's trackers.

    Opening an existing log at `step` drops what a killed run wrote after that step, so a resumed log has no step twice.
    Weights & Biases cannot drop anything: a resumed run goes on in its old page (`wandb.txt` keeps its name), which
    ignores the steps that it has already. With `silent`, as in the processes beside the main one, nothing is written
    and no file is opened.

    Args:
        trackers: names that accelerate knows, or trackers of one's own (`accelerate.tracking.GeneralTracker`).
        settings: what a tracker keeps about the run, beside TensorBoard, which makes a run of its own of it.

    Raises:
        ValueError: a tracker is not installed; the message says how to.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        step: int = 0,
        silent: bool = False,
        trackers: Sequence[str | GeneralTracker] = ("tensorboard",),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.silent = silent
        if silent:
            return
        self.trackers: list[GeneralTracker] = []
        if "wandb" in trackers and importlib.util.find_spec("wandb") is None:
            raise ValueError("trackers name wandb, which is not installed: pip install wandb, or leave it out")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "metrics.jsonl"
        kept = [line for line in read_metrics(self.path) if line["step"] <= step] if step else []
        write_atomically(self.path, "".join(json.dumps(line) + "\n" for line in kept))
        options: dict[str, dict[str, Any]] = {"tensorboard": {"purge_step": step or None}}
        if "wandb" in trackers:
            page = folder / "wandb.txt"
            if not (step and page.is_file()):
                page.write_text(uuid.uuid4().hex)
            options["wandb"] = {"id": page.read_text(), "resume": "allow", "name": folder.name, "dir": str(folder)}
        for tracker in trackers:
            logging = Accelerator(log_with=[tracker], project_dir=str(folder))
            logging.init_trackers("tensorboard" if tracker == "tensorboard" else "atp-lite", init_kwargs=options)
            if settings is not None and tracker != "tensorboard":
                logging.trackers[0].store_init_configuration(dict(settings))
            self.trackers += logging.trackers

    def write(self, step: int, **metrics: float | int | str) -> None:
        """One line: `step` and the metrics. Numbers also go to the trackers."""
        if self.silent:
            return
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")
        numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
        for tracker in self.trackers:
            tracker.log(numbers, step=step)

    def close(self) -> None:
        if not self.silent:
            for tracker in self.trackers:
                tracker.finish()


def read_metrics(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The lines of a `metrics.jsonl`; one that is damaged, as the last may be cut off, is left out."""
    lines, path = [], Path(path)
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else ():
        with suppress(ValueError, RecursionError):
            found = json.loads(line)
            if isinstance(found, dict) and isinstance(found.get("step"), int):
                lines.append(found)
    return lines
