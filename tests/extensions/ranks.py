"""An advantage in one file: ranks, so that one very large reward does not drown the others."""

from __future__ import annotations

import torch
from torch import Tensor

from atp_lite.rl import ADVANTAGES


@ADVANTAGES.register("ranks")
def ranks(rewards: Tensor, group_size: int) -> Tensor:
    """A_i = (how many of its group are worse - how many are better) / (G - 1), in [-1, 1]."""
    groups = rewards.reshape(-1, group_size)  # (B / G, G)
    difference = torch.sign(groups[:, :, None] - groups[:, None, :]).sum(2)
    return (difference / max(group_size - 1, 1)).reshape(-1)
