"""Planned and measured memory side by side: `python -m benchmarks.memory --write` makes the table of docs/memory.md.

What is measured is the real loop, `train_sft` or `train_rl`, over two optimizer steps on made-up problems that have the
lengths of the plan's fullest batch, in a fresh process. Weights are random: memory does not know the difference. Two
measures, each in a process of its own:

- tensors: `torch.profiler` reports every block that torch's CPU allocator gives out and takes back; the highest sum of
  what is out at once is exact and the same every time. The plan is held against this one.
- resident: by how much the process's resident memory grows at most (VmHWM of /proc/self/status, set back before the
  model is built), with one malloc arena and every larger block in a mapping of its own. It also holds code that is
  loaded late, workspace of matrix products, and Python's own objects: some 100 MB that do not grow with the model.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from atp_lab.compare.tables import markdown
from atp_lab.memory_plan import Practice, Shape
from atp_lab.memory_plan.plan import Plan
from atp_lite.domains import ArithmeticSettings, Problem
from atp_lite.engine.lora import add_lora
from atp_lite.methods import METHODS
from atp_lite.planner import Planner
from atp_lite.rl import train_rl
from atp_lite.sft import train_sft
from atp_lite.tokens import SPECIALS, STEP_END, domain_tokenizer
from benchmarks.evidence import fill

CONFIGS = [Path(f"configs/{name}.yaml") for name in ("toy", "stories", "smollm2-135m")]
NUMBERS, PAGE = Path("data/evidence/memory.json"), Path("docs/memory.md")
TRIM = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def texts(largest: int) -> Callable[[int], str]:
    """A source of made-up texts: numbers up to `largest` and signs, one token each, `tokens` of them."""
    draw = random.Random(0)
    return lambda tokens: "".join(str(draw.randint(0, largest)) if i % 2 == 0 else "+" for i in range(tokens))


def made_problems(shape: Shape, stage: int, write: Callable[[int], str]) -> list[Problem]:
    """Problems that make a batch of this shape at this stage: what stays in words is one long step, if more than an
    answer."""
    steps = [write(shape.width - 1)] * shape.steps
    answer, left = 1, shape.language - 3
    if left and stage == shape.steps:  # a longer answer, since every step is latent
        answer, left = 1 + left, 0
    if left:
        steps.append(write(left - 1))
    return [Problem(write(shape.question - 1), tuple(steps), write(answer)) for _ in range(shape.rows)]


def start(plan: Plan, part: str, folder: Path) -> Planner:
    """The planner that a command begins with, with random weights."""
    command = plan.sft if part == "sft" else plan.rl
    if plan.sft.backbone:
        config = json.loads(plan.architecture.read_text())
        largest = config["vocab_size"] + 4 - len(SPECIALS) - len(f"()+-*={STEP_END}") - 1
        tokenizer = domain_tokenizer("arithmetic", ArithmeticSettings(max_value=largest))
        tokenizer.save_pretrained(folder)
        (folder / "config.json").write_text(json.dumps(config))
        planner = Planner.from_backbone(folder, replace(plan.sft.pretrained, random_weights=True))
    else:
        s = plan.sft
        planner = Planner.fresh(s.domain, s.model, problems=s.problem_settings)
    if part == "sft" and plan.parallel:
        limit = planner.model.config.max_latents
        planner = METHODS[command.settings.method].start(
            planner, command.settings.curriculum.last_stage, limit, latent_head=command.settings.latent_head
        )
    if command.lora.rank:
        add_lora(planner.model, command.lora)
    return planner


def sft_run(plan: Plan, folder: Path) -> Callable[[], object]:
    """Two steps on the plan's fullest batch. Of many parts two are enough: the others are like the second."""
    settings, shape = plan.sft.settings, plan.shape(plan.sizes("sft"))
    parts = min(2, settings.accumulate)
    shape = replace(shape, rows=-(-shape.rows // settings.accumulate) * parts)
    stage = max(shape.steps, settings.first_stage)
    settings = replace(settings, first_stage=stage, stage_steps=(2,), batch_size=shape.rows, accumulate=parts)

    def run() -> None:
        planner = start(plan, "sft", folder)
        write = texts(min(49, len(planner.tokenizer) - 20))
        problems = made_problems(shape, stage, write)
        train_sft(planner, problems, [short_problem(write)], settings, folder / "run", restart=True)

    return run


def rl_run(plan: Plan, folder: Path) -> Callable[[], object]:
    """Two iterations with trajectories of the plan's lengths: the stop head never stops before the limit."""
    p: Practice = plan.practice()
    settings = replace(plan.rl.settings, iterations=2, eval_every=1)

    def run() -> None:
        planner = start(plan, "rl", folder)
        config = planner.model.config
        config.max_latents, config.max_answer_tokens, config.max_step_tokens = p.latents, p.answer, p.width
        torch.nn.init.constant_(planner.model.stop_head.layers[2].bias, -20.0)
        write = texts(min(49, len(planner.tokenizer) - 20))
        problems = [Problem(write(p.question - 1), (), "1") for _ in range(p.questions)]
        train_rl(planner, problems, [short_problem(write)], settings, folder / "run", restart=True)

    return run


def short_problem(write: Callable[[int], str]) -> Problem:
    return Problem(write(7), (write(3),), "1")


def tensor_peak(run: Callable[[], object]) -> int:
    """The most bytes of tensors that live at once while `run` runs, beyond those that lived before."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        run()
    blocks = [(e.start_ns(), e.nbytes()) for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    most = now = 0
    for _, size in sorted(blocks, key=lambda block: block[0]):
        now += size
        most = max(most, now)
    return most


def resident(name: str) -> int:
    """VmRSS or VmHWM (the highest so far) of this process, in bytes."""
    return 1024 * int(re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)[1])


def resident_peak(run: Callable[[], object]) -> int:
    """By how much this process's resident memory grows at most."""
    Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM back to VmRSS
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def measure(config: Path, part: str, how: str) -> dict:
    """In this process: what is planned, and the peak."""
    plan = Plan.of(config)
    moments = plan.moments(part)
    with tempfile.TemporaryDirectory() as folder:
        run = (sft_run if part == "sft" else rl_run)(plan, Path(folder))
        began = time.perf_counter()
        peak = (tensor_peak if how == "tensors" else resident_peak)(run)
    planned = max(moments[name].total for name in moments if name in ("step", "rollout", "update", "saving"))
    return {
        "config": config.stem,
        "part": part,
        "planned": planned,
        how: peak,
        f"{how} seconds": round(time.perf_counter() - began),
        "process": resident("VmHWM"),
        "cpu seconds": round(time.process_time()),
    }


def measured_apart(config: Path, part: str, how: str) -> dict:
    """The same in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.memory", "--one", str(config), part, how]
    environment = {**os.environ, **TRIM, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def tables(numbers: list[dict]) -> dict[str, str]:
    """The table of docs/memory.md, by its name."""
    lines = [
        [n["config"], n["part"], *(f"{n[key] / 1e6:,.1f}" for key in ("planned", "tensors")),
         f"{100 * (n['planned'] / n['tensors'] - 1):+.1f}", f"{n['resident'] / 1e6:,.1f}"]
        for n in numbers
    ]  # fmt: skip
    header = ["settings", "command", "planned, MB", "tensors, MB", "planned beside tensors, %", "resident, MB"]
    return {"memory-measured": markdown(header, lines)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", type=Path, default=CONFIGS)
    parser.add_argument("--write", action="store_true", help="keep the numbers and fill the page")
    parser.add_argument("--one", nargs=3, metavar=("CONFIG", "PART", "HOW"), help="one measurement, in this process")
    given = parser.parse_args()
    if given.one:
        torch.set_num_threads(1)
        print(json.dumps(measure(Path(given.one[0]), *given.one[1:])))
        return 0
    numbers = []
    for config in given.configs:
        for part in ("sft", "rl"):
            numbers.append(measured_apart(config, part, "tensors") | measured_apart(config, part, "resident"))
            print(json.dumps(numbers[-1]), file=sys.stderr)
    print(tables(numbers)["memory-measured"])
    if given.write:
        NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n")
        PAGE.write_text(fill(PAGE.read_text(), tables(numbers)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
