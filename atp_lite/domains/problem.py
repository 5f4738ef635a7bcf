"""A problem with its chain of thought, and its file format: one JSON object a line."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Problem:
    """What is reasoned about: a question, one written chain of thought, the answer."""

    question: str
    """The text shown to the model: an expression such as `(3+4)*2`, or a word problem."""
    steps: tuple[str, ...]
    """The labelled chain of thought, one equation such as `3+4=7` a step; empty where the source has none."""
    answer: str
    """The answer asked for. As a rule a number, as text that `parse_number` reads: whole, a decimal, negative or a
    fraction. In other domains any text, such as the name of a place: `is_right` then compares it as it is written."""
    id: str = ""
    """Unique in its file."""
    source: str = ""
    """Data set and split, such as `toy/train`."""

    def to_json(self) -> dict[str, Any]:
        """The problem as a dictionary with the keys id, question, steps, answer, source."""
        return {
            "id": self.id,
            "question": self.question,
            "steps": list(self.steps),
            "answer": self.answer,
            "source": self.source,
        }

    @classmethod
    def from_json(cls, data: Any) -> Problem:
        """The inverse of `to_json`; `id` and `source` may be missing, other keys are ignored.

        Raises ValueError naming the key that is missing or of the wrong type.
        """
        if not isinstance(data, dict):
            raise ValueError(f"a problem is a JSON object with question, steps and answer, not {data!r:.80}")
        for key in ("question", "steps", "answer"):
            if key not in data:
                raise ValueError(f"the key {key!r} is missing (found: {list(data)!r:.200}); add it")
        for key in ("question", "answer", "id", "source"):
            if not isinstance(data.get(key, ""), str):
                raise ValueError(f"{key!r} is {data[key]!r:.80}; write it as a string")
        steps = data["steps"]
        if not isinstance(steps, list | tuple) or not all(isinstance(step, str) for step in steps):
            raise ValueError(f"'steps' is {steps!r:.80}; write a list of strings")
        return cls(data["question"], tuple(steps), data["answer"], data.get("id", ""), data.get("source", ""))


def write_jsonl(path: str | os.PathLike[str], problems: Iterable[Problem]) -> None:
    """Write the problems, one JSON object a line, making the folder if need be.

    Atomic: a temporary file beside the target takes its place at the end, so a reader never sees half a file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            for problem in problems:
                file.write(json.dumps(problem.to_json(), ensure_ascii=False) + "\n")
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp makes a private file; a data file is an ordinary one
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and not error.filename:  # such as a disk that is full
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def data_hash(problems: Iterable[Problem]) -> str:
    """The first 16 hex digits of the SHA-256 of the problems, in order: the same content, the same hash."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(json.dumps(problem.to_json(), sort_keys=True).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:16]
