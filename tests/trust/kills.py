"""SIGKILL at random moments and at random file operations; what is resumed must end in the same bits.

    python -m tests.trust.kills --moments 50 --operations 30

For `sft`, `rl`, `eval` and a `compare` worker, each alone and as two processes (`sft-2` and so on: two ranks that
meet by gloo as under `accelerate launch`, two workers of one grid): one run that nobody disturbs, then runs that are
killed up to three times, each time started again by the same command, and let through at last. Every file is compared,
but for times. Of two processes one is killed, at random, or both; a surviving rank gets what the launcher gives it,
SIGTERM and a little later SIGKILL, a surviving worker goes on. `make test-trust` runs it; a mismatch is printed, its
folder kept, and the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from atp_lab.compare import Cell, Grid
from atp_lab.compare.run import work
from atp_lite.cli.main import main
from atp_lite.domains import ArithmeticSettings, generate, write_jsonl
from atp_lite.planner import ModelSettings, Planner

TINY = ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)
PROBLEMS = ArithmeticSettings(max_ops=2)
TIMES = {"seconds", "cpu_seconds", "version"}
OPERATIONS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "shutil.rmtree"}
SFT = """
model: {hidden_size: 16, layers: 1, heads: 2, intermediate_size: 32}
settings: {first_stage: 1, stage_steps: [4, 8], batch_size: 8, eval_every: 3, save_every: 2, warmup_steps: 1}
"""
RL = """
settings: {iterations: 6, questions: 4, group_size: 2, eval_every: 2, save_every: 1, warmup_steps: 1, keep_every: 2}
"""


def commands(work_folder: Path) -> dict[str, Callable[[Path], Any]]:
    """What is killed: each writes into the folder that it is given."""
    for split, name in (("train", "train"), ("rl", "questions"), ("validation", "validation"), ("test", "test")):
        write_jsonl(work_folder / f"{name}.jsonl", generate(PROBLEMS, split, {2: 40 if split == "test" else 12}))
    start = Planner.fresh("arithmetic", TINY)
    start.save_pretrained(work_folder / "start")
    for name, text in (("sft", SFT + "train: {0}/train.jsonl\n"), ("rl", RL + "questions: {0}/questions.jsonl\n")):
        text = text.replace("{0}", str(work_folder)) + f"validation: {work_folder}/validation.jsonl\n"
        (work_folder / f"{name}.yaml").write_text(text)
    cells = {"cot": Cell(), "atp-sft": Cell(), "sim-cot": Cell(), "plan": Cell()}

    def grid(folder: Path) -> None:
        work(
            Grid(
                rows=folder / "rows.jsonl",
                runs=folder / "runs",
                regimes=("clean",),
                seeds=(0,),
                cells=cells,
                budget=0.001,
                limit=9,
                samples=2,
                batch_size=4,
            )
        )

    def called(*words: str) -> Callable[[Path], Any]:
        def run(folder: Path) -> None:
            if main([word.format(out=folder, work=work_folder) for word in words]):
                raise SystemExit(1)

        return run

    return {
        "sft": called("sft", "--config", "{work}/sft.yaml", "--out", "{out}", "--resume"),
        "rl": called("rl", "--config", "{work}/rl.yaml", "--init", "{work}/start", "--out", "{out}", "--resume"),
        "eval": called(
            *("eval", "{work}/start", "--test", "{work}/test.jsonl", "--out", "{out}"),
            *("--settings.samples", "2", "--settings.batch-size", "8"),
        ),
        "compare": grid,
    }


GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL for a rank whose partner was killed; torch's launcher waits thirty."""


@dataclass(frozen=True)
class Kill:
    """When, and which of the processes: their numbers."""

    victims: tuple[int, ...] = (0,)
    seconds: float | None = None
    operation: int = 0
    """Before the n-th file operation of a victim in the folder."""


