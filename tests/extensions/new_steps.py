"""A reward in one file: steps that say something new."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from atp_lite.domains import Problem
from atp_lite.model import Decoded
from atp_lite.rl import REWARDS


@REWARDS.register("new-steps")
def new_steps(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
    """Share of the decoded steps that no earlier step of the chain repeats, in [0, 1]; 0 without steps."""
    return torch.tensor([len(set(steps)) / max(len(steps), 1) for steps in trace.steps], device=trace.latents.device)
