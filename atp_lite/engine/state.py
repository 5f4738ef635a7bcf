"""State of a training run, to resume it exactly: weights and optimizer as safetensors, the rest as JSON."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedConfig

from atp_lite.engine.folder import recover_folder, replace_folder
from atp_lite.engine.settings import NonFiniteError

DIGEST = "state.safetensors"
"""Where the progress keeps the SHA-256 of the tensors that it was saved with."""
OF_THE_LIBRARY = ("transformers_version", "_name_or_path", "architectures", "dtype")
"""What transformers writes into a configuration, which says nothing about the model."""


def save_state(
    folder: str | os.PathLike[str],
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    progress: dict[str, Any],
    learned_only: bool = False,
    writes: bool = True,
) -> None:
    """Write everything that a resumed run needs. Where weights are sharded, all processes must call this.

    Tensors are copied to main memory first; nothing is copied on a GPU.

    Args:
        modules: by name; all their parameters and buffers are kept.
        optimizer: its moments are kept, in the order of its parameters; settings are not (they come from the run's).
        generator: the random number generator of the run.
        progress: JSON values such as the step, the best score so far.
        learned_only: leave out parameters that do not learn (a pretrained model under LoRA): whoever resumes the run
            has them already.
        writes: False in the processes beside the main one, which only contribute their shards.
    """
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        left_out = _frozen(module) if learned_only else ()
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items() if key not in left_out}
    for i, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{i}/{key}": value for key, value in moments.items()}
    tensors["generator"] = generator.get_state()
    for key, value in tensors.items():
        if isinstance(value, DTensor):
            full = full_tensor(value)
            tensors[key] = full.cpu() if writes else full.new_empty(0)
    if not writes:
        return

    def fill(fresh: Path) -> None:
        for key, value in tensors.items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise NonFiniteError(f"{key} has values that are NaN or infinite: no state is saved in {folder}")
        copies = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}
        save_file(copies, fresh / "state.safetensors")
        saved = progress | {DIGEST: _digest(fresh / "state.safetensors")}
        (fresh / "progress.json").write_text(json.dumps(saved, indent=1))
        (fresh / "state.safetensors").chmod((fresh / "progress.json").stat().st_mode & 0o777)  # it was written as 0600

    replace_folder(folder, fill)


def load_state(
    folder: str | os.PathLike[str],
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    learned_only: bool = False,
    needed: Sequence[str] = (),
) -> dict[str, Any]:
    """The inverse of `save_state`, in place; returns `progress`.

    needed: names of numbers that `progress` must hold.

    Raises:
        FileNotFoundError: there is no state in this folder.
        ValueError: it belongs to a model or optimizer of another shape, or to another kind of device.
    """
    folder = recover_folder(folder)
    if not (folder / "state.safetensors").is_file():
        raise FileNotFoundError(f"{folder} holds no saved run (state.safetensors is missing): start without --resume")
    broken = "start anew (--restart), or from best/ or last/ (--init) in another folder"
    try:
        tensors = load_file(folder / "state.safetensors")
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{folder / 'state.safetensors'} cannot be read ({error}): {broken}") from error
    try:
        progress: dict[str, Any] = json.loads((folder / "progress.json").read_text())
        sound = all(isinstance(progress[name], int | float) for name in needed)
        sound = sound and all(math.isfinite(value) for value in progress.values() if isinstance(value, int | float))
    except (ValueError, KeyError, TypeError, OSError, AttributeError, RecursionError):
        sound = False
    if not sound or "generator" not in tensors:
        raise ValueError(f"{folder} holds no whole state ({', '.join(needed)} and tensors of a run): {broken}")
    if progress.pop(DIGEST, None) not in (None, _digest(folder / "state.safetensors")):  # an older one tells no digest
        raise ValueError(f"{folder / 'state.safetensors'} is not the file that was saved (by its SHA-256): {broken}")
    for name, module in modules.items():
        own = {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}
        now = module.state_dict()
        if learned_only:
            left_out = _frozen(module)
            own = {key: value for key, value in now.items() if key in left_out} | own
        own = {key: _shard_like(value, now.get(key)) for key, value in own.items()}
        try:
            module.load_state_dict(own)
        except RuntimeError as error:
            raise ValueError(
                f"{folder} was saved by a run with another {name}; resume with the settings it was started with "
                f"({' '.join(str(error).split())[:300]})"
            ) from error
    state: dict[int, dict[str, Tensor]] = {}
    learning = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, i, moment = key.split("/")
            state.setdefault(int(i), {})[moment] = _shard_like(value, learning[int(i)] if value.dim() else None)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    try:
        generator.set_state(tensors["generator"])
    except RuntimeError as error:  # a CPU's source of noise has another state than a GPU's
        raise ValueError(
            f"{folder} was saved on another kind of device than {generator.device}, whose noise cannot go on: resume "
            "where the run was started, or start anew from its best/ or last/ (--init) in another folder"
        ) from error
    return progress


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def update_digest(digest: Any, tensors: Mapping[str, Tensor]) -> None:
    """Names, shapes, types and bits of tensors, in the order of their names, into a hash of hashlib."""
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())


def weights_fingerprint(module: nn.Module) -> dict[str, str]:
    """Hashes of a module as a run begins: of its shapes and configuration, of weights that learn and frozen ones."""
    weights, frozen = module.state_dict(), _frozen(module)
    shapes = json.dumps({name: list(value.shape) for name, value in sorted(weights.items())})
    parts = {
        "first weights": {name: value for name, value in weights.items() if name not in frozen},
        "frozen weights": {name: value for name, value in weights.items() if name in frozen},
    }
    found = {"shapes of the model": hashlib.sha256(shapes.encode())}
    if isinstance(config := getattr(module, "config", None), PreTrainedConfig):
        values = {name: value for name, value in config.to_dict().items() if name not in OF_THE_LIBRARY}
        found["configuration of the model"] = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode())
    for what, tensors in parts.items():
        update_digest(digest := hashlib.sha256(), tensors)
        found[what] = digest
    return {what: digest.hexdigest()[:16] for what, digest in found.items()}


def full_tensor(value: Tensor) -> Tensor:
    """All of a tensor that is sharded over the processes (all of them must call this); any other is itself."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def _shard_like(value: Tensor, like: Tensor | None) -> Tensor:
    """This process's shard of a full tensor, where `like` is sharded; otherwise the tensor itself."""
    if isinstance(value, DTensor) or not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def _frozen(module: nn.Module) -> set[str]:
    """Names of the parameters that do not learn."""
    return {name for name, parameter in module.named_parameters(remove_duplicate=False) if not parameter.requires_grad}
