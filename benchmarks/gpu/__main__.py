"""`python -m benchmarks.gpu`: starts a worker, watches it, and starts another one where it ended before its parts."""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import benchmarks.gpu

GRACE = 20.0
"""Seconds after which a part that did not end by itself is killed, with its process."""
START = 120.0
"""Seconds that a process may take to begin with its first part."""


class Record:
    """`gpu.json`: of every part its seconds, its results so far, and an error if there was one."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gpu.json"

    def read(self) -> dict[str, dict[str, Any]]:
        return json.loads(self.path.read_text()) if self.path.is_file() else {}

    def update(self, part: str, **values: Any) -> None:
        """Add to what is known of a part. A reader never sees half a file."""
        known = self.read()
        known[part] = {**known.get(part, {}), **values}
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(known, indent=1) + "\n")
        os.replace(beside, self.path)


def work(record: Record, parts: Mapping[str, tuple[float, Callable[[], Iterator[tuple[str, Any]]]]]) -> None:
    """Do the parts in this process; what they yield is kept at once, and a part whose time is over is left.

    An error is recorded and passed on: after one, a GPU may answer nothing any more.
    """
    for part, (seconds, measure) in parts.items():
        began, results = time.time(), {}
        record.update(part, began=began)
        try:
            for name, value in measure():
                results[name] = value
                print(f"{part}: {name}: {json.dumps(value)}", flush=True)
                record.update(part, results=results, seconds=round(time.time() - began, 1))
                if time.time() - began > seconds:
                    record.update(part, error=f"stopped after {name}: its {seconds:.0f} s were over")
                    break
        except Exception as error:
            traceback.print_exc()
            record.update(part, error=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", done=True)
            raise
        record.update(part, done=True, seconds=round(time.time() - began, 1))


def supervise(
    worker: Sequence[str], record: Record, seconds: Mapping[str, float], limit: float, grace: float = GRACE
) -> int:
    """Run `worker` with the parts that are left as its arguments until all are done; how many have an error.

    seconds: of each part; its process is killed `grace` seconds later. limit: seconds of everything.
    """
    end = time.time() + limit

    def left() -> list[str]:
        known = record.read()
        return [part for part in seconds if not known.get(part, {}).get("done")]

    def give_up(part: str, error: str) -> None:
        record.update(part, error=error, done=True)

    with open(record.path.with_name("log.txt"), "a") as log:
        while (before := left()) and time.time() < end:
            started = time.time()
            record.update(before[0], began=started + START)  # until the worker says when
            process = subprocess.Popen([*worker, *before], stdout=log, stderr=subprocess.STDOUT)
            while (code := _wait(process, 0.2)) is None:
                for part in left()[:1]:
                    began = record.read().get(part, {}).get("began", time.time())
                    if time.time() > min(end, began + seconds[part] + grace):
                        process.kill()
                        give_up(part, f"killed {time.time() - began:.0f} s after it began")
            for part in left()[:1]:
                if record.read().get(part, {}).get("began", 0.0) >= started:
                    give_up(part, f"its process ended with {code}")
    for part in left():
        give_up(part, "no time was left")
    return sum("error" in values for values in record.read().values())


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=benchmarks.gpu.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", help="which; all by default")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of gpu.json and log.txt; what it has is added to"
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny sizes and no limit for a part, to try it")
    parser.add_argument("--seconds", type=float, default=460, help="of everything together")
    parser.add_argument("--worker", action="store_true", help="do the parts in this process, without watching them")
    given = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    on_cpu = given.device == "cpu"
    os.environ |= {"ACCELERATE_USE_CPU": "true"} if on_cpu else {"ACCELERATE_MIXED_PRECISION": "bf16"}

    import torch  # after the environment is set; whoever only watches needs neither

    from benchmarks.gpu import measure

    seconds = {part: math.inf if given.small else limit for part, (limit, _) in measure.PARTS.items()}
    parts = given.parts or list(measure.PARTS)
    if unknown := [part for part in parts if part not in measure.PARTS]:
        parser.error(f"no part is called {unknown[0]}: choose from {', '.join(measure.PARTS)}")
    given.out.mkdir(parents=True, exist_ok=True)
    record = Record(given.out)
    if given.worker:
        if on_cpu:
            torch.set_num_threads(1)

        def told(part: str) -> Iterator[tuple[str, Any]]:
            product = record.read().get("machine", {}).get("results", {}).get("matrix product, bfloat16")
            return measure.PARTS[part][1](measure.Given(torch.device(given.device), given.small, product))

        work(record, {part: (seconds[part], partial(told, part)) for part in parts})
        return 0
    if not on_cpu and not torch.cuda.is_available():
        parser.error(f"torch {torch.__version__} sees no GPU: try it with --device cpu --small")
    flags = ["--small"] if given.small else []
    worker = [sys.executable, "-m", "benchmarks.gpu", "--worker", "--device", given.device, *flags]
    worker += ["--out", str(given.out)]
    failed = supervise(worker, record, {part: seconds[part] for part in parts}, given.seconds)
    for part, values in record.read().items():
        print(f"{part}: {values.get('seconds', 0)} s, {len(values.get('results', {}))} results", end="")
        print(f", {values['error']}" if "error" in values else "")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
