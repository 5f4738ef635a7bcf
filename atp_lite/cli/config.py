"""YAML settings files: the same dataclasses that make the command line, read with every name checked."""

from __future__ import annotations

import dataclasses
import os
import re
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from atp_lite.resources import find

T = TypeVar("T")


def read_config(path: str | os.PathLike[str], default: T, section: str = "", sections: Sequence[str] = ()) -> T:
    """`default` (a settings dataclass) with the values of a YAML file put in, level by level.

    A file may be divided into `sections`, such as sft, rl and eval: then `section` is read, and before it the names
    that stand outside all of them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a YAML mapping, has no such section, or names a setting that does not exist; the message
            lists those that do.
    """
    values = read_values(path)
    divided = [name for name in values if name in sections] if isinstance(values, dict) else []
    if not divided:
        return merge(default, values, str(path))
    if section not in divided:
        raise ValueError(f"{path} has no section {section!r}: it is for {', '.join(map(repr, divided))}")
    shared = {name: value for name, value in values.items() if name not in sections}
    return merge(merge(default, shared, str(path)), values[section] or {}, f"{path}: {section}")


def read_values(path: str | os.PathLike[str]) -> Any:
    """What stands in a YAML file; an empty one is an empty mapping.

    Raises FileNotFoundError without such a file, ValueError where it is not valid YAML.
    """
    path = find(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such settings file; see configs/ for examples")
    try:
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    return {} if values is None else values


def merge(default: T, values: Any, where: str) -> T:
    """`default` (a settings dataclass) with `values` put in by name, level by level; `where` begins the errors."""
    if not isinstance(values, dict):
        raise ValueError(f"{where}: expected names with values, found {values!r}")
    hints = typing.get_type_hints(type(default))
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ValueError(f"{where}: unknown setting {unknown[0]!r}; known: {', '.join(sorted(hints))}")
    changed = {}
    for name, value in values.items():
        old = getattr(default, name)
        if dataclasses.is_dataclass(old):
            changed[name] = merge(old, value, f"{where}: {name}")
        else:
            changed[name] = _fit(value, hints[name], f"{where}: {name}")
    return dataclasses.replace(default, **changed)


def _fit(value: Any, hint: Any, where: str) -> Any:
    """`value` as the type of its field, or ValueError."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, _UNION) else (hint,)
    for option in options:
        origin, args = typing.get_origin(option), typing.get_args(option)
        if option is Any or origin is typing.Literal and value in args:
            return value
        if dataclasses.is_dataclass(option) and isinstance(value, dict):
            return merge(option(), value, where)
        if option is type(None) and value is None:
            return None
        if origin is tuple and isinstance(value, list):
            inner = args[:1] * len(value) if args[-1] is Ellipsis else args
            if len(inner) != len(value):
                raise ValueError(f"{where} is {value!r}: give {len(inner)} values, not {len(value)}")
            return tuple(_fit(v, h, where) for v, h in zip(value, inner, strict=True))
        if origin is dict and isinstance(value, dict):
            return {_fit(k, args[0], where): _fit(v, args[1], where) for k, v in value.items()}
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if option is float and isinstance(value, str) and _EXPONENT.fullmatch(value):
            return float(value)
        if option is int and isinstance(value, int) and not isinstance(value, bool):
            return value
        if option in (str, bool) and isinstance(value, option):
            return value
        if option is Path and isinstance(value, str):
            return Path(value)
    raise ValueError(f"{where} is {value!r}, which is not a {hint}")


_UNION = type(int | None)
_EXPONENT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+")  # pyyaml takes 1e-4 for text, unlike 1.0e-4
