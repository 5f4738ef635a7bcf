"""What no model can mean: numbers of a configuration that were mistyped or damaged, and weights that are no numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import nn

MOST_TOKENS = 1_000_000
"""No text is longer."""
RANGES = {
    "eps": (0, 1),
    "epsilon": (0, 1),
    "theta": (0, math.inf),
    "max_position_embeddings": (0, math.inf),
    "n_positions": (0, math.inf),
}
"""Ends of names of numbers that language models have in common, and what they are between."""


def check_language_model(part: str, values: Mapping[str, Any] | None, dtype: Any) -> None:
    """Raise ValueError, naming the value, where one of a language model's config has no meaning.

    dtype: of the reasoner that it is a part of.
    """
    for name, value in (values or {}).items():
        _check_number(f"{part}.{name}", value)
        if name in ("dtype", "torch_dtype") and value and dtype and str(value) not in str(dtype):
            raise ValueError(f"{part}.{name} is {value!r} in config.json, and dtype {dtype}: they must agree")


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, dict):
        for key, inside in value.items():
            _check_number(f"{name}.{key}", inside)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        low, high = next((ends for end, ends in RANGES.items() if name.endswith(end)), (-math.inf, math.inf))
        if not low < value < high:
            raise ValueError(f"{name} is {value} in config.json: it must be a number between {low} and {high}")


def check_finite(model: nn.Module, where: Any) -> None:
    """Raise ValueError where a weight is NaN or infinite; the message names it."""
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ValueError(f"{where}: the weight {name} has values that are NaN or infinite: copy it anew")


def check_types(model: nn.Module, folder: Path) -> None:
    """Raise ValueError where weights were saved as whole numbers, which loading would silently turn into others."""
    weights = model.state_dict()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118  it is no mapping
                kind = file.get_slice(name).get_dtype()
                if kind.startswith(("I", "U", "BOOL")) and name in weights and weights[name].is_floating_point():
                    raise ValueError(f"{path}: the weight {name} is saved as {kind}, which is no weight: copy it anew")
