"""Settings that every training run shares, and its learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from atp_lite.registry import check_registered


@dataclass(frozen=True)
class RunSettings:
    """Settings that every training run has; SFT and RL inherit them, with defaults of their own."""

    lr: float = 1e-3
    """Peak learning rate of AdamW."""
    warmup_steps: int = 0
    """Steps over which the rate rises from 0."""
    final_lr: float = 0.1
    """The rate falls to this share of its peak at the last step."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How it falls; constant stays at the peak."""
    weight_decay: float = 0.0
    """Of AdamW."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of AdamW."""
    grad_clip: float = 1.0
    """Largest norm of the gradient."""
    accumulate: int = 1
    """Gradient accumulation steps: micro-batches that a process's share of an update is split into."""
    eval_every: int = 100
    """Steps between validations and saved states."""
    save_every: int = 0
    """Steps between saved states, beside those of validations; 0 leaves them to the clock."""
    save_minutes: float = 15.0
    """Minutes between saved states."""
    eval_batch: int = 500
    """Validation problems reasoned about at once; fewer take less memory."""
    select: str = "accuracy"
    """The validation metric by which `best/` is chosen, the higher the better; a tie keeps the earlier one. Where
    answers are right from the start (on routes they stand in the question), take right_chains or arrives."""
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)
    """Where metrics go beside `metrics.jsonl`; wandb has to be installed and logged in to."""
    seed: int = 0
    """Seed of data order and noise."""
    on_nonfinite: Literal["stop", "skip"] = "stop"
    """What a loss or gradient does that is NaN or infinite: end the run before anything of it is saved, or leave out
    its optimizer step and count it (`skipped` in the log)."""

    def __post_init__(self) -> None:
        check_registered(self)
        require_positive(self, "eval_every", "eval_batch", "accumulate")
        require_between(self, "[0, inf)", "lr", "warmup_steps", "final_lr", "weight_decay", "seed", "save_every")
        require_between(self, "(0, inf)", "grad_clip", "save_minutes")
        require_between(self, "[0, 1)", "betas")


def require_positive(settings: object, *names: str) -> None:
    """Raise ValueError where one of these settings is below 1."""
    for name in names:
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} is {getattr(settings, name)}: give 1 or more")


def require_between(settings: object, interval: str, *names: str) -> None:
    """Raise ValueError where one of these settings, or an entry of it, is outside an interval such as `[0, inf)`.

    None and names such as `learned` are left to the type of the setting.
    """
    low, high = map(float, interval[1:-1].split(","))
    for name in names:
        value = getattr(settings, name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and not (
                (low < number or low == number and interval[0] == "[")
                and (number < high or number == high and interval[-1] == "]")
            ):
                raise ValueError(f"{name} is {value}: give a number in {interval}")


class NonFiniteError(ValueError):
    """A loss, gradient, reward or weight is NaN or infinite."""


def learning_rate(step: int, total: int, peak: float, warmup: int, final: float, schedule: str = "cosine") -> float:
    """Linear warm-up to `peak`, then along the schedule down to `final * peak` at the last step."""
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    done = min(1.0, (step - warmup) / max(1, total - 1 - warmup))
    left = 1 - done if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
    return peak * (final + (1 - final) * left)
