"""The parts: each yields (name, value) for one measurement after the other, and is stopped when its time is over.

The share of the card's peak is (operations of a step / its seconds) / peak. Operations are those of matrix products and
attention, counted by torch's `FlopCounterMode` while a step runs. There are two peaks: what the maker says of dense
bfloat16, and what a product of large matrices reached in the same run.
"""

from __future__ import annotations

import gc
import json
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from atp_lab.memory_plan import Practice, Shape, rl_update, rollout, sft_step, sizes_of
from atp_lite.domains import Problem
from atp_lite.evaluation import evaluate
from atp_lite.methods import METHODS
from atp_lite.model import Decoded, Distribution
from atp_lite.model.noise import RowNoise
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, STEP, regime_data, run
from atp_lite.resources import bundled
from atp_lite.rl import RLSettings, clipped_surrogate, policy_log_probs
from benchmarks.speed import models, ratios, rl
from benchmarks.speed.clock import now, take_turns

Results = Iterator[tuple[str, Any]]
PEAKS = {"H200": 989e12, "H100 PCIe": 756e12, "H100 NVL": 835e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12}
"""Dense bfloat16 operations a second by the makers' data sheets; the first name that stands in that of the card."""
METHOD_NAMES = ("atp", "atp-step")
"""Recurrent, and with the step posterior."""


