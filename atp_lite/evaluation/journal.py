"""What a run keeps on disk, so that it can be cut off anywhere: an outcome a line, and what they are outcomes of.

    OUT/run.json               checkpoint, settings and test sets; other ones are refused
    OUT/NAME.outcomes.jsonl    one problem a line, written batch by batch
    OUT/timing.jsonl           what each batch cost
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from atp_lite.domains import data_hash
from atp_lite.engine.folder import write_atomically
from atp_lite.engine.state import update_digest
from atp_lite.evaluation.engine import EvalSettings
from atp_lite.evaluation.metrics import Record
from atp_lite.evaluation.sets import ProblemSet
from atp_lite.planner import Planner

WAY_OUT = "give --restart (restart=True) to begin anew there, or another folder"


def run_key(
    planner: Planner, checkpoint: str, settings: EvalSettings, sets: Sequence[ProblemSet], precision: str = "no"
) -> dict[str, Any]:
    """What the outcomes depend on. The batch size is no part of it.

    precision: in which the launcher makes the planner compute, as accelerate calls it.
    """
    own = {name: value for name, value in asdict(settings).items() if name != "batch_size"}
    return {
        "checkpoint": {"name": checkpoint, "hash": planner_hash(planner)},
        "settings": own | {"mixed_precision": precision},
        "sets": {s.name: {"problems": len(s.problems), "hash": data_hash(s.problems)} for s in sets},
    }


def planner_hash(planner: Planner) -> str:
    """The first 16 hex digits of the SHA-256 of every weight, and of the configuration without names and versions."""
    config = planner.model.config.to_dict()
    for name in ("_name_or_path", "transformers_version", "architectures", "dtype"):
        config.pop(name, None)
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    update_digest(digest, planner.model.state_dict())
    return digest.hexdigest()[:16]


class Journal:
    """The folder of a run. Only the main process may write.

    Args:
        folder: is made if need be.
        run: of `run_key`.
        restart: drop what the folder holds.

    Raises:
        ValueError: the folder holds outcomes of another checkpoint, other settings or problems, or a broken line.
    """

    def __init__(self, folder: str | os.PathLike[str], run: dict[str, Any], restart: bool = False) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        path, run = self.folder / "run.json", json.loads(json.dumps(run))
        if restart:
            for old in (path, self.folder / "timing.jsonl", *self.folder.glob("*.outcomes.jsonl")):
                old.unlink(missing_ok=True)
        if path.is_file():
            before = json.loads(path.read_text())
            _compare(self.folder, before, run)
            run["sets"] = before["sets"] | run["sets"]
        write_atomically(path, json.dumps(run, indent=1))

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.outcomes.jsonl"

    def read(self, name: str) -> list[Record]:
        """The records of a test set; a last line that was cut off is removed from the file."""
        path = self.path(name)
        if not path.is_file():
            return []
        records: dict[int, Record] = {}
        with path.open("r+b") as file:
            good = 0
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    record = Record.from_json(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise ValueError(f"{path}, line {number} is no outcome ({error}): {WAY_OUT}") from error
                records.setdefault(record.position, record)
                good += len(line)
            file.truncate(good)
        return list(records.values())

    def write(self, name: str, records: Sequence[Record], costs: Sequence[dict[str, Any]]) -> None:
        """Append a batch. It is on the disk when this returns."""
        for path, lines in (
            (self.folder / "timing.jsonl", [{"set": name, **cost} for cost in costs]),
            (self.path(name), [record.to_json() for record in records]),
        ):
            with path.open("ab") as file:
                file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
                file.flush()
                os.fsync(file.fileno())

    def finish(self, name: str, records: Sequence[Record]) -> None:
        """All records in the order of the problems, in one piece."""
        text = "".join(json.dumps(record.to_json(), ensure_ascii=False) + "\n" for record in records)
        write_atomically(self.path(name), text)

    def costs(self, name: str) -> list[dict[str, Any]]:
        """What the batches of a test set cost so far, over all interruptions."""
        path, found = self.folder / "timing.jsonl", []
        for line in path.read_text().splitlines() if path.is_file() else ():
            try:
                cost = json.loads(line)
            except ValueError:  # cut off
                continue
            if cost.pop("set") == name:
                found.append(cost)
        return found


def _compare(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ValueError where a folder's run is another one than this; the message names both."""
    there, here = before["checkpoint"], now["checkpoint"]
    if there["hash"] != here["hash"]:
        raise ValueError(
            f"{folder} holds an evaluation of the checkpoint {there['name']} ({there['hash']}), not of {here['name']} "
            f"({here['hash']}): {WAY_OUT}"
        )
    for name, value in now["settings"].items():
        if name in before["settings"] and before["settings"][name] != value:
            raise ValueError(
                f"{folder} holds an evaluation with settings.{name} = {before['settings'][name]!r}, not {value!r}: "
                f"{WAY_OUT}"
            )
    for name, value in now["sets"].items():
        old = before["sets"].get(name, value)
        if old != value:
            raise ValueError(
                f"{folder} holds outcomes of other problems under the name {name} ({old['problems']} with the hash "
                f"{old['hash']}, now {value['problems']} with {value['hash']}): {WAY_OUT}"
            )
