"""The commands of `atp-lite`: each is a dataclass of settings (its options and its help) with a `run` method.

`--config FILE.yaml` fills the same names from a file; options given on the command line win.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import transformers
import tyro

from atp_lite.cli.config import read_config
from atp_lite.cli.planning import Plan
from atp_lite.cli.studies import Checkpoints, Compare, Tour
from atp_lite.cli.training import RL, SFT, Data
from atp_lite.cli.using import Eval, Explore, ExportExplorer, Solve


@dataclass(frozen=True)
class Doctor:
    """Check Python, packages, versions, widgets, disk and device: a line each, with what to do."""

    def run(self) -> int:
        from atp_lite import doctor

        return doctor.main()


COMMANDS = {
    "tour": Tour,
    "data": Data,
    "sft": SFT,
    "rl": RL,
    "eval": Eval,
    "plan": Plan,
    "solve": Solve,
    "explore": Explore,
    "export-explorer": ExportExplorer,
    "compare": Compare,
    "checkpoints": Checkpoints,
    "doctor": Doctor,
}


def run(arguments: list[str]) -> int:
    """Parse the arguments of one command and run it; the exit status."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # a line for every try of six to reach the hub
    commands = dict(COMMANDS)
    name = arguments[0] if arguments else ""
    file = settings_file(arguments) if name in commands and name not in ("compare", "plan") else None
    if file is not None:  # its values are defaults
        default = read_config(file, commands[name](), name, tuple(commands))
        command = tyro.cli(commands[name], args=arguments[1:], default=default, prog=f"atp-lite {name}")
    elif name == "plan" and not {"-h", "--help"} & set(arguments[:2]):
        path = Plan.file if arguments[1:2] == [] or arguments[1].startswith("-") else Path(arguments[1])
        default = Plan.of(path, tuple(commands))
        command = tyro.cli(Plan, args=arguments[1:], default=default, prog="atp-lite plan")
        if command.file != path:
            raise ValueError(f"{command.file} stands behind options and was not read: write it first, behind `plan`")
    else:
        command = tyro.extras.subcommand_cli_from_dict(
            commands, args=arguments, prog="atp-lite", description="Learn, see and extend latent reasoning."
        )
    return command.run()


def settings_file(arguments: list[str]) -> str | None:
    """What `--config FILE` or `--config=FILE` names; None where neither is there."""
    for i, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option == "--config":
            value = value if equals else "".join(arguments[i + 1 : i + 2])
            if not value:
                raise ValueError("--config needs a YAML file behind it")
            return value
    return None
