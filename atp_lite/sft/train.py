"""The SFT loop, top to bottom: batch -> four losses -> step, with validation, logs and exact resume."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from tqdm.auto import tqdm

from atp_lite.domains import Problem
from atp_lite.engine.checkpoint import (
    HeldInterrupt,
    MetricLog,
    Stopwatch,
    keep_settings,
    load_state,
    replace_folder,
    save_state,
)
from atp_lite.engine.distributed import (
    add_gradients,
    anywhere,
    clip_gradients,
    own_noise,
    own_part,
    own_share,
    start_together,
    summed,
)
from atp_lite.engine.lora import has_lora
from atp_lite.engine.memory import checkpoint_mlps
from atp_lite.engine.sharding import is_sharded, shard
from atp_lite.evaluation.evaluate import EvalSettings, evaluate
from atp_lite.methods import METHODS
from atp_lite.methods.method import term_counts
from atp_lite.planner import Planner
from atp_lite.sft.curriculum import BatchPlan, Curriculum
from atp_lite.sft.loading import Steps, load


@dataclass(frozen=True)
class SFTSettings:
    """Settings of supervised training."""

    method: str = "atp"
    """What is trained: atp, or a rival or ablation of `atp_lite.methods.METHODS` (cot, no-cot, icot, pause, coconut,
    sim-cot, codi, colar, atp-point, atp-fixed, atp-no-decoder)."""
    first_stage: int = 1
    """Curriculum stage to begin with: 0 is chain of thought in words, k makes the first k steps latent."""
    stage_steps: tuple[int, ...] = (300, 300, 300, 2400)
    """Optimizer steps of each stage, from the first on."""
    batch_size: int = 64
    """Problems per optimizer step, over all processes together (paper: 32)."""
    bucket: int = 0
    """0: batches of one question length and number of steps (toys). n, for text: problems are drawn at random for n
    batches and sorted by length within them, so that little is padded and each comes once an epoch; try 50."""
    accumulate: int = 1
    """Parts that a process's share of a batch is worked through in; their gradients add up to those of the whole."""
    workers: int = 0
    """Processes that make batches ready ahead of time; 0 makes them between steps, which costs toys less."""
    checkpoint_mlps: bool = False
    """Keep no activations inside the feed-forward layers, and work them out again on the way back: less memory, a third
    more time."""
    lr: float = 3e-3
    """Peak learning rate of AdamW (paper, LLaMA-1B: 1e-4)."""
    warmup_steps: int = 100
    """Optimizer steps over which the rate rises from 0."""
    final_lr: float = 0.05
    """The rate falls to this share of its peak at the last step."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How it falls; constant stays at the peak."""
    reset_optimizer: bool = False
    """Forget the optimizer's moments at every new stage, as the authors' code does."""
    weight_decay: float = 0.01
    """Of AdamW (authors' code: 0.01)."""
    betas: tuple[float, float] = (0.9, 0.98)
    """Of AdamW."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    kl_factor: float = 1e-3
    """beta * d while the curriculum runs: the weight of the KL averaged over the d dimensions (paper: 1e-3)."""
    final_kl_factor: float = 0.1
    """The same at the end of the last stage; above about 0.1 the posterior keeps a real sigma."""
    kl_ramp: float = 0.3
    """Share of the last stage over which the factor rises from one to the other."""
    sample: bool = True
    """Draw latents from the posterior; False trains on their means (no VAE)."""
    log_every: int = 50
    """Optimizer steps between lines of losses in the log."""
    eval_every: int = 300
    """Optimizer steps between looks at the validation set and saved states."""
    eval_batch: int = 500
    """Validation problems reasoned about at once; fewer take less memory."""
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)
    """Where metrics go beside `metrics.jsonl`; wandb has to be installed and logged in to."""
    seed: int = 0
    """Seed of batches and noise."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method {self.method!r}: choose from {', '.join(METHODS)}")
        if self.bucket < 0:
            raise ValueError(f"bucket is {self.bucket}: give a number of batches, or 0 for batches of one shape")
        for name in ("batch_size", "log_every", "eval_every", "eval_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give 1 or more")
        if self.workers < 0:
            raise ValueError(f"workers is {self.workers}: give a number of processes, or 0 for none")
        if not 1 <= self.accumulate <= self.batch_size:
            raise ValueError(f"accumulate is {self.accumulate}: choose 1 to batch_size, {self.batch_size}")

    @property
    def curriculum(self) -> Curriculum:
        return Curriculum(self.first_stage, self.stage_steps)


