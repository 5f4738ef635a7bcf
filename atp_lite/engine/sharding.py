"""Fully sharded data parallelism (FSDP2): every process keeps a slice of each weight, its gradient and its moments.

A layer is put together from the slices when it reads, and taken apart again; on the way back the gradients of all
processes are added up, and each keeps its slice of the sum. `accelerate launch` says whether to (configs/accelerate).

Putting a layer together takes all processes, so all must call it equally often. Two things follow:
- While nothing is learned (rollouts, evaluation), rows may take as long as they like: `gathered` puts all layers
  together once, before.
- While something is learned, the latent loop of every process takes as many turns as the longest one's
  (`match_collectives`).

Without sharding everything here does nothing.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from accelerate import Accelerator
from accelerate.utils import FullyShardedDataParallelPlugin
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from atp_lite.engine.distributed import sharding_requested
from atp_lite.engine.state import full_tensor
from atp_lite.model.generation import Context, read


def sharding() -> FullyShardedDataParallelPlugin | None:
    """How `accelerate launch` asks for weights to be sharded; None where it does not.

    Raises:
        ValueError: it asks for something that cannot be had here; the message says what to write instead.
    """
    if not sharding_requested():
        return None
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise ValueError("fsdp_version is 1: only 2 can shard a model that is called by its methods; set it to 2")
    plugin = FullyShardedDataParallelPlugin()
    refused = {
        "fsdp_cpu_ram_efficient_loading": plugin.cpu_ram_efficient_loading,
        "fsdp_offload_params": os.environ.get("FSDP_OFFLOAD_PARAMS", "false").lower() == "true",
        "fsdp_activation_checkpointing": plugin.activation_checkpointing,
    }
    for name, asked in refused.items():
        if asked:
            instead = ", and use checkpoint_mlps of the settings" if "checkpointing" in name else ""
            raise ValueError(f"{name} is true, which a latent loop cannot do (docs/scale.md): set it to false{instead}")
    return plugin


def is_sharded(model: nn.Module) -> bool:
    """Whether `shard` was here."""
    return isinstance(model, FSDPModule)


def layers_of(model: nn.Module, names: list[str] | None = None) -> list[nn.Module]:
    """The layers that are sharded one by one: those of these classes; None takes what the LMs themselves do not split.

    Raises:
        ValueError: there is none.
    """
    if names is None:
        parts = [module for module in model.modules() if module is not model]
        names = sorted({name for part in parts for name in getattr(part, "_no_split_modules", None) or ()})
    found = [module for module in model.modules() if type(module).__name__ in names]
    if not found:
        raise ValueError(f"this model has no layers of the classes {names}: correct fsdp_transformer_layer_cls_to_wrap")
    return found


def shard(model: nn.Module, accelerator: Accelerator) -> None:
    """Leave this process its slice of every weight, on its device, in place; nothing where no sharding is asked for.

    Weights are kept in their own type and gathered in bfloat16 where the run computes in it; gradients are added up in
    float32. The optimizer must be made afterwards.

    Raises ValueError, as `sharding` and `layers_of`.
    """
    plugin = sharding()
    if plugin is None:
        return
    frame = _frame(model)
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    narrow = torch.bfloat16 if accelerator.mixed_precision == "bf16" else None
    policy = MixedPrecisionPolicy(param_dtype=narrow, reduce_dtype=torch.float32, cast_forward_inputs=False)
    parts = layers_of(model, plugin.transformer_cls_names_to_wrap)
    for layer in parts:
        fully_shard(layer, mesh=mesh, reshard_after_forward=plugin.reshard_after_forward, mp_policy=policy)
    # Heads, embeddings and output layers stay together from the start of a step to the end of its way back. FSDP does
    # that where `forward` is called; a reasoner is called by its methods, so an empty one stands for it.
    fully_shard(model, mesh=mesh, reshard_after_forward=False)
    for part in (*parts, model):
        part.set_gradient_divide_factor(1.0)  # a sum, as in atp_lite.engine.distributed
        part.set_force_sum_reduction_for_comms(True)
    model.gather_rest = lambda: None
    register_fsdp_forward_method(model, "gather_rest")
    model.gather_weights = partial(gather_rest, model)  # the two hooks of the latent loop
    model.match_collectives = partial(match_collectives, model)
    vars(model)["sharded"] = (frame, parts, plugin.reshard_after_forward)  # past nn.Module, which would adopt the frame


@contextmanager
def gathered(model: nn.Module) -> Iterator[None]:
    """Inside, every process holds all weights and may call the model as it likes, without gradients."""
    if not is_sharded(model):
        yield
        return
    _, layers, reshard = vars(model)["sharded"]
    gather_rest(model)
    for layer in layers:
        layer.set_reshard_after_forward(False, recurse=False)
        layer.unshard()
    try:
        with torch.no_grad():
            yield
    finally:
        for layer in layers:
            layer.set_reshard_after_forward(reshard, recurse=False)
            layer.reshard()
        model.reshard()


def gather_rest(model: nn.Module) -> None:
    """Put together the weights of a sharded model that belong to no layer, unless they are."""
    if is_sharded(model) and isinstance(model.get_input_embeddings().weight, DTensor):
        model.gather_rest()


def match_collectives(model: nn.Module, context: Context, last_hidden: Tensor, steps: int) -> None:
    """Let the backbone take as many turns as in the process that takes most, and tie every turn to the loss.

    A layer puts its weights together again when the gradient of its output arrives. The last state of a row writes
    nothing, and an idle turn neither, yet the way back leads through them: so they go into the context, times 0.
    """
    if not torch.is_grad_enabled():
        return
    most = torch.tensor(steps, device=last_hidden.device)
    torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
    unused = last_hidden.sum()
    ones = torch.ones(1, 1, dtype=torch.long, device=last_hidden.device)
    for _ in range(int(most) - steps):
        _, states = read(model.backbone, last_hidden[:1, None], ones)
        unused = unused + states.sum()
    first = context.cache.layers[0]  # the last that the way back reaches
    first.keys = first.keys + 0.0 * unused


def whole_model(model: nn.Module) -> nn.Module:
    """The model with all its weights, on the CPU, to be saved; it is only filled in the main process.

    Every process must call this. A model that is not sharded is returned itself.
    """
    if not is_sharded(model):
        return model
    frame = vars(model)["sharded"][0]
    main, known, state = torch.distributed.get_rank() == 0, {}, {}
    for name, value in model.state_dict(keep_vars=True).items():
        if id(value) not in known:  # tied weights are one
            full = full_tensor(value.detach())
            known[id(value)] = full.cpu() if main else None
        state[name] = known[id(value)]
    if main:
        frame.load_state_dict(state, assign=True)
    return frame


def _frame(model: nn.Module) -> nn.Module:
    """A copy of the model without the numbers in its weights."""
    empty = {id(p): nn.Parameter(p.detach().to("meta"), p.requires_grad) for p in model.parameters()}
    return copy.deepcopy(model, empty)