def ranks(processes: int) -> list[dict[str, str]]:
    """The environment that `accelerate launch --multi_gpu` gives to each process on the CPU."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    shared = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared |= {"ACCELERATE_USE_CPU": "true", "LOCAL_WORLD_SIZE": str(processes)}
    return [shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]


def child(run: Callable[[Path], Any], folder: Path, number: int, environment: Mapping[str, str], operation: int) -> int:
    """Fork a process that runs it, and is killed before its n-th file operation in the folder (0: never).

    Where it ends by itself, the number of its operations is written to FOLDER.NUMBER.operations.
    """
    pid = os.fork()
    if pid:
        return pid
    os.environ.update(environment)
    log = os.open(f"{folder}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    torch.manual_seed(random.Random(f"{folder}{number}").getrandbits(31))  # nothing may depend on it
    count = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event in OPERATIONS and f"{folder}/" in f"{arguments[0]}/":
            count += 1
            if count == operation:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    try:
        run(folder)
        Path(f"{folder}.{number}.operations").write_text(str(count))
        os._exit(0)
    except BaseException as error:
        print(repr(error), flush=True)
        os._exit(1)


def forked(run: Callable[[Path], Any], folder: Path, environments: Sequence[Mapping[str, str]], kill: Kill) -> int:
    """Run it in one process for each environment; the first wait status that is not 0, with a kill before others."""
    running = {
        child(run, folder, number, environment, kill.operation if number in kill.victims else 0): number
        for number, environment in enumerate(environments)
    }
    linked = len(running) > 1 and bool(environments[0])  # ranks: one does not go on without the other
    victims = [pid for pid, number in running.items() if number in kill.victims]
    began, failed_at, statuses = time.monotonic(), None, []
    while running:
        now = time.monotonic()
        if kill.seconds is not None and now > began + kill.seconds:
            for pid in set(victims) & set(running):
                os.kill(pid, signal.SIGKILL)
        for pid in list(running):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done:
                continue
            del running[pid]
            statuses.append(status)
            if status and linked and failed_at is None:
                failed_at = now
                for other in running:
                    os.kill(other, signal.SIGTERM)
        if failed_at is not None and now > failed_at + GRACE:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    return next((status for status in statuses if os.WIFSIGNALED(status)), max(statuses))


def contents(folder: Path) -> dict[str, Any]:
    """What a run has left, by path, without what measures time."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        hidden = any(
            part.startswith(".") for part in path.relative_to(folder).parts
        )  # of a kill: the next save clears it
        if (
            not path.is_file()
            or hidden
            or path.suffix == ".lock"
            or "tensorboard" in name
            or path.name == "timing.jsonl"
        ):
            continue
        if path.suffix in (".json", ".jsonl"):
            lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            found[name] = [_timeless(json.loads(line), folder) for line in lines]
            if name == "rows.jsonl":  # two workers write in either order
                found[name].sort(key=lambda row: row["arm"])
        elif path.name != "report.md":  # it has the times too
            found[name] = path.read_bytes()
    return found


def _timeless(value: Any, folder: Path) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _timeless(part, folder) for key, part in value.items() if key not in TIMES and "throughput" not in key
        }
    if isinstance(value, list):
        return [_timeless(part, folder) for part in value]
    return value.replace(str(folder), "OUT") if isinstance(value, str) else value


def campaign(name: str, run: Callable[[Path], Any], place: Path, moments: int, operations: int, seed: int) -> int:
    """Kill one command (NAME-2: in two processes); returns how many runs ended in other bits, or not at all."""
    processes = 2 if name.endswith("-2") else 1

    def again(folder: Path, kill: Kill) -> int:
        alone = processes == 1 or name.startswith("compare")
        return forked(run, folder, [{}] * processes if alone else ranks(processes), kill)

    whole, began = place / f"{name}-whole", time.monotonic()
    if again(whole, Kill()):
        raise SystemExit(f"{name} fails undisturbed:\n{Path(f'{whole}.log').read_text()}")
    took = time.monotonic() - began
    counts = [int(Path(f"{whole}.{number}.operations").read_text()) for number in range(processes)]
    right, bad, kills = contents(whole), 0, 0
    for i in range(moments + operations):
        rng, folder = random.Random(f"{seed}-{name}-{i}"), place / f"{name}-{i}"
        for _ in range(rng.randint(1, 3)):
            victims = rng.choice([(0,), (1,), (0, 1)]) if processes == 2 else (0,)
            if i < moments:
                kill = Kill(victims, seconds=rng.uniform(0, took))
            else:
                victims = tuple(number for number in victims if counts[number]) or (0,)
                kill = Kill(victims, operation=rng.randint(1, max(counts[number] for number in victims)))
            if not (status := again(folder, kill)):
                break
            kills += os.WIFSIGNALED(status)
        status = again(folder, Kill())
        found = contents(folder)
        different = [key for key in {**right, **found} if right.get(key) != found.get(key)]
        if status or different:
            bad += 1
            print(f"{name} {i}: {'it cannot go on' if status else different}, see {folder}.log", flush=True)
        else:
            shutil.rmtree(folder)
    print(
        f"{name}: {moments} runs killed at random moments, {operations} at file operations ({kills} kills; {took:.1f} "
        f"s and {' and '.join(map(str, counts))} operations undisturbed), {bad} of them not the same bit for bit",
        flush=True,
    )
    return bad


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--operations", type=int, default=30)
    kinds = ["sft", "rl", "eval", "compare"]
    parser.add_argument("--only", nargs="*", default=[*kinds, *(f"{kind}-2" for kind in kinds)])
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    torch.set_num_threads(1)
    work_folder = Path(tempfile.mkdtemp(prefix="atp-kills-"))
    made = commands(work_folder)
    failed = sum(
        campaign(name, made[name.removesuffix("-2")], work_folder, chosen.moments, chosen.operations, chosen.seed)
        for name in chosen.only
    )
    if not failed:
        shutil.rmtree(work_folder)
    raise SystemExit(1 if failed else 0)
