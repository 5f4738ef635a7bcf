"""Less memory: activations that are worked out again instead of being kept, and copies that share what never changes.

Transformers' own gradient checkpointing recomputes whole layers and cannot be used with a KV cache, which the latent
loop needs. The feed-forward part of a layer knows nothing of the cache, and leaves most of what a layer must keep: its
inner width is three to four times that of the model.
"""

from __future__ import annotations

import copy
import functools

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def checkpoint_mlps(model: nn.Module) -> int:
    """Let every feed-forward layer (a submodule called `mlp`) recompute its activations, in place; how many there are.

    Doing it twice changes nothing. Results and gradients stay what they were.

    Raises:
        ValueError: there is none.
    """
    layers = [layer for name, layer in model.named_modules() if name.rsplit(".", 1)[-1] == "mlp"]
    if not layers:
        raise ValueError("this model calls no layer `mlp`: its feed-forward layers cannot be found to be recomputed")
    for layer in layers:
        if not is_recomputed(layer):
            layer.forward = _Recomputed(layer.forward)
    return len(layers)


def is_recomputed(layer: nn.Module) -> bool:
    """Whether `checkpoint_mlps` was here."""
    return isinstance(vars(layer).get("forward"), _Recomputed)


class _Recomputed:
    def __init__(self, forward) -> None:
        self.forward = forward
        functools.update_wrapper(self, forward)

    def __call__(self, x: Tensor) -> Tensor:
        if not (torch.is_grad_enabled() and x.requires_grad):
            return self.forward(x)
        return checkpoint(self.forward, x, use_reentrant=False)


def copy_sharing_frozen(model: nn.Module) -> nn.Module:
    """A copy of the model with values of its own for every parameter that learns; the frozen ones are the model's own.

    Under LoRA that is a few per cent of a copy. Nothing may train or overwrite a shared parameter later.
    """
    return copy.deepcopy(model, {id(p): p for p in model.parameters() if not p.requires_grad})