@dataclass(frozen=True)
class Given:
    """What all parts are told."""

    device: torch.device
    small: bool = False
    """Tiny sizes, to try the code."""
    peak: float | None = None
    """Operations a second of large matrices, measured by `machine`."""

    def autocast(self) -> torch.autocast:
        """As accelerate's with `--mixed_precision bf16`."""
        return torch.autocast(self.device.type, torch.bfloat16)

    @property
    def card(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else platform.machine()


# --------------------------------------------------------------------- machine


def machine(given: Given) -> Results:
    """What the numbers belong to, and the rate of a product of two large matrices in bfloat16 and float32."""
    yield "card", given.card
    yield "torch", torch.__version__
    yield "transformers", transformers.__version__
    yield "python", platform.python_version()
    if given.device.type == "cuda":
        yield "memory", torch.cuda.get_device_properties(given.device).total_memory
        yield "cuda", torch.version.cuda
    yield "peak by the data sheet", next((peak for name, peak in PEAKS.items() if name in given.card), None)
    n = 256 if given.small else 8192
    for dtype in (torch.bfloat16, torch.float32):
        a, b = torch.randn(2, n, n, device=given.device).to(dtype)
        seconds = take_turns({"": lambda a=a, b=b: a @ b}, 10)[""]
        yield f"matrix product, {str(dtype).removeprefix('torch.')}", 2 * n**3 / statistics.median(seconds)


# ---------------------------------------------------------------------- parity


def parity(given: Given) -> Results:
    """A trained toy's thoughts, losses, gradients and answers, beside those of the CPU in float32.

    Errors are ||x - x_cpu|| / ||x_cpu||. Draws are each row's own (`RowNoise`), so they are the same everywhere; the
    policy's log-probabilities are of the CPU's trajectories.
    """
    problems = regime_data("clean", 80)["test"][: 8 if given.small else 256]
    planner = Planner.from_pretrained(CHECKPOINTS / "atp-sft")
    trace = planner.reason(problems, sample=True, sigma=0.3, temperature=1.0, generator=RowNoise(range(len(problems))))
    exact = observed(planner, problems, trace, nullcontext)
    for name, autocast in {"float32": nullcontext, "bfloat16": given.autocast}.items():
        planner.model.to(given.device)
        found = observed(planner, problems, moved(trace, given.device), autocast)
        errors = {key: relative_error(value, exact[key]) for key, value in found.items() if key != "answers"}
        same = sum(a == b for a, b in zip(found["answers"], exact["answers"], strict=True))
        yield name, errors | {"same answers": same / len(problems)}


def observed(planner: Planner, problems: list[Problem], trace: Decoded, autocast: models.Autocast) -> dict[str, Any]:
    """Latents (modes), SFT loss and its gradient, log-probabilities of `trace` and the gradient of GRPO's surrogate."""
    model, generator = planner.model, torch.Generator(planner.model.device)
    rows = planner.collate.encode(problems)
    stage = max(len(problem.steps) for problem in problems)
    how = METHODS["atp"]
    with autocast():
        loss = how.total(how.losses(planner, rows, stage, False, generator), 1e-3)
    found = {"loss": loss.detach(), "gradient of the loss": gradient(model, loss)}
    with autocast():
        new = policy_log_probs(model.replay(trace), trace, 0.3)
        gains = torch.linspace(-1, 1, len(trace), device=model.device)
        surrogate, _ = clipped_surrogate(new, new.values.detach(), gains)
    found |= {"log-probabilities": new.values.detach(), "gradient of the surrogate": gradient(model, surrogate)}
    with autocast(), torch.no_grad():
        lengths = torch.tensor([len(p.steps) for p in problems], device=model.device)
        latents = planner.think(problems, lengths=lengths * model.config.latents_per_step).latents
        answers = planner.reason(problems).answers
    return found | {"latents": latents, "answers": answers}


def gradient(model: torch.nn.Module, loss: Tensor) -> Tensor:
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def moved(trace: Decoded, device: torch.device) -> Decoded:
    """The trajectories on another device."""

    def to(value: Any) -> Any:
        if isinstance(value, Distribution):
            return value.map(lambda tensor: tensor.to(device))
        return value.to(device) if isinstance(value, Tensor) else value

    return replace(trace, **{name: to(value) for name, value in vars(trace).items()})


def relative_error(found: Tensor, exact: Tensor) -> float:
    found, exact = found.detach().cpu().double(), exact.detach().cpu().double()
    return float((found - exact).norm() / exact.norm())


# ----------------------------------------------------------------------- sizes


@dataclass(frozen=True)
class Size:
    """An architecture and how its problems are laid out: about GSM8K's for pretrained ones."""

    llama: Mapping[str, Any]
    question: int
    steps: int
    latents_per_step: int
    decoder_layers: int
    rows: int
    """Of the batch that is looked at closely."""
    most_rows: int
    """Where doubling the batch ends, if memory does not end it."""

    @property
    def latents(self) -> int:
        return self.steps * self.latents_per_step

    @property
    def shape(self) -> Shape:
        """A batch as `atp-lite plan` knows it."""
        language = models.ANSWER + 1
        return Shape(self.rows, self.question, self.latents, language, self.steps, models.STEP)


def architecture(name: str) -> dict[str, Any]:
    """A LLaMA of configs/architectures with this benchmark's special tokens."""
    values = json.loads(bundled(f"configs/architectures/{name}.json").read_text())
    return values | {name: models.LLAMA[name] for name in ("pad_token_id", "bos_token_id", "eos_token_id")}


TINY = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2)
TOY = models.LLAMA | dict(hidden_size=64, intermediate_size=192)


def size_of(name: str, given: Given) -> Size:
    """The sizes of this benchmark by their names."""
    if given.small:
        return Size(models.LLAMA | TINY, 12, 2, 1, 1, 4, 8)
    if name == "toy":
        return Size(TOY, 16, 4, 1, 1, 64, 4096)
    file = {"135M": "smollm2-135m", "1B": "llama-3.2-1b"}[name]
    return Size(architecture(file), 64, 4, 2, 2, 32, 2048)


def sizes(name: str, given: Given) -> Results:
    """Steps of SFT and RL at one size, each method by itself, under autocast in bfloat16 with weights in float32.

    Of each method: forward and backward of SFT beside a plain model that reads as many tokens; a whole step with AdamW,
    its memory beside the plan's, which counts in float32; larger and larger batches until the card is full; batched
    generation beside `generate`; an iteration of RL (16 questions, G = 8) and where its time goes.
    """
    size = size_of(name, given)
    yield "architecture", dict(size.llama)
    for method in METHOD_NAMES:
        yield f"{method}: SFT", beside_plain(size, method, given)
        yield f"{method}: SFT, larger batches", list(batches(size, method, given))
        yield f"{method}: RL", rl_iteration(size, method, given)
    yield "generation", generation(size, given)


