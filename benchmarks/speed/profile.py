"""What dominates a training step: time by operator, from torch.profiler, ours beside the plain model's."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from torch.profiler import ProfilerActivity, profile

from benchmarks.speed.models import plain_step, sft_step

KINDS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::linear", "aten::matmul"),
    "attention": ("aten::_scaled_dot_product",),
    "softmax and cross-entropy": ("aten::_log_softmax", "aten::nll_loss", "aten::_softmax"),
    "elementwise": (
        "aten::mul", "aten::add", "aten::silu", "aten::gelu", "aten::pow", "aten::neg", "aten::rsqrt", "aten::div",
        "aten::exp", "aten::sub", "aten::native_layer_norm", "aten::mean", "aten::sum",
    ),
    "copies": (
        "aten::cat", "aten::copy_", "aten::index", "aten::fill_", "aten::zero_", "aten::embedding", "aten::clone",
        "aten::contiguous", "aten::_to_copy", "aten::select", "aten::slice", "aten::stack", "aten::new_zeros",
    ),
}  # fmt: skip
"""Operators by the beginning of their names; the first kind that fits takes one."""


@dataclass(frozen=True)
class Profile:
    """A step's milliseconds by kind of operator; what no operator accounts for is Python and autograd."""

    name: str
    milliseconds: float
    kinds: dict[str, float]


def kind_of(operator: str) -> str:
    return next((kind for kind, names in KINDS.items() if operator.startswith(names)), "other operators")


def profiled(name: str, step: Callable[[], object], steps: int = 10) -> Profile:
    """Mean over `steps` steps after two to warm up, under the profiler, which slows a step a little."""
    for _ in range(2):
        step()
    with profile(activities=[ProfilerActivity.CPU]) as found:
        start = time.perf_counter()
        for _ in range(steps):
            step()
        wall = (time.perf_counter() - start) / steps * 1e3
    kinds = dict.fromkeys((*KINDS, "other operators"), 0.0)
    for event in found.key_averages():
        if event.key.startswith("aten::"):
            kinds[kind_of(event.key)] += event.self_cpu_time_total / 1e3 / steps
    kinds["Python and autograd"] = wall - sum(kinds.values())
    return Profile(name, wall, kinds)


def profiles() -> list[Profile]:
    """A training step of ATP-Latent at B=16, T=6, and one of the plain model over as many positions."""
    ours, positions = sft_step("atp-no-decoder", 16, 6)
    whole, _ = sft_step("atp", 16, 6)
    return [
        profiled("plain model", plain_step(16, round(positions))),
        profiled("ATP-Latent without decoder", ours),
        profiled("ATP-Latent", whole),
    ]
