"""Backpropagation through time with one weight gradient instead of T.

A loop of T steps uses every weight matrix T times. Plain autograd then makes T products of the size of the matrix and
adds them up, although each stands for only a few rows:

    dL/dW = sum_t g_t' x_t = [g_1; ..; g_T]' [x_1; ..; x_T]

x_t (b, n) is what the matrix was given in step t, g_t (b, m) the gradient of what it returned. The right side is one
product over all steps. `one_weight_gradient` computes that; the gradients of the inputs still go back step by step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.distributed.fsdp import FSDPModule
from torch.nn import functional as F

from atp_lite.engine.memory import is_recomputed

SMALLEST = 2**15
"""Matrices with fewer numbers are left to autograd: collecting their steps costs more than it saves."""

Steps = dict[int, tuple[Tensor, Tensor]]
"""t -> (x_t, g_t) of every step whose gradient has arrived; a second backward pass overwrites the first one's."""


@contextmanager
def one_weight_gradient(model: nn.Module) -> Iterator[None]:
    """Inside, every large linear layer of `model` keeps its weight gradient back until all steps have theirs.

    Nothing changes but the time it takes and the order of a sum. Under `torch.no_grad` or autocast, for weights that
    do not learn, for layers that are not plainly `nn.Linear` and for a sharded model, it does nothing. Autograd refuses
    gradients of these gradients.
    """
    layers = []
    if torch.is_grad_enabled() and not isinstance(model, FSDPModule):
        again = {id(inner) for layer in model.modules() if is_recomputed(layer) for inner in layer.modules()}
        layers = [layer for layer in model.modules() if id(layer) not in again and _can_wait(layer)]
    for layer in layers:
        layer.forward = _Loop(layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # the instance's; the class has its own


def _can_wait(layer: nn.Module) -> bool:
    if getattr(type(layer), "forward", None) is not nn.Linear.forward or "forward" in vars(layer):
        return False
    weight = layer.weight
    cast = torch.is_autocast_enabled(weight.device.type)  # then x and W are of different types
    return weight.requires_grad and weight.numel() >= SMALLEST and not cast


class _Loop:
    """What a linear layer does in the loop: y = x W' + b."""

    def __init__(self, layer: nn.Linear) -> None:
        self.steps: Steps = {}
        self.t = 0
        self.weight = _Sum.apply(layer.weight, self.steps)
        self.bias = layer.bias

    def __call__(self, x: Tensor) -> Tensor:
        y = _Product.apply(x, self.weight, self.steps, self.t)
        self.t += 1
        return y if self.bias is None else y + self.bias


class _Product(torch.autograd.Function):
    """y = x W'. Backward gives x its gradient and writes (x, g) down for W."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, steps: Steps, t: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.steps, ctx.t = steps, t
        return F.linear(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, weight = ctx.saved_tensors
        if ctx.needs_input_grad[1]:
            ctx.steps[ctx.t] = (x, grad)
        return grad @ weight if ctx.needs_input_grad[0] else None, None, None, None


class _Sum(torch.autograd.Function):
    """W itself. Autograd comes back here once every step has been: only then is the product formed."""

    @staticmethod
    def forward(ctx, weight: Tensor, steps: Steps) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.steps = steps
        return weight.view_as(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, _):
        xs, grads = zip(*(ctx.steps[t] for t in sorted(ctx.steps)), strict=True)
        ctx.steps.clear()
        return torch.cat(grads).flatten(0, -2).T @ torch.cat(xs).flatten(0, -2), None