def fresh(size: Size, method: str, given: Given) -> Planner:
    """A planner on the device, which has let go of earlier ones."""
    gc.collect()
    if given.device.type == "cuda":
        torch.cuda.empty_cache()
    with given.device:
        return models.planner(method, size.latents, size.decoder_layers, size.llama, size.latents_per_step)


def measured(step: Callable[[], object], tokens: float, given: Given, rounds: int = 5) -> dict[str, Any]:
    """Median seconds of a step, tokens a second, operations, shares of both peaks, the most memory it takes."""
    step()
    with FlopCounterMode(display=False) as counter:
        step()
    if given.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = statistics.median(take_turns({"": step}, rounds)[""])
    return spent(seconds, tokens, counter.get_total_flops(), peak_memory(given), given)


def peak_memory(given: Given) -> int | None:
    return torch.cuda.max_memory_allocated() if given.device.type == "cuda" else None


def spent(seconds: float, tokens: float, operations: float, memory: int | None, given: Given) -> dict[str, Any]:
    sheet = next((peak for name, peak in PEAKS.items() if name in given.card), None)
    return {
        "seconds": seconds,
        "tokens a second": tokens / seconds,
        "operations": operations,
        "share of the sheet's peak": operations / seconds / sheet if sheet else None,
        "share of the measured peak": operations / seconds / given.peak if given.peak else None,
        "memory": memory,
    }


def whole_step(size: Size, method: str, rows: int, planner: Planner, autocast: models.Autocast):
    """SFT with its AdamW step, and the positions that it reads."""
    step, positions = models.sft_step(method, rows, size.latents, size.question, planner, autocast)
    optimizer = torch.optim.AdamW(planner.model.parameters(), 1e-5, fused=True)

    def run() -> None:
        step()
        torch.nn.utils.clip_grad_norm_(planner.model.parameters(), 1.0)
        optimizer.step()

    return run, rows * positions


def beside_plain(size: Size, method: str, given: Given) -> dict[str, Any]:
    planner = fresh(size, method, given)
    step, positions = models.sft_step(method, size.rows, size.latents, size.question, planner, given.autocast)
    with given.device:
        lm = models.plain_lm(size.llama)
    plain = models.plain_step(size.rows, round(positions), lm=lm, autocast=given.autocast)
    tokens = size.rows * positions
    times = take_turns({"ours": step, "plain": plain}, 5)
    found = {
        "rows": size.rows,
        "positions a row": positions,
        "forward and backward": measured(step, tokens, given, 3),
        "plain": measured(plain, tokens, given, 3),
        "ours / plain": statistics.median(a / b for a, b in zip(times["ours"], times["plain"], strict=True)),
    }
    del lm, plain
    for precision, autocast in {"bfloat16": given.autocast, "float32": nullcontext}.items():
        run, tokens = whole_step(size, method, size.rows, planner, autocast)
        found[f"whole step, {precision}"] = measured(run, tokens, given)
        del run
    plan = sft_step(sizes_of(planner.model), size.shape, parallel=METHODS[method].step_encoder)
    return found | {"planned memory, float32": plan.total}


def batches(size: Size, method: str, given: Given) -> Iterator[dict[str, Any]]:
    """Whole steps of twice as many rows each time, until memory ends it."""
    planner, rows = fresh(size, method, given), size.rows * 2
    while rows <= size.most_rows:
        try:
            run, tokens = whole_step(size, method, rows, planner, given.autocast)
            yield {"rows": rows} | measured(run, tokens, given, 3)
        except torch.OutOfMemoryError:
            yield {"rows": rows, "error": "out of memory"}
            return
        rows *= 2