def learning_rate(
    step: int, total: int, peak: float, warmup: int, final: float, schedule: str = "cosine"
) -> float:
    """Linear warm-up to `peak`, then along the schedule down to `final * peak` at the last step."""
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    done = min(1.0, (step - warmup) / max(1, total - 1 - warmup))
    left = 1 - done if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
    return peak * (final + (1 - final) * left)


def beta_at(step: int, settings: SFTSettings, size: int) -> float:
    """beta of the KL term at this step: kl_factor / d, rising to final_kl_factor / d in the last stage."""
    curriculum = settings.curriculum
    ramp = max(1.0, settings.kl_ramp * curriculum.stage_steps[-1])
    share = min(1.0, max(0.0, (step - curriculum.last_stage_start) / ramp))
    return (settings.kl_factor + share * (settings.final_kl_factor - settings.kl_factor)) / size


def train_sft(
    planner: Planner,
    train: Sequence[Problem],
    validation: Sequence[Problem],
    settings: SFTSettings,
    folder: str | os.PathLike[str],
    resume: bool = False,
) -> Planner:
    """Train the planner in place along the curriculum; return it with the weights that were best on validation.

    Writes to `folder`: `metrics.jsonl` and TensorBoard logs, `state/` (to resume), `best/` (highest validation accuracy
    within the last stage, as a checkpoint), `last/`, `settings.json`.

    Started by `accelerate launch`, every process takes its part of each batch and of the validation set, and the main
    process alone writes. The step is that of one process (atp_lite/engine/distributed.py says why), but for the noise of
    sampled latents, which every process draws for itself.

    Raises:
        ValueError: a validation question is also trained on, there is nothing to train on, or the processes cannot
            share a batch evenly.
        KeyboardInterrupt: passed on after the state was saved.
    """
    shared = {p.question for p in train} & {p.question for p in validation}
    if shared:
        raise ValueError(f"{len(shared)} questions are in train and in validation, such as {min(shared)}: remove them")
    folder = Path(folder)
    accelerator = start_together(planner.model)
    main = accelerator.is_main_process
    places = own_part(accelerator, range(settings.batch_size), "batch_size")
    if main:
        keep_settings(folder, asdict(settings), resume)
    model, curriculum, method = planner.model, settings.curriculum, METHODS[settings.method]
    longest = max((len(problem.steps) for problem in train), default=0)
    method.check(planner, curriculum.first_stage, curriculum.last_stage, longest)
    if curriculum.last_stage == 0:  # before slices are made: what is saved of them has the configuration of now
        model.config.max_latents = 0  # a model that reasons in words thinks no latents
    if settings.checkpoint_mlps:
        checkpoint_mlps(model)
    shard(model, accelerator)
    if is_sharded(model) and curriculum.last_stage > 0 and not all(problem.steps for problem in train):
        raise ValueError("sharded layers must be read equally often, so every problem needs a step: leave out the rest")
    plan = BatchPlan(planner.collate.encode(train), settings.batch_size, settings.seed, settings.bucket)
    optimizer = accelerator.prepare_optimizer(
        torch.optim.AdamW(
            [p for p in model.parameters() if p.requires_grad],
            settings.lr,
            settings.betas,
            weight_decay=settings.weight_decay,
            fused=True,
        )
    )
    generator = torch.Generator(model.device).manual_seed(settings.seed)
    progress = {"step": 0, "best": -1.0, "tokens": 0}
    if resume:
        with accelerator.main_process_first():
            progress = load_state(folder / "state", {"model": model}, optimizer, generator, has_lora(model))
    log = MetricLog(folder, progress["step"], not main, settings.trackers, asdict(settings))
    stage = curriculum.stage(max(0, progress["step"] - 1))  # that of the last step taken: a reset may be due

    def save() -> None:
        save_state(folder / "state", {"model": model}, optimizer, generator, progress, has_lora(model), writes=main)

    steps = Steps(plan, curriculum, planner.collate, places, settings.accumulate, ahead=settings.workers > 0)
    batches = load(steps, progress["step"], settings.workers)
    bar = tqdm(total=curriculum.total_steps, initial=progress["step"], desc="sft", disable=not main)
    watch = Stopwatch(progress)
    interrupt = HeldInterrupt(partial(anywhere, accelerator))
    try:
        while progress["step"] < curriculum.total_steps:
            step = progress["step"]
            if curriculum.stage(step) != stage:
                stage = curriculum.stage(step)
                if settings.reset_optimizer:
                    optimizer.state.clear()
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(
                    step,
                    curriculum.total_steps,
                    settings.lr,
                    settings.warmup_steps,
                    settings.final_lr,
                    settings.schedule,
                )
            beta = beta_at(step, settings, model.config.hidden_size)

            model.train()
            batch, own = next(batches)
            rows = [row for part in own for row in part]
            own_noise(accelerator, generator, settings.seed, step)
            optimizer.zero_grad()
            count = partial(term_counts, planner.collate)
            loss, terms = torch.zeros((), device=model.device), {}
            for part in own:
                with accelerator.autocast():
                    means = method.losses(planner, part, stage, settings.sample, generator)
                of_all = partial(count, rows, stage) if len(part) < len(rows) else None
                shares = own_share(accelerator, means, partial(count, part, stage), of_all)
                share = method.total(shares, beta)
                accelerator.backward(share)
                loss = loss + share.detach()
                terms = {name: terms.get(name, 0.0) + value.detach() for name, value in shares.items()}
            add_gradients(accelerator, model.parameters())
            norm = clip_gradients(accelerator, model.parameters(), settings.clip)
            optimizer.step()

            progress["step"] = step + 1
            progress["tokens"] += planner.collate.count(batch, stage)
            times = watch.read()
            bar.update()
            if (step + 1) % settings.log_every == 0 or step + 1 == curriculum.total_steps:
                parts = {"loss": loss.item()} | {f"loss_{name}": value.item() for name, value in terms.items()}
                log.write(
                    step + 1,
                    stage=stage,
                    **summed(accelerator, parts),
                    beta=beta,
                    lr=optimizer.param_groups[0]["lr"],
                    grad_norm=norm.item(),
                    **times,
                )
            if (step + 1) % settings.eval_every == 0 or step + 1 == curriculum.total_steps:
                limit = None
                if stage < curriculum.last_stage:  # as many latents as this stage has taught
                    limit = min(stage * model.config.latents_per_step, model.config.max_latents)
                result = evaluate(planner, validation, EvalSettings(settings.eval_batch, max_latents=limit))
                accuracy = result.accuracy.mean
                metrics = {name: e.mean for name, e in result.summary().items()}
                log.write(step + 1, sigma=result.sigma, **{f"validation_{n}": v for n, v in metrics.items()})
                bar.set_postfix(stage=stage, accuracy=f"{accuracy:.3f}", sigma=f"{result.sigma:.2f}")
                if step + 1 > curriculum.last_stage_start and accuracy > progress["best"]:
                    whole = planner.whole()
                    if main:
                        replace_folder(folder / "best", whole.save_pretrained)
                    progress["best"] = accuracy
                save()
            interrupt.check()
        whole = planner.whole()
        if main:
            whole.save_pretrained(folder / "last")
    except KeyboardInterrupt:
        save()
        raise
    finally:
        interrupt.release()
        bar.close()
        log.close()
    accelerator.wait_for_everyone()
    return Planner.from_pretrained(folder / "best")
