"""Fully sharded data parallelism (FSDP2): every process keeps a shard of each weight, its gradient and its moments.

A layer's weights are all-gathered when it runs and freed afterwards; in the backward pass gradients are
reduce-scattered. `accelerate launch` says whether to shard (configs/accelerate).

Gathering is a collective, so all processes must run each layer equally often. Two things follow:
- Without gradients (rollouts, evaluation) rows may think as long as they like: `summon_full_params` gathers all layers
  once, before.
- With gradients, the latent loop of every process takes as many steps as the longest one's (`match_collectives`).

Without sharding everything here is a no-op.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from accelerate.utils import FullyShardedDataParallelPlugin
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from atp_lite.engine.distributed import sharding_requested
from atp_lite.engine.state import full_tensor
from atp_lite.model import LatentReasoner
from atp_lite.model.generation import Context, read


class Sharded(NamedTuple):
    """What `shard` notes about a model."""

    empty: LatentReasoner
    """A copy on `meta`, without values: to be filled when the model is saved."""
    layers: list[Any]
    """Those that are sharded one by one."""
    reshard: bool
    """Whether their weights are freed after the forward pass."""


def fsdp_plugin() -> FullyShardedDataParallelPlugin | None:
    """How `accelerate launch` asks for weights to be sharded; None where it does not.

    Raises:
        ValueError: it asks for something that is not possible here; the message says what to write instead.
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
    """Whether `shard` was called on it."""
    return isinstance(model, FSDPModule)


def fsdp_layers(model: nn.Module, names: list[str] | None = None) -> list[nn.Module]:
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


def shard(model: LatentReasoner, accelerator: Accelerator) -> None:
    """Leave this process its shard of every weight, on its device, in place; a no-op where no sharding is asked for.

    Weights keep their dtype and are gathered in bfloat16 where the run computes in it; gradients are summed in float32.
    The optimizer must be made afterwards.

    Raises ValueError, as `fsdp_plugin` and `fsdp_layers`.
    """
    plugin = fsdp_plugin()
    if plugin is None:
        return
    empty = _meta_copy(model)
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    narrow = torch.bfloat16 if accelerator.mixed_precision == "bf16" else None
    policy = MixedPrecisionPolicy(param_dtype=narrow, reduce_dtype=torch.float32, cast_forward_inputs=False)
    layers = fsdp_layers(model, plugin.transformer_cls_names_to_wrap)
    for layer in layers:
        fully_shard(layer, mesh=mesh, reshard_after_forward=plugin.reshard_after_forward, mp_policy=policy)
    # The root group (heads, embeddings, output layers) stays gathered from the start of a step to the end of its
    # backward pass. FSDP does that where `forward` is called; a reasoner is called by its methods, so an empty one
    # stands for it.
    fully_shard(model, mesh=mesh, reshard_after_forward=False)
    module: Any = model
    for part in (*layers, module):
        part.set_gradient_divide_factor(1.0)  # a sum, as in atp_lite.engine.distributed
        part.set_force_sum_reduction_for_comms(True)
    module.gather_root = lambda: None
    register_fsdp_forward_method(model, "gather_root")
    module.gather_weights = partial(gather_root, model)  # the three hooks of the latent loop
    module.max_steps = partial(max_steps_across_ranks, model)
    module.match_collectives = partial(match_collectives, model)
    reshard = bool(plugin.reshard_after_forward)
    vars(model)["sharded"] = Sharded(empty, layers, reshard)  # past nn.Module, which would register the copy


@contextmanager
def summon_full_params(model: nn.Module) -> Iterator[None]:
    """Inside, every process holds all weights and may call the model as it likes, without gradients."""
    if not isinstance(model, FSDPModule):
        yield
        return
    sharded: Sharded = vars(model)["sharded"]
    gather_root(model)
    for layer in sharded.layers:
        layer.set_reshard_after_forward(False, recurse=False)
        layer.unshard()
    try:
        with torch.no_grad():
            yield
    finally:
        for layer in sharded.layers:
            layer.set_reshard_after_forward(sharded.reshard, recurse=False)
            layer.reshard()
        model.reshard()


def gather_root(model: Any) -> None:
    """Gather the weights of a sharded model that belong to no layer, unless they are gathered already."""
    if is_sharded(model) and isinstance(model.get_input_embeddings().weight, DTensor):
        model.gather_root()


def max_steps_across_ranks(model: LatentReasoner, steps: int) -> int:
    """The largest number of latent steps that any process takes.

    It is asked for before the first step: in between, another process waits for the next layer to be gathered.
    """
    if not torch.is_grad_enabled():
        return steps
    most = torch.tensor(steps, device=model.device)
    torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
    return int(most)


def match_collectives(model: LatentReasoner, context: Context, last_hidden: Tensor, idle: int) -> None:
    """Run the backbone `idle` more times, as the process with the most latent steps did, and tie every run to the loss.

    The backward pass gathers a layer when the gradient of its output arrives; without one, the other processes would
    wait. The last state of a row feeds nothing, and an idle step neither: both are added to the context, times 0.
    """
    if not torch.is_grad_enabled():
        return
    unused = last_hidden.sum()
    ones = torch.ones(1, 1, dtype=torch.long, device=last_hidden.device)
    for _ in range(idle):
        _, states = read(model.backbone, last_hidden[:1, None], ones)
        unused = unused + states.sum()
    first: Any = context.cache.layers[0]  # the last that the backward pass reaches
    first.keys = first.keys + 0.0 * unused


def unsharded_copy(model: LatentReasoner) -> LatentReasoner:
    """The model with all its weights, on the CPU, to be saved; it is only filled in the main process.

    All processes must call this. A model that is not sharded is returned itself.
    """
    if not is_sharded(model):
        return model
    empty = vars(model)["sharded"].empty
    is_main = torch.distributed.get_rank() == 0
    known: dict[int, Tensor] = {}
    state: dict[str, Tensor] = {}
    for name, value in model.state_dict(keep_vars=True).items():
        if id(value) not in known:  # tied weights are one
            full = full_tensor(value.detach())
            known[id(value)] = full.cpu() if is_main else full.new_empty(0)
        state[name] = known[id(value)]
    if is_main:
        empty.load_state_dict(state, assign=True)
    filled: LatentReasoner = empty
    return filled


def _meta_copy(model: LatentReasoner) -> LatentReasoner:
    """A copy of the model without the values of its parameters."""
    empty = {id(p): nn.Parameter(p.detach().to("meta"), p.requires_grad) for p in model.parameters()}
    return copy.deepcopy(model, memo=empty)