def generation(size: Size, given: Given) -> dict[str, Any]:
    planner = fresh(size, "atp", given)
    with given.device:
        lm = models.plain_lm(size.llama)
    ours, theirs, new = ratios.generations(size.rows, size.latents, planner, lm, size.question)
    runs = {"ours": ours, "plain": theirs}
    with given.autocast():
        times = take_turns(runs, 3)
    return {"rows": size.rows, "tokens": new} | {
        name: {"seconds": statistics.median(seconds), "tokens a second": size.rows * new / statistics.median(seconds)}
        for name, seconds in times.items()
    }


def rl_iteration(size: Size, method: str, given: Given) -> dict[str, Any]:
    """GRPO: rollout, decoding, rewards and update; the thoughts of a model that never stops by itself."""
    planner = fresh(size, method, given)
    with torch.no_grad():
        planner.model.stop_head.layers[2].bias.fill_(-100.0)  # everyone thinks to the limit
    settings = RLSettings(questions=2 if given.small else 16, group_size=2 if given.small else 8, sigma=0.3)
    rounds = 1 if given.small else 3
    made = models.problems(settings.questions * (rounds + 1), size.steps, size.question)
    asked = [replace(problem, answer="7") for problem in made]
    if given.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    found = rl.split(method, planner, asked, settings, rounds)
    rows = settings.questions * settings.group_size
    tokens = settings.questions * size.question + rows * (size.latents + models.ANSWER)
    plan = Practice(settings.questions, settings.group_size, size.question, size.latents, models.ANSWER, models.STEP)
    m, memory = sizes_of(planner.model), peak_memory(given)
    gc.collect()
    with FlopCounterMode(display=False) as counter:  # which slows it down
        rl.split(method, planner, asked, settings, 1)
    return {
        "trajectories": rows,
        "shares": {name: value for name, value in asdict(found).items() if name not in ("name", "limit", "seconds")},
        "planned memory, float32": max(rollout(m, plan).total, rl_update(m, plan).total),
    } | spent(found.seconds, tokens, counter.get_total_flops() / 2, memory, given)


# -------------------------------------------------------------------- training


def training(given: Given) -> Results:
    """A toy learns to think with the step posterior, for as long as about a minute of the device allows."""
    data = regime_data("clean", 80 if given.small else 20_000)
    data |= {split: data[split][:600] for split in ("validation", "test")}
    start = Planner.from_pretrained(CHECKPOINTS / "cot")
    yield "before, in words", accuracy(start, data["test"], given)
    few = 2 if given.small else 30
    began = now()
    train_for(few, start, data)
    seconds = (now() - began) / few
    yield "seconds a step, the first ones", seconds
    steps = 4 if given.small else max(100, min(STEP.curriculum.total_steps, int(60 / seconds)))
    began = now()
    planner = train_for(steps, start, data)
    yield "trained", {"steps": steps, "seconds": now() - began}
    yield "after, in latents", accuracy(planner, data["test"], given)


def train_for(steps: int, start: Planner, data: Mapping[str, list[Problem]]) -> Planner:
    settings = replace(STEP, stage_steps=(steps,), eval_every=steps, trackers=(), warmup_steps=min(100, steps // 4))
    with tempfile.TemporaryDirectory() as folder:
        return Planner.from_pretrained(run(start, settings, data, Path(folder)))


def accuracy(planner: Planner, problems: list[Problem], given: Given) -> dict[str, Any]:
    planner.model.to(given.device)
    summary = evaluate(planner, problems).summary()
    return {name: asdict(estimate) for name, estimate in summary.items() if name in ("accuracy", "coherence")}


PARTS: dict[str, tuple[float, Callable[[Given], Results]]] = {
    "machine": (20, machine),
    "parity": (30, parity),
    "toy": (60, partial(sizes, "toy")),
    "135M": (90, partial(sizes, "135M")),
    "1B": (150, partial(sizes, "1B")),
    "training": (90, training),
}
"""Seconds that a part may take, and what it does."""
