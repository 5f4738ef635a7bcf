"""Saving a training run so that it goes on exactly: weights and optimizer as safetensors, the rest as JSON.

A state folder is written beside its name and renamed into place, so a crash leaves either the old or the new one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.tracking import GeneralTracker
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor


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


def save_state(
    folder: str | os.PathLike[str],
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    progress: dict[str, Any],
    learned_only: bool = False,
    writes: bool = True,
) -> None:
    """Write everything a run needs to go on. Where weights are sharded, every process of the run must call this.

    It is copied into main memory first; nothing is copied on a GPU.

    Args:
        modules: by name; all their parameters and buffers are kept.
        optimizer: its moments are kept, in the order of its parameters; settings are not (they come from the run's).
        generator: source of the run's noise.
        progress: JSON values such as the step, the best score so far.
        learned_only: leave out parameters that do not learn (a pretrained model under LoRA): whoever resumes the run
            has them already.
        writes: False in the processes beside the main one, which only hand over their slices.
    """
    tensors = {}
    for name, module in modules.items():
        left_out = _frozen(module) if learned_only else ()
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items() if key not in left_out}
    for i, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{i}/{key}": value for key, value in moments.items()}
    tensors["generator"] = generator.get_state()
    for key, value in tensors.items():
        if isinstance(value, DTensor):
            full = whole(value)
            tensors[key] = full.cpu() if writes else None
    if not writes:
        return

    def fill(fresh: Path) -> None:
        copies = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}
        save_file(copies, fresh / "state.safetensors")
        (fresh / "progress.json").write_text(json.dumps(progress, indent=1))

    replace_folder(folder, fill)


def load_state(
    folder: str | os.PathLike[str],
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    learned_only: bool = False,
) -> dict[str, Any]:
    """The inverse of `save_state`, in place; returns `progress`.

    Raises:
        FileNotFoundError: there is no state in this folder.
        ValueError: it belongs to a model or optimizer of another shape, or to another kind of device.
    """
    folder = recover_folder(folder)
    if not (folder / "state.safetensors").is_file():
        raise FileNotFoundError(f"{folder} holds no saved run (state.safetensors is missing): start without --resume")
    tensors = load_file(folder / "state.safetensors")
    for name, module in modules.items():
        own = {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}
        now = module.state_dict()
        if learned_only:
            left_out = _frozen(module)
            own = {key: value for key, value in now.items() if key in left_out} | own
        own = {key: _sliced(value, now.get(key)) for key, value in own.items()}
        try:
            module.load_state_dict(own)
        except RuntimeError as error:
            raise ValueError(
                f"{folder} was saved by a run with another {name}; resume with the settings it was started with\n"
                f"{error}"
            ) from error
    state: dict[int, dict[str, Tensor]] = {}
    learning = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, i, moment = key.split("/")
            state.setdefault(int(i), {})[moment] = _sliced(value, learning[int(i)] if value.dim() else None)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    try:
        generator.set_state(tensors["generator"])
    except RuntimeError as error:  # a CPU's source of noise has another state than a GPU's
        raise ValueError(
            f"{folder} was saved on another kind of device than {generator.device}, whose noise cannot go on: resume "
            "where the run was started, or start anew from its best/ or last/ (--init) in another folder"
        ) from error
    return json.loads((folder / "progress.json").read_text())


def whole(value: Tensor) -> Tensor:
    """A tensor that is sharded over the processes, put together (all of them must call this); any other is itself."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def _sliced(value: Tensor, like: Tensor | None) -> Tensor:
    """This process's slice of a whole tensor, where `like` is sharded; otherwise the tensor itself."""
    if isinstance(value, DTensor) or not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def _frozen(module: nn.Module) -> set[str]:
    """Names of the parameters that do not learn."""
    return {name for name, parameter in module.named_parameters(remove_duplicate=False) if not parameter.requires_grad}


OF_THE_MACHINE = ("accumulate", "checkpoint_mlps", "eval_batch", "rollout_batch", "trackers", "workers")
"""Settings that say how a run fits a machine, not what it learns: a resumed run may have others."""


def keep_settings(folder: str | os.PathLike[str], settings: dict[str, Any], resume: bool) -> None:
    """Write `settings.json` of a run, or, when it is resumed, make sure that the settings are still the same.

    Those of `OF_THE_MACHINE` may differ, as they must after memory ran out. Sums are then added up in another order,
    and parts of a batch draw other noise of the same kind, so the run is no longer the same to the bit.

    Raises:
        ValueError: a resumed run was started with another value; the message names the setting and both values.
    """
    path = Path(folder) / "settings.json"
    settings = json.loads(json.dumps(settings))
    if resume and path.is_file():
        before = json.loads(path.read_text())
        fixed = [name for name in settings if name in before and name not in OF_THE_MACHINE]
        changed = [name for name in fixed if before[name] != settings[name]]
        if changed:
            name = changed[0]
            raise ValueError(
                f"{folder} was started with {name} = {before[name]}, not {settings[name]}: resume with the settings it "
                "was started with, or start anew in another folder"
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=1))


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


class HeldInterrupt:
    """Ctrl-C, held back until `check`: a training step is taken whole or not at all, so a saved state is exact.

    Outside the main thread Python delivers no Ctrl-C, and there is nothing to hold.

    Args:
        agree: pressed here -> pressed in any process of the run, so that all of them stop after the same step.
    """

    def __init__(self, agree: Callable[[bool], bool] = bool) -> None:
        self.agree = agree
        self.pressed = False
        self.holds = threading.current_thread() is threading.main_thread()
        if self.holds:
            self.usual = signal.signal(signal.SIGINT, self._press)

    def _press(self, *_) -> None:
        self.pressed = True

    def check(self) -> None:
        """Raise the KeyboardInterrupt that was held back, if there was one."""
        if self.agree(self.pressed):
            self.pressed = False
            raise KeyboardInterrupt

    def release(self) -> None:
        """Let Ctrl-C act at once again."""
        if self.holds:
            signal.signal(signal.SIGINT, self.usual or signal.default_int_handler)


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
        self.path.write_text("".join(json.dumps(line) + "\n" for line in kept))
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
    """The lines of a `metrics.jsonl`; a last line that was cut off is left out."""
    lines = []
    path = Path(path)
    if path.is_file():
        for line in path.read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return lines
