"""Settings of a dataclass from YAML files and options, by jsonargparse.

The dataclass is the single source: its fields are the names, their types are checked, their docstrings are the help.
jsonargparse reads and checks values; here are the sections of our files, code of the user's, and errors of one line.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import re
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from jsonargparse import ArgumentParser, set_parsing_settings

from atp_lite.cli.commands import COMMANDS
from atp_lite.resources import find

T = TypeVar("T")

# No value of a file may name a class to build, and null is a value like others.
set_parsing_settings(
    docstring_parse_attribute_docstrings=True, instantiate_subclass_spec_in_any=False, unset_sentinel=True
)

IMPORTED: list[str] = []
"""Modules of the user's that were imported, for processes that are started from here."""


# ------------------------------------------------------------------ files


class _EachKeyOnce(yaml.SafeLoader):
    """PyYAML's safe loader, which lets the last of two equal keys win in silence; here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, _ in reversed(node.value):
            if names.count(key.value) > 1:
                problem = f"{key.value!r} stands there twice: leave one"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        return super().construct_mapping(node, deep)


def read_values(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What stands in a YAML file, by name; an empty one is an empty mapping. Modules under `import` are imported.

    Raises FileNotFoundError without such a file, ValueError where it is no YAML mapping or an import fails.
    """
    path = find(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such settings file; see configs/ for examples")
    try:
        values = _EachKeyOnce(path.read_text(encoding="utf-8")).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected names with values, found {values!r}")
    modules = values.pop("import", [])
    modules = [modules] if isinstance(modules, str) else modules
    if not isinstance(modules, list) or not all(isinstance(name, str) for name in modules):
        raise ValueError(f"{path}: import is {modules!r}: write names of modules, [my_module]")
    import_modules(modules, f"{path}: import")
    return values


def import_modules(names: Iterable[str], where: str = "--import") -> None:
    """Import the user's modules, from the current folder or wherever Python looks: they register what they add."""
    for name in names:
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        try:
            importlib.import_module(name)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise ValueError(f"{where} {name}: {reason} (looked in {os.getcwd()} and in Python's path)") from error
        if name not in IMPORTED:
            IMPORTED.append(name)


def section(values: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    """The settings of one command: names that stand outside all sections, and over them its own section, if any."""
    divided = [key for key in values if key in COMMANDS]
    if not divided:
        return dict(values)
    if name not in divided:
        raise ValueError(f"{where} has no section {name!r}: it is for {', '.join(map(repr, divided))}")
    if not isinstance(values[name] or {}, Mapping):
        raise ValueError(f"{where}: the section {name} is {values[name]!r}: expected names with values")
    return dict(merged({key: value for key, value in values.items() if key not in COMMANDS}, values[name] or {}))


def merged(under: Any, over: Any) -> Any:
    """`over`, level by level, in the place of what has the same name in `under`."""
    if not (isinstance(under, Mapping) and isinstance(over, Mapping)):
        return over
    return {**under, **{key: merged(under[key], value) if key in under else value for key, value in over.items()}}


def values_for(kind: type, name: str, path: Path) -> tuple[dict[str, Any], str]:
    """What a file says for a command, and the beginning of errors about it. A class may divide files in its own way."""
    values = read_values(path)
    if hasattr(kind, "of_sections"):
        return kind.of_sections(values, path), str(path)
    return section(values, name, str(path)), f"{path}: {name}" if name in values else str(path)


def read_config(path: str | os.PathLike[str], kind: type[T], name: str = "") -> T:
    """A settings dataclass with the values of a YAML file: of the section `name`, where the file is divided.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a YAML mapping, has no such section, names a setting that does not exist (the message
            lists those that do), or holds a value that does not fit.
    """
    values, where = values_for(kind, name, Path(path))
    return build(kind, values, where)


# ----------------------------------------------------------------- values


def build(
    kind: type[T],
    values: Mapping[str, Any],
    where: str = "",
    given: Sequence[tuple[str, str]] = (),
    base: T | None = None,
) -> T:
    """A settings dataclass from the values of a file, and over them those of the command line.

    Args:
        where: the beginning of errors about `values`.
        given: options and their values, as `command_line.spelled` gives them.
        base: an instance that holds the values of names which are not given; None takes the defaults.

    Raises ValueError with the place, the value and what is known or expected.
    """
    check_names(kind, values, where)
    parser, read, place = parser_of(typing.cast(Any, kind)), None, f"{where}: "
    try:
        if base is not None:
            read = parser.parse_object(dataclasses.asdict(typing.cast(Any, base)))
        if values:
            read = parser.parse_object(dict(values), namespace=read)
        place = "--"
        read = parser.parse_args([f"--{name}={value}" for name, value in given], namespace=read)
    except (argparse.ArgumentError, TypeError) as error:
        raise ValueError(_one_line(str(error), place)) from error
    try:
        return kind(**vars(parser.instantiate(read)))
    except ValueError as error:
        if values and given:  # is the file alone to blame?
            build(kind, values, where, base=base)
        raise ValueError(f"{where}: {error}" if values and not given else str(error)) from error


@cache
def parser_of(kind: type) -> ArgumentParser:
    """jsonargparse's parser of a dataclass."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind)
    return parser


def check_names(kind: type, values: Any, where: str) -> None:
    """Raise ValueError where a name is no setting of the dataclass, or of one inside it."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{where} is {values!r}: expected names with values")
    known = hints(kind)
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{where}: unknown setting {name!r}; known: {', '.join(sorted(known))}")
        hint, *_, inside = known[name], None, *typing.get_args(known[name])
        if dataclasses.is_dataclass(hint):
            check_names(typing.cast(type, hint), value, f"{where}: {name}")
        elif dataclasses.is_dataclass(inside) and isinstance(value, Mapping):  # dict[str, dataclass]
            for key in value:
                check_names(typing.cast(type, inside), value[key], f"{where}: {name}: {key}")


@cache
def hints(kind: type) -> dict[str, Any]:
    """The type of every field of a dataclass."""
    found = typing.get_type_hints(kind)
    return {field.name: found[field.name] for field in dataclasses.fields(kind)}


def _one_line(message: str, place: str) -> str:
    """An error of jsonargparse, which takes several lines and names types as Python does, as place, value, expected."""
    key = re.search(r'Parser key "([^"]+)"', message)
    value = re.search(r"(?:Got|Given) value: (.*)\Z", message)
    expected = re.search(r"Subtypes: \[(.*)\]|xpected an? (.*?)(?:\. Got value.*)?$", message, flags=re.MULTILINE)
    if not (key and value and expected):
        line = " ".join(message.split())
        line = re.sub(r"the following arguments are required: (.+)", r"\1 is missing: see --help", line)
        return f"{place if key else ''}{line}"
    shown = value[1] if re.match(r"[^A-Za-z]|(True|False|None)$", value[1]) else repr(value[1])
    types = re.sub(r"<class '([\w.]+)'>|typing\.", r"\1", expected[1] or expected[2]).replace("NoneType", "null")
    return f"{place}{key[1]} is {shown}: expected {'one of ' if expected[1] else ''}{types}"
