"""`atp-lite`: the way in. Help, `--version` and `doctor` need nothing but the standard library."""

from __future__ import annotations

import logging
import os
import sys

from atp_lite import __version__
from atp_lite.cli.commands import COMMANDS, load

USAGE = """usage: atp-lite COMMAND [options]

Learn, see and extend latent reasoning.

{commands}

atp-lite COMMAND --help lists its options; atp-lite --version says which version this is."""


LONGEST = 1000
"""Characters of an error."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status. Errors are one line that says what to do, not a traceback."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(USAGE.format(commands="\n".join(f"  {key:16} {text}" for key, (_, text) in COMMANDS.items())))
        return 0
    if name == "--version":
        print(f"atp-lite {__version__}")
        return 0
    if name not in COMMANDS:
        return _fail(f"no command {name!r}; there are {', '.join(COMMANDS)}")
    if name == "doctor":
        if rest:
            print("usage: atp-lite doctor\n\nCheck Python, packages, versions, widgets, disk and device: a line each.")
            return 0 if set(rest) <= {"-h", "--help"} else 2
        return int(load(name)())
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import transformers

        from atp_lite.cli.command_line import parse

        kind = load(name)
    except ImportError as error:
        return _fail(f"{error}; run `atp-lite doctor` to see what is missing", 1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # a line for every try of six to reach the hub
    try:
        command = parse(kind, rest, name)
        return 0 if command is None else int(command.run())
    except (ValueError, OSError) as error:
        if os.environ.get("ATP_LITE_TRACEBACK"):
            raise
        return _fail(str(error))
    except KeyboardInterrupt as stop:
        print(f"\natp-lite: interrupted. {stop}".rstrip(), file=sys.stderr)
        return 130


def _fail(message: str, status: int = 2) -> int:
    line = " ".join(message.split())  # what was read may stand in it, as long and in as many lines as it is
    print(f"atp-lite: {line if len(line) <= LONGEST else line[:LONGEST] + ' ...'}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
