"""Data parallelism: every process computes its share of a step, and the shares add up to the step of one process.

Every process holds the full model and knows the global batch; it takes an equal number of its rows. A term of a loss is
a mean over tokens, latents or rows: N_j of them in the global batch, n_rj on rank r. So

    L = sum_r L_r,    L_r = sum_j w_j (n_rj / N_j) (the mean of term j over the rows of r),    dL = sum_r dL_r

and gradients are summed. Averaging the processes' own losses would give another loss wherever rows differ in length.

The model is not wrapped in `DistributedDataParallel`. Its hooks expect one call of `forward` a step, and a reasoner is
called by its methods (`think`, `replay`, `language_loss`), several times a step. One all-reduce of one flat buffer
after `backward` is exact for every loss, also where only some processes used a parameter.

Everything here is a no-op in one process, to the last bit.
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, gather
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

Row = TypeVar("Row")


def prepare_model(model: nn.Module, learns: bool = True) -> Accelerator:
    """Move the model to the device of this process, with the weights of the main process.

    A model that will be sharded (atp_lite/engine/sharding.py) stays where it is: all of it may not fit there.

    Args:
        learns: whether it will be trained; only then it is sharded.

    Raises:
        ValueError: a launcher started several processes that cannot reach each other.
    """
    accelerator = Accelerator()
    launched = int(os.environ.get("WORLD_SIZE", 1)) if "LOCAL_RANK" in os.environ else 1
    if launched > 1 and accelerator.num_processes == 1:
        raise ValueError(
            f"{launched} processes were launched and found no GPU to meet on: set ACCELERATE_USE_CPU=true to let them "
            "meet on the CPU (gloo)"
        )
    asked = "ACCELERATE_USE_CPU" in os.environ and "MASTER_PORT" in os.environ  # by --num_processes above 1
    if asked and accelerator.num_processes == 1:
        warnings.warn(
            "`accelerate launch` starts one process on the CPU, whatever --num_processes says: for several, set "
            "ACCELERATE_USE_CPU=true and launch with --multi_gpu (docs/scale.md)",
            stacklevel=3,
        )
    narrow = {p.dtype for p in model.parameters() if p.requires_grad} & {torch.bfloat16, torch.float16}
    if learns and narrow:
        warnings.warn(
            f"trained weights are {str(narrow.pop()).removeprefix('torch.')}, which rounds small updates and weight "
            "averages away: with a low learning rate nothing is learned. Keep them in float32 and launch with "
            "`accelerate launch --mixed_precision bf16` (docs/scale.md)",
            stacklevel=3,
        )
    if not (learns and sharding_requested()):
        model.to(accelerator.device)
    if accelerator.num_processes > 1:
        with torch.no_grad():
            for value in model.state_dict().values():
                there = value.to(accelerator.device)  # itself, where it is there already
                broadcast(there)
                value.copy_(there)
    return accelerator


def sharding_requested() -> bool:
    """Whether `accelerate launch` asks for sharded weights (FSDP), and there are several processes."""
    asked = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"
    return asked and torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1


def rank_shard(accelerator: Accelerator, rows: Sequence[Row], name: str) -> Sequence[Row]:
    """The rows of this process: a contiguous block, as large as every other process has.

    Raises:
        ValueError: the rows do not split evenly; the message names the setting `name`.
    """
    world = accelerator.num_processes
    if len(rows) % world:
        raise ValueError(
            f"{name} is {len(rows)}, which {world} processes cannot share evenly: take a multiple of {world}, or "
            "another number of processes"
        )
    size = len(rows) // world
    return rows[accelerator.process_index * size : (accelerator.process_index + 1) * size]


def seed_rank_noise(accelerator: Accelerator, generator: torch.Generator, *key: int) -> None:
    """Seed the noise of the processes beside the main one by rank and `key`, such as (seed, step).

    The main process continues the one stream that a single process has and saves. The others are seeded again at every
    step, so they have nothing to save, and a resumed run draws what it would have drawn.
    """
    if accelerator.process_index:
        parts = "-".join(map(str, (accelerator.process_index, *key)))
        generator.manual_seed(random.Random(parts).getrandbits(63))


def scale_to_global_mean(
    accelerator: Accelerator,
    terms: Mapping[str, Tensor],
    counts: Callable[[], Mapping[str, int]],
    rank_counts: Callable[[], Mapping[str, int]] | None = None,
) -> dict[str, Tensor]:
    """n_rj / N_j times every term: what these rows of this process contribute to the mean over the global batch.

    Args:
        terms: means over the rows.
        counts: over how many tokens, latents or rows each of them is a mean here; called where there are several
            processes or micro-batches. All names are counted together, so they must be the same in every process.
        rank_counts: the same for all rows of this process, where these are one micro-batch of them.

    Raises:
        ValueError: a term is not counted.
    """
    if accelerator.num_processes == 1 and rank_counts is None:
        return dict(terms)
    own = counts()
    unknown = sorted(set(terms) - set(own))
    if unknown:
        raise ValueError(
            f"the terms {unknown} of the loss have no count, so several processes cannot add them up: say what "
            "they are means over in Method.own_denominators"
        )
    everywhere = all_reduce_sum(accelerator, own if rank_counts is None else rank_counts())
    return {  # a mean over nothing may be NaN: it is left out, not multiplied by 0
        name: term * (own[name] / everywhere[name]) if own[name] else torch.zeros_like(term)
        for name, term in terms.items()
    }


def micro_batches(rows: Sequence[Row], count: int) -> list[Sequence[Row]]:
    """`rows` in `count` micro-batches of equal size, but for the last. A single one is `rows` itself."""
    size = -(-len(rows) // count)
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def all_reduce_gradients(accelerator: Accelerator, parameters: Iterable[nn.Parameter]) -> None:
    """Sum the gradients of all processes: dL = sum_r dL_r. A gradient that no process has stays None.

    Those of sharded parameters were already summed in the backward pass.
    """
    learning = [p for p in parameters if p.requires_grad]
    if accelerator.num_processes == 1 or any(isinstance(p, DTensor) for p in learning):
        return
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in learning]
    held = grads[0].new_tensor([p.grad is not None for p in learning])  # which rank has a gradient travels with them
    flat = accelerator.reduce(torch.cat([held, *(grad.flatten() for grad in grads)]), "sum")
    held, *parts = flat.split([len(learning), *(p.numel() for p in learning)])
    for parameter, part, holders in zip(learning, parts, held.tolist(), strict=True):
        parameter.grad = part.view_as(parameter).to(parameter.dtype) if holders else None


def clip_gradients(accelerator: Accelerator, parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
    """Clip the gradient to a norm of `limit`; return the norm before, over all shards."""
    norm = accelerator.clip_grad_norm_(parameters, limit)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


def all_reduce_sum(accelerator: Accelerator, values: Mapping[str, float]) -> dict[str, float]:
    """Each value, summed over the processes. All of them must call this, with the same names in the same order."""
    if accelerator.num_processes == 1:
        return dict(values)
    own = torch.tensor(list(values.values()), dtype=torch.float64, device=accelerator.device)
    return dict(zip(values, accelerator.reduce(own, "sum").tolist(), strict=True))


def all_reduce_mean(accelerator: Accelerator, values: Mapping[str, float]) -> dict[str, float]:
    """Each value's mean over the processes. All of them must call this, with the same names in the same order."""
    if accelerator.num_processes == 1:
        return dict(values)
    return {name: total / accelerator.num_processes for name, total in all_reduce_sum(accelerator, values).items()}


def any_rank(accelerator: Accelerator, flag: bool) -> bool:
    """Whether the flag is raised in any process; all of them must ask."""
    return bool(all_reduce_sum(accelerator, {"flag": float(flag)})["flag"])


def all_gather_rows(values: Tensor, dim: int = 0) -> Tensor:
    """The rows of all processes along `dim`, for a statistic of the global batch; carries no gradient."""
    rows: Tensor = gather(values.detach().transpose(0, dim))
    return rows.transpose(0, dim)
