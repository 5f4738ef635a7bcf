"""Settings of a dataclass from YAML files and the command line, by jsonargparse.

The dataclass is the single source: its fields are the names, their types are checked, their docstrings are the help.
jsonargparse reads and checks values; here are the sections of our files, the spelling of the command line and errors
of one line.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import re
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace, set_parsing_settings

from atp_lite.cli.commands import COMMANDS
from atp_lite.resources import find

T = TypeVar("T")

# No value of a file may name a class to build, and null is a value like others.
set_parsing_settings(
    docstring_parse_attribute_docstrings=True, instantiate_subclass_spec_in_any=False, unset_sentinel=True
)

COMMON: dict[str, tuple[Any, str, str]] = {
    "config": (Path, "FILE", "YAML file of settings; options win over it."),
    "import": (str, "MODULE", "Python module of yours to import first, for what it registers; may come again."),
    "print_config": (bool, "", "Print all settings as YAML, and do nothing else."),
}
"""Options of every command: type, placeholder, help."""

IMPORTED: list[str] = []
"""Modules of the user's that were imported, for processes that are started from here."""


# ------------------------------------------------------------------ files


def read_values(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What stands in a YAML file, by name; an empty one is an empty mapping. Modules under `import` are imported.

    Raises FileNotFoundError without such a file, ValueError where it is no YAML mapping or an import fails.
    """
    path = find(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such settings file; see configs/ for examples")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected names with values, found {values!r}")
    modules = values.pop("import", [])
    import_modules([modules] if isinstance(modules, str) else modules, f"{path}: import")
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
        IMPORTED.append(name)


def section(values: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    """The settings of one command: names that stand outside all sections, and over them its own section, if any."""
    divided = [key for key in values if key in COMMANDS]
    if not divided:
        return dict(values)
    if name not in divided:
        raise ValueError(f"{where} has no section {name!r}: it is for {', '.join(map(repr, divided))}")
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
        given: options and their values, as `spelled` gives them.
        base: an instance that holds the values of names which are not given; None takes the defaults.

    Raises ValueError with the place, the value and what is known or expected.
    """
    parser, read = _read(kind, values, where, given, base)
    try:
        return kind(**vars(parser.instantiate(read)))
    except ValueError as error:
        if values and given:  # is the file alone to blame?
            build(kind, values, where, base=base)
        raise ValueError(f"{where}: {error}" if values and not given else str(error)) from error


def _read(
    kind: type, values: Mapping[str, Any], where: str, given: Sequence[tuple[str, str]], base: Any = None
) -> tuple[ArgumentParser, Namespace]:
    """jsonargparse's parser and what it has read, checked one by one but not yet made a dataclass."""
    check_names(kind, values, where)
    parser, read, place = parser_of(kind), None, f"{where}: "
    try:
        if base is not None:
            read = parser.parse_object(dataclasses.asdict(base))
        if values:
            read = parser.parse_object(dict(values), namespace=read)
        place = "--"
        return parser, parser.parse_args([f"--{name}={value}" for name, value in given], namespace=read)
    except (argparse.ArgumentError, TypeError) as error:
        raise ValueError(_one_line(str(error), place)) from error


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


# ----------------------------------------------------------- command line


def parse(kind: type[T], arguments: Sequence[str], name: str) -> T | None:
    """The settings of a command from its command line, and from the files named there.

    None where the command line only asked for help (`--help`) or for the settings themselves (`--print_config`), which
    are printed. `positional` of the class names the field that a word without option fills, `config` the file that is
    read where none is named.
    """
    if {"-h", "--help"} & set(arguments):
        print(help_of(kind, name))
        return None
    given = spelled(kind, arguments)
    import_modules(value for option, value in given if option == "import")
    file = dict(given).get("config", getattr(kind, "default_config", None))
    values, where = ({}, "") if file is None else values_for(kind, name, Path(file))
    own = [(option, value) for option, value in given if option.split(".")[0] not in COMMON]
    if ("print_config", "true") in given:
        print(printed(name, kind, _read(kind, values, where, own)[1]))
        return None
    return build(kind, values, where, own)


def spelled(kind: type, arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Options and values of a command line, as jsonargparse spells them.

    `--settings.stage-steps 2 4` is ("settings.stage_steps", "[2, 4]"), `--resume` ("resume", "true"), `--no-browser`
    ("browser", "false"), and a word that belongs to no option is the class's positional setting.

    Raises ValueError for an option that does not exist or lacks its value.
    """
    words, found = list(arguments), []
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            if not hasattr(kind, "positional"):
                raise ValueError(f"{word!r} belongs to no option; see --help")
            found.append((kind.positional, word))
            continue
        option, equals, value = word[2:].partition("=")
        name, hint = _option(kind, option)
        several, taken = _is_list(hint), [value] if value else []
        if hint is bool and not equals:
            yes = option.replace("-", "_") == name
            taken = [words.pop(0) if yes and words and words[0] in ("true", "false") else str(yes).lower()]
        while not equals and words and not words[0].startswith("--") and (several or not taken):
            taken.append(words.pop(0))
        if not taken:
            raise ValueError(f"--{option} needs {'a YAML file' if name == 'config' else 'a value'} behind it")
        found.append((name, json.dumps(taken) if several and not taken[0].startswith("[") else taken[0]))
    return found


def _is_list(hint: Any) -> bool:
    return any(typing.get_origin(part) is tuple for part in (hint, *typing.get_args(hint)))


def _option(kind: type, option: str) -> tuple[str, Any]:
    """The setting an option names, `a.b-c` or `a.b_c`, and its type; or an entry of a mapping, `rewards.correct`."""
    name, prefix = option, ""
    known = hints(kind) | {key: about[0] for key, about in COMMON.items()}
    while True:
        first, _, rest = name.partition(".")
        first = first.replace("-", "_")
        if first not in known and known.get(first.removeprefix("no_")) is bool:
            first = first.removeprefix("no_")
        if first not in known:
            options = ", ".join(f"--{prefix}{key}".replace("_", "-") for key in sorted(known))
            raise ValueError(f"unknown option --{option}; known: {options}")
        hint, prefix = known[first], f"{prefix}{first}."
        if not rest:
            return prefix[:-1], hint
        if not dataclasses.is_dataclass(hint):
            return f"{prefix}{rest}", Any
        name, known = rest, hints(typing.cast(type, hint))


# -------------------------------------------------------- what is printed


class _Formatter(DefaultHelpFormatter):
    def _get_type_str(self, action: argparse.Action) -> None:
        """Types are not named: the placeholder says enough, `{a,b}` or `LR`."""


def help_of(kind: type, name: str) -> str:
    """The help of a command: every setting with its docstring and default, in groups. Commands in it are left out."""
    positional = getattr(kind, "positional", "")
    word = f" [{positional.upper()}]" if positional else ""
    usage = f"atp-lite {name}{word} [options]"
    parser = ArgumentParser(usage=usage, description=kind.__doc__, formatter_class=_Formatter)
    for option, about in COMMON.items():
        parser.add_argument(f"--{option}", metavar=about[1], default=argparse.SUPPRESS, help=about[2])
    parser.add_class_arguments(kind, as_group=False, skip={key for key, hint in hints(kind).items() if _runs(hint)})
    for action in parser._actions:
        if action.dest in COMMON or action.dest == "help":
            continue
        hint = _option(kind, action.dest)[1]
        if dataclasses.is_dataclass(hint) or action.dest.endswith(".help"):
            action.help = argparse.SUPPRESS  # a whole group at once
        elif hint is bool:
            action.metavar = ""
        elif _is_list(hint):
            action.metavar = f"{action.dest.split('.')[-1].upper()} ..."
        action.option_strings = [option.replace("_", "-") for option in action.option_strings]
    return parser.format_help().rstrip()


def printed(name: str, kind: type, read: Namespace) -> str:
    """All settings of a command as a YAML file that can be read back."""
    values = _plain(read.as_dict())
    parts = {key: values.pop(key) for key, hint in hints(kind).items() if _runs(hint)}
    sections = ({"import": IMPORTED} if IMPORTED else {}) | {name: values} | parts
    return str(yaml.safe_dump(sections, sort_keys=False, allow_unicode=True, width=120)).rstrip()


def _runs(hint: Any) -> bool:
    """Whether a field holds the settings of another command."""
    return hasattr(hint, "run")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value
