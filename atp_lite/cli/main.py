"""`atp-lite`: the way in. `doctor` runs without torch; everything else is in `commands.py`."""

from __future__ import annotations

import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status. Errors are one line that says what to do, not a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if arguments[:1] == ["doctor"] and len(arguments) == 1:
        from atp_lite import doctor

        return doctor.main()
    try:
        from atp_lite.cli.commands import run
    except ImportError as error:
        print(f"atp-lite: {error}; run `atp-lite doctor` to see what is missing", file=sys.stderr)
        return 1
    try:
        return run(arguments)
    except (ValueError, OSError) as error:
        if os.environ.get("ATP_LITE_TRACEBACK"):
            raise
        print(f"atp-lite: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"\natp-lite: interrupted. {stop}".rstrip(), file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
