"""The command line of a settings dataclass: how options are spelled, the help, and all settings printed as a file."""

from __future__ import annotations

import argparse
import dataclasses
import json
import typing
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import yaml
from jsonargparse import ArgumentParser, DefaultHelpFormatter

from atp_lite.cli.settings import IMPORTED, build, hints, import_modules, read_values, values_for
from atp_lite.registry import registries_of

T = TypeVar("T")

COMMON: dict[str, tuple[Any, str, str]] = {
    "config": (Path, "FILE", "YAML file of settings; options win over it."),
    "import": (str, "MODULE", "Python module of yours to import first, for what it registers; may come again."),
    "print_config": (bool, "", "Print all settings as YAML, and do nothing else."),
}
"""Options of every command: type, placeholder, help."""


def parse(kind: type[T], arguments: Sequence[str], name: str) -> T | None:
    """The settings of a command from its command line, and from the files named there.

    None where the command line only asked for help (`--help`) or for the settings themselves (`--print_config`), which
    are printed. `positional` of the class names the field that a word without option fills, `config` the file that is
    read where none is named.
    """
    if {"-h", "--help"} & set(arguments):
        for option, value in pairwise(arguments):  # what they register is listed too
            if option == "--import":
                import_modules([value])
            elif option == "--config":
                read_values(value)
        print(help_of(kind, name))
        return None
    given = spelled(kind, arguments)
    import_modules(value for option, value in given if option == "import")
    file = dict(given).get("config", getattr(kind, "default_config", None))
    values, where = ({}, "") if file is None else values_for(kind, name, Path(file))
    command = build(kind, values, where, [(option, value) for option, value in given if option not in COMMON])
    if ("print_config", "true") in given:
        print(printed(command, name))
        return None
    return command


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
        if "" in taken and Path in (hint, *typing.get_args(hint)):  # it would be the current folder
            raise ValueError(f"--{option} is empty: give a path, or . for the current folder")
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
        if dataclasses.is_dataclass(hint):
            name, known = rest, hints(typing.cast(type, hint))
        elif rest:  # settings that are read later are spelled as in Python; names of a registry are what they are
            return prefix + (rest.replace("-", "_") if Any in typing.get_args(hint) else rest), Any
        else:
            return prefix[:-1], hint


class _Formatter(DefaultHelpFormatter):
    def _get_type_str(self, action: argparse.Action) -> None:
        """Types are not named: the placeholder says enough, `{a,b}` or `LR`."""


def help_of(kind: type, name: str) -> str:
    """The help of a command: every setting with its docstring and default, in groups. Commands in it are left out.

    Where a setting is a name of a registry, all of them are listed, those of imported modules too.
    """
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
        if action.metavar == "CONFIG" or action.dest.endswith(".help"):
            action.help = argparse.SUPPRESS  # a whole group at once
            continue
        hint, registry = _option(kind, action.dest)[1], _registry(kind, action.dest)
        if registry:
            action.help = f"{(action.help or '').rstrip()} Registered: {', '.join(registry)}."
        if hint is bool:
            action.metavar = ""
        elif _is_list(hint):
            action.metavar = f"{action.dest.split('.')[-1].upper()} ..."
        action.option_strings = [option.replace("_", "-") for option in action.option_strings]
    return parser.format_help().rstrip()


def _registry(kind: type, name: str) -> dict[str, Any] | None:
    """The registry whose names a setting `a.b` holds, where there is one."""
    *groups, field = name.split(".")
    for group in groups:
        kind = typing.cast(type, hints(kind)[group])
    return registries_of(kind).get(field)


def printed(command: Any, name: str) -> str:
    """All settings of a command as a YAML file that can be read back."""
    values = json.loads(json.dumps(dataclasses.asdict(command), default=str))  # paths as text, tuples as lists
    kind: type = type(command)
    parts = {key: values.pop(key) for key, hint in hints(kind).items() if _runs(hint)}
    sections = ({"import": IMPORTED} if IMPORTED else {}) | {name: values} | parts
    return str(yaml.safe_dump(sections, sort_keys=False, allow_unicode=True, width=120)).rstrip()


def _runs(hint: Any) -> bool:
    """Whether a field holds the settings of another command."""
    return hasattr(hint, "run")
