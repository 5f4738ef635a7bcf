"""How far a learner is: the tries at every exercise, kept in a file of the learner's own.

The file is `my-progress.json` in the folder where the notebooks run; the environment variable ATP_LITE_PROGRESS names
another one. It holds numbers of tries and nothing else: no answer is written down. Delete it to begin anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "ATP_LITE_PROGRESS"
FILE = "my-progress.json"

Tries = dict[str, dict[str, int]]
"""Exercise -> `wrong`, tries before the first right one; `right`, whether there was one (1) or not (0)."""


def progress_file() -> Path:
    """Where the tries are kept."""
    return Path(os.environ.get(VARIABLE) or FILE)


def read_progress() -> Tries:
    """All tries so far; none without a file.

    Raises:
        ValueError: the file is not one that `note` wrote.
    """
    path = progress_file()
    if not path.is_file():
        return {}
    try:
        tries = {name: {"wrong": int(row["wrong"]), "right": int(row["right"])} for name, row in _rows(path).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{path.resolve()} holds no tries: delete it to begin anew, or set {VARIABLE}") from None
    return tries


def _rows(path: Path) -> Mapping[str, Mapping[str, int]]:
    found: Mapping[str, Mapping[str, int]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def note(number: str, right: bool) -> int:
    """Write down a try at an exercise; returns how many wrong ones there were. Tries after a right one do not count.

    A file that cannot be read or written is left alone: an exercise is checked all the same.
    """
    try:
        tries = read_progress()
    except (OSError, ValueError):
        return int(not right)
    row = tries.setdefault(number, {"wrong": 0, "right": 0})
    if not row["right"]:
        row["right" if right else "wrong"] += 1
        path = progress_file()
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_text(json.dumps(tries, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            part.replace(path)
        except OSError:
            pass
    return row["wrong"]


def in_order(number: str) -> tuple[str, int, str]:
    """A key to sort exercises by: 10.2, 10.10, 10b.1, 11.1, and "build" after them."""
    return number.split(".")[0], len(number), number


def progress_text(numbers: list[str]) -> str:
    """A line for each notebook, and the first exercise that is still open. numbers: all exercises, in their order.

    Raises:
        ValueError: the file is not one that `note` wrote.
    """
    tries = read_progress()
    solved = {number for number in numbers if tries.get(number, {}).get("right")}
    lines = []
    for notebook in sorted({number.split(".")[0] for number in numbers}):
        own = [number for number in numbers if number.split(".")[0] == notebook]
        done = sum(number in solved for number in own)
        wrong = sum(tries.get(number, {}).get("wrong", 0) for number in own)
        said = f"{wrong} wrong {'try' if wrong == 1 else 'tries'} on the way" if wrong else ""
        lines.append(f"{notebook:<3} {'#' * done}{'.' * (len(own) - done)}  {done} of {len(own)}  {said}".rstrip())
    following = next((number for number in numbers if number not in solved), None)
    lines.append(f"{len(solved)} of {len(numbers)} solved; {f'next: {following}' if following else 'nothing is left'}")
    return "\n".join(lines)
