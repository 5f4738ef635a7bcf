"""Backpropagation through time with one weight gradient instead of T.

A loop of T steps uses every weight matrix T times. Plain autograd then makes T products of the size of the matrix and
adds them up, although each stands for only a few rows:

    dL/dW = sum_t g_t' x_t = [g_1; ..; g_T]' [x_1; ..; x_T]

x_t (b, n) is what the matrix was given in step t, g_t (b, m) the gradient of what it returned. The right side is one
product over all steps. `one_weight_gradient` computes that; the gradients of the inputs still go back step by step.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

SMALLEST = 2**15
"""Matrices with fewer numbers are left to autograd: collecting their steps costs more than it saves."""

Steps = list[tuple[Tensor, Tensor]]
"""(x_t, g_t) of every step whose gradient has arrived."""


def one_weight_gradient(model: nn.Module) -> AbstractContextManager:
    """Inside, every large linear layer of `model` keeps its weight gradient back until all steps have theirs.

    Nothing changes but the time it takes and the order of a sum. Under `torch.no_grad` or autocast, and for weights
    that do not learn, it does nothing. Gradients of gradients are refused by autograd.
    """
    if not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
        return nullcontext()
    weights = [p for p in model.parameters() if p.requires_grad and p.ndim == 2 and p.numel() >= SMALLEST]
    return _Loop(weights) if weights else nullcontext()


class _Loop(TorchFunctionMode):
    """Sends `linear` with one of `weights` through `_Product`; every other function as it is."""

    def __init__(self, weights: list[Tensor]) -> None:
        super().__init__()
        self.weights = set(weights)
        self.shared: dict[Tensor, tuple[Tensor, Steps]] = {}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is not F.linear or kwargs or args[1] not in self.weights:
            return function(*args, **(kwargs or {}))
        x, weight, *bias = args
        if weight not in self.shared:
            steps: Steps = []
            self.shared[weight] = _Sum.apply(weight, steps), steps
        y = _Product.apply(x, *self.shared[weight])
        return y + bias[0] if bias and bias[0] is not None else y


class _Product(torch.autograd.Function):
    """y = x W'. Backward gives x its gradient and writes (x, g) down for W."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, steps: Steps) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.steps = steps
        return F.linear(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, weight = ctx.saved_tensors
        if ctx.needs_input_grad[1]:
            ctx.steps.append((x.flatten(0, -2), grad.flatten(0, -2)))
        return grad @ weight if ctx.needs_input_grad[0] else None, None, None


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
        xs, grads = zip(*ctx.steps, strict=True)
        ctx.steps.clear()
        return torch.cat(grads).T @ torch.cat(xs), None
