"""Advantages: how good a reward is beside the others of its group. `ADVANTAGES` holds them by name.

A function (rewards (B,), G) -> advantages (B,), where G neighbours share a question. A group whose rewards are all
equal, or a group of one, gets 0: it teaches nothing, and nothing is divided by its spread of 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from atp_lite.rl.registries import ADVANTAGES, checked


@ADVANTAGES.register("group")
def group_advantages(rewards: Tensor, group_size: int) -> Tensor:
    """A_i = (r_i - mean of its group) / (standard deviation of its group): GRPO (Shao et al. 2024).

    Raises:
        ValueError: B is not a multiple of G.
    """
    groups = _groups(rewards, group_size)  # (B / G, G)
    deviation = groups.std(1, keepdim=True, correction=0)
    return (centred_advantages(rewards, group_size).reshape_as(groups) / deviation.clamp(min=1e-6)).reshape(-1)


@ADVANTAGES.register("centred")
def centred_advantages(rewards: Tensor, group_size: int) -> Tensor:
    """A_i = r_i - mean of its group: Dr. GRPO (Liu et al. 2025), in which easy and hard questions weigh the same."""
    groups = _groups(rewards, group_size)
    centred = groups - groups.mean(1, keepdim=True)
    return torch.where(used_groups(rewards, group_size)[:, None], centred, 0.0).reshape(-1)


@ADVANTAGES.register("leave-one-out")
def leave_one_out(rewards: Tensor, group_size: int) -> Tensor:
    """A_i = r_i - mean of the other G - 1 = G / (G - 1) (r_i - mean): RLOO (Ahmadian et al. 2024)."""
    return centred_advantages(rewards, group_size) * (group_size / max(group_size - 1, 1))


def advantages(name: str, rewards: Tensor, group_size: int) -> Tensor:
    """Those of an entry of `ADVANTAGES`, (B,). Raises ValueError where it gives another shape, or values not finite."""
    return checked("advantage", name, ADVANTAGES[name](rewards, group_size), tuple(rewards.shape))


def used_groups(rewards: Tensor, group_size: int) -> Tensor:
    """(B / G,) True for groups whose rewards differ: those that teach something."""
    return _groups(rewards, group_size).std(1, correction=0) > 1e-6


def _groups(rewards: Tensor, group_size: int) -> Tensor:
    if group_size < 1 or rewards.shape[0] % group_size:
        raise ValueError(f"{rewards.shape[0]} rewards do not make whole groups of {group_size}")
    return rewards.reshape(-1, group_size)
