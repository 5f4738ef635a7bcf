"""How much the notebooks train, by the environment variable ATP_LITE_PROFILE."""

from __future__ import annotations

import os
from typing import Literal, TypeVar

Profile = Literal["ci", "laptop", "gpu"]
PROFILES: tuple[Profile, ...] = ("ci", "laptop", "gpu")
VARIABLE = "ATP_LITE_PROFILE"
T = TypeVar("T")


def profile() -> Profile:
    """The chosen profile: `ci` (what is committed, minutes on two cores), `laptop` (longer) or `gpu` (longer still).

    Raises:
        ValueError: the variable names no profile.
    """
    chosen = os.environ.get(VARIABLE, "ci") or "ci"
    if chosen not in PROFILES:
        raise ValueError(f"{VARIABLE}={chosen!r}: choose one of {', '.join(PROFILES)}, or leave it unset for ci")
    return chosen


def scaled(ci: T, laptop: T, gpu: T | None = None) -> T:
    """The value of the chosen profile; `gpu` is as `laptop` where it is not given."""
    return {"ci": ci, "laptop": laptop, "gpu": laptop if gpu is None else gpu}[profile()]
