"""Less memory: activation checkpointing of the feed-forward layers, and copies of a model that share frozen weights.

Transformers' own gradient checkpointing recomputes whole layers and cannot be used with a KV cache, which the latent
loop needs. The feed-forward part of a layer does not touch the cache, and has most of its activations: its inner width
is three to four times that of the model.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def checkpoint_mlps(model: nn.Module) -> int:
    """Activation checkpointing of every feed-forward layer (a submodule called `mlp`), in place; how many there are.

    Doing it twice changes nothing. Results and gradients stay the same.

    Raises:
        ValueError: there is none.
    """
    layers = [layer for name, layer in model.named_modules() if name.rsplit(".", 1)[-1] == "mlp"]
    if not layers:
        raise ValueError("no layer of this model is called `mlp`: its feed-forward layers cannot be found")
    for layer in layers:
        if not is_recomputed(layer):
            layer.forward = _Recomputed(layer.forward)
    return len(layers)


def is_recomputed(layer: nn.Module) -> bool:
    """Whether `checkpoint_mlps` was here."""
    return isinstance(vars(layer).get("forward"), _Recomputed)


class _Recomputed:
    def __init__(self, forward: Callable[[Tensor], Tensor]) -> None:
        self.forward = forward
        functools.update_wrapper(self, forward)

    def __call__(self, x: Tensor) -> Tensor:
        if not (torch.is_grad_enabled() and x.requires_grad):
            return self.forward(x)
        recomputed: Tensor = checkpoint(self.forward, x, use_reentrant=False)
        return recomputed


def copy_sharing_frozen(model: nn.Module) -> nn.Module:
    """A copy of the model that shares its frozen parameters and has its own of the others.

    Under LoRA that is a few per cent of a full copy. Nothing may train or overwrite a shared parameter later.
    """
    return copy.deepcopy(model, memo={id(p): p for p in model.parameters() if not p.requires_grad})
