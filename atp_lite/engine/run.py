"""One training run: what SFT and RL share around their losses.

    with TrainingRun(folder, settings, planner, total=1000, resume=resume) as run:
        for step in run.steps():                       # sets the learning rate; Ctrl-C waits for the end of the step
            with run.autocast():
                loss = ...
            update = run.update([loss])                # backward, sum over processes, clip, optimizer step
            run.finish_step(tokens=...)
            run.log(loss=..., grad_norm=update.grad_norm.item())
            if run.due(settings.eval_every):
                run.validate(metrics)                  # logs them; keeps best/ by settings.select
                run.save_state()
    # last/ is written, or state/ where Ctrl-C ended it

`folder` gets `settings.json`, `fingerprint.json`, `metrics.jsonl` and tracker logs, `state/` (to resume), `best/`,
`last/`, and `kept/` where asked for. Under `accelerate launch` every process makes the same calls, and the main one
alone writes.

A resumed run goes on bit for bit: weights, moments and the state of the random numbers are saved, and everything else
must be a function of `run.done`, the number of finished steps.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from atp_lite.engine.distributed import (
    all_reduce_gradients,
    all_reduce_mean,
    all_reduce_sum,
    any_rank,
    clip_gradients,
    prepare_model,
    seed_rank_noise,
    sharding_requested,
)
from atp_lite.engine.folder import begin_run, held, replace_folder
from atp_lite.engine.log import MetricLog
from atp_lite.engine.lora import has_lora
from atp_lite.engine.memory import copy_sharing_frozen
from atp_lite.engine.process import DelayedInterrupt, Stopwatch
from atp_lite.engine.settings import NonFiniteError, RunSettings, learning_rate
from atp_lite.engine.sharding import shard
from atp_lite.engine.state import full_tensor, load_state, save_state, weights_fingerprint

LOCK = "run.lock"


class SavedModel(Protocol):
    """What a run trains and saves: a `Planner`."""

    model: Any

    def unsharded_copy(self) -> Any: ...

    def with_model(self, model: Any) -> Any: ...


class Update(NamedTuple):
    """One optimizer step: its loss on this process (a scalar), and the gradient's norm over all processes."""

    loss: Tensor
    grad_norm: Tensor


class TrainingRun:
    """Model, optimizer, noise, logs and saved state of one run; the module's docstring shows how to use it.

    Args:
        folder: where everything is written.
        planner: its model is trained in place, those parameters that require a gradient.
        total: steps of the whole run.
        name: label of the progress bar.
        ema: decay of averaged weights, which are then validated and saved in the place of the trained ones.
        reference: keep a frozen copy of the start (`run.reference`), for a KL penalty.
        restart: drop the run that is in the folder.
        fingerprint: what else the run depends on, such as hashes of its data: compared when it is resumed, as the
            settings, the first and the frozen weights are.

    Attributes:
        model: the model that is trained.
        evaluated: the planner to validate; `planner`, or one with the averaged weights.
        reference: the frozen copy of the start, or None.
        optimizer, accelerator: of this process.
        generator: source of the run's noise, on the model's device; saved with the state.
        progress: JSON values that are saved with the state: step, best, tokens, and what a loop adds.

    Raises:
        ValueError: the folder holds another run, or one that is neither resumed nor dropped, or another process
            trains in it; or the processes cannot work together.
        NonFiniteError: inside `with`: a loss, gradient or weight is NaN or infinite. The message names the step, what
            it is, and the last good checkpoint, which stays as it was.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        settings: RunSettings,
        planner: SavedModel,
        total: int,
        resume: bool = False,
        *,
        name: str = "train",
        ema: float | None = None,
        reference: bool = False,
        restart: bool = False,
        fingerprint: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.settings, self.total, self.name = Path(folder), settings, total, name
        self.model: Any = planner.model
        self.accelerator = prepare_model(self.model)
        self.is_main = self.accelerator.is_main_process
        with ExitStack() as stack:  # the lock is freed where anything fails
            if self.is_main:
                if not stack.enter_context(held(self.folder / LOCK)):
                    raise ValueError(
                        f"{folder}: another process is training there; wait for it, or give another folder (--out)"
                    )
                facts = weights_fingerprint(self.model) | dict(fingerprint or {})
                resume = begin_run(self.folder, asdict(settings), facts, resume, restart)
            resume = any_rank(self.accelerator, resume and self.is_main)

            duplicate = copy.deepcopy if sharding_requested() else copy_sharing_frozen  # shards cannot be shared
            self.reference: Any = duplicate(self.model).requires_grad_(False).eval() if reference else None
            self.average: AveragedModel | None = None
            if ema is not None:
                self.average = AveragedModel(nn.Identity(), multi_avg_fn=get_ema_multi_avg_fn(ema))
                self.average.module = duplicate(self.model)  # AveragedModel itself would copy frozen weights too
            self.evaluated: Any = planner if self.average is None else planner.with_model(self.average.module)
            models: list[Any] = [self.reference, self.evaluated.model if self.average else None, self.model]
            for model in models:
                if model is not None:
                    shard(model, self.accelerator)

            trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
            self.optimizer = self.accelerator.prepare_optimizer(
                torch.optim.AdamW(trained, settings.lr, settings.betas, weight_decay=settings.weight_decay, fused=True)
            )
            self.generator = torch.Generator(self.model.device).manual_seed(settings.seed)
            self._loss: Tensor | None = None  # of the micro-batches since the last step
            self._saved_step, self._saved_at = -1, time.monotonic()
            self.progress: dict[str, Any] = {"step": 0, "best": -1.0, "tokens": 0}
            if resume:
                with self.accelerator.main_process_first():
                    self.progress = load_state(
                        self.folder / "state",
                        self._modules(),
                        self.optimizer,
                        self.generator,
                        has_lora(self.model),
                        needed=("step", "best", "tokens"),
                    )
                step = self.progress["step"]
                if type(step) is not int or not 0 <= step <= total:
                    raise ValueError(
                        f"{self.folder / 'state'} is at step {step} of {total}: start anew (--restart), or in another "
                        "folder"
                    )
                self._saved_step = self.done
            self._lock = stack.pop_all()

    def __enter__(self) -> Self:
        self.metric_log = MetricLog(
            self.folder, self.done, not self.is_main, self.settings.trackers, asdict(self.settings)
        )
        self.bar = tqdm(total=self.total, initial=self.done, desc=self.name, disable=not self.is_main)
        self.stopwatch = Stopwatch(self.progress)
        self.interrupt = DelayedInterrupt(lambda pressed: any_rank(self.accelerator, pressed))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                if self._saved_step != self.done:
                    self.save_state()
                self.save_checkpoint("last")
            elif issubclass(kind, KeyboardInterrupt):
                self.save_state()
            elif isinstance(error, NonFiniteError):
                good = [str(self.folder / name) for name in ("best", "state") if (self.folder / name).is_dir()]
                kept = f"The last good one is {' and '.join(good)}" if good else "Nothing had been saved before"
                raise NonFiniteError(
                    f"step {self.done + 1}: {error}. Nothing of it is saved. {kept}. Take a smaller lr, or leave such "
                    "steps out (--settings.on-nonfinite skip)"
                ) from error
        finally:
            self.interrupt.release()
            self.bar.close()
            self.metric_log.close()
            self._lock.close()
        if kind is None:
            self.accelerator.wait_for_everyone()

    @property
    def done(self) -> int:
        """Finished steps."""
        return int(self.progress["step"])

    @property
    def lr(self) -> float:
        """The learning rate of now."""
        return float(self.optimizer.param_groups[0]["lr"])

    def autocast(self) -> AbstractContextManager[None]:
        """Inside, the model computes in the precision that `accelerate launch` was given."""
        context: AbstractContextManager[None] = self.accelerator.autocast()
        return context

    def sum(self, values: Mapping[str, float]) -> dict[str, float]:
        """Each value, added up over the processes; all of them must call this."""
        return all_reduce_sum(self.accelerator, values)

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Each value's mean over the processes; all of them must call this."""
        return all_reduce_mean(self.accelerator, values)

    def steps(self) -> Iterator[int]:
        """The steps that are left, counted from 0. Ctrl-C and SIGTERM take effect at the end of one.

        Raises:
            RuntimeError: the loop did not call `finish_step`.
            KeyboardInterrupt: Ctrl-C was pressed, here or in another process, or another signal came that ends runs.
        """
        s = self.settings
        while self.done < self.total:
            step = self.done
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(step, self.total, s.lr, s.warmup_steps, s.final_lr, s.schedule)
            seed_rank_noise(self.accelerator, self.generator, s.seed, step)
            yield step
            if self.done != step + 1:
                raise RuntimeError(f"step {step} was not finished: call run.finish_step() once in every step")
            self.interrupt.check()
            if any_rank(self.accelerator, self._save_is_due()):
                self.save_state()

    def _save_is_due(self) -> bool:
        s = self.settings
        late = time.monotonic() - self._saved_at >= 60 * s.save_minutes
        return self._saved_step != self.done and (late or s.save_every > 0 and self.done % s.save_every == 0)

    def update(self, losses: Iterable[Tensor], terms: Mapping[str, Tensor] | None = None) -> Update:
        """One optimizer step along the sum of these losses, over all processes: `backward` for each, then `step`.

        losses: one of each micro-batch, worked out when it is asked for: the activations of the one before are free by
            then.
        """
        for loss in losses:
            self.backward(loss)
        return self.step(terms)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a micro-batch's loss.

        It is scaled so that those of all micro-batches and processes add up to the loss of the global batch
        (`scale_to_global_mean`).
        """
        if self._loss is None:
            self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        self._loss = loss.detach() if self._loss is None else self._loss + loss.detach()

    def step(self, terms: Mapping[str, Tensor] | None = None) -> Update:
        """Sum the gradients over the processes, clip them and take an optimizer step.

        terms: of the loss, by name, for the message where one is not finite.

        Raises:
            NonFiniteError: the loss, the gradient's norm or the new weights are NaN or infinite. With `on_nonfinite`
                skip no step is taken along such a loss or gradient, and it is counted.
        """
        total, self._loss = self._loss, None
        if total is None:
            raise RuntimeError("there is no gradient to step along: call run.backward(loss) first")
        all_reduce_gradients(self.accelerator, self.model.parameters())
        norm = clip_gradients(self.accelerator, self.model.parameters(), self.settings.grad_clip)
        scaled = self.accelerator.scaler is not None  # in float16 some gradients overflow, and are left out there
        values = {f"loss_{name}": term for name, term in (terms or {}).items()} | {"loss": total}
        values |= {} if scaled else {"the gradient": norm}
        finite = torch.stack([value.detach().float() for value in values.values()]).isfinite()
        if any_rank(self.accelerator, not bool(finite.all())):
            if self.settings.on_nonfinite == "stop":
                names = [name for name, value in values.items() if not math.isfinite(value)]
                raise NonFiniteError(
                    f"{names[0]} is {float(values[names[0]])}" if names else "a loss of another process is not finite"
                )
            if scaled:
                self.accelerator.scaler.update()  # gradients were unscaled: it waits for the end of this step
            self.progress["skipped"] = self.progress.get("skipped", 0) + 1
            self.optimizer.zero_grad()
            return Update(total, norm)
        self.optimizer.step()
        if not bool(_norm(self.model).isfinite()):
            raise NonFiniteError("a weight is NaN or infinite after the optimizer's step")
        if self.average is not None:
            self.average.update_parameters(self.model)
        return Update(total, norm)

    def finish_step(self, tokens: int = 0) -> None:
        """Count the step, and the tokens that it read over all processes."""
        self.progress["step"] += 1
        self.progress["tokens"] += tokens
        self.stopwatch.read()
        self.bar.update()

    def due(self, every: int) -> bool:
        """Whether this many steps are done since the last time, or all of them."""
        return self.done % every == 0 or self.done == self.total

    def log(self, **metrics: float | int | str) -> None:
        """One line of metrics of the finished step, with the learning rate and the time since the start."""
        times = {name: self.progress[name] for name in ("skipped", "seconds", "cpu_seconds") if name in self.progress}
        self.metric_log.write(self.done, **metrics, lr=self.lr, **times)

    def validate(self, metrics: Mapping[str, float], may_be_best: bool = True, **more: float) -> None:
        """Log validation metrics as `validation_NAME`, `more` as they are; keep `best/` by `settings.select`.

        may_be_best: whether these weights may become `best/`.

        Raises:
            ValueError: that metric is not among them.
        """
        select = self.settings.select
        if select not in metrics:
            raise ValueError(
                f"select is {select!r}, which this validation does not measure: choose from {', '.join(metrics)}"
            )
        for name, value in {select: metrics[select], **more}.items():
            if not math.isfinite(value):
                raise NonFiniteError(f"{name} of the validation is {value}, though every weight is finite")
        shown = {name: metrics[name] for name in ("accuracy", "coherence") if name in metrics} | more
        self.metric_log.write(self.done, **more, **{f"validation_{name}": value for name, value in metrics.items()})
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in shown.items()})
        if may_be_best and metrics[select] > self.progress["best"]:
            self.save_checkpoint("best")
            self.progress["best"] = metrics[select]

    def keep(self, every: int) -> None:
        """Keep a checkpoint in `kept/` where `every` steps are done since the last; 0 keeps none."""
        if every and self.done % every == 0:
            self.save_checkpoint(str(kept_folder(Path(), self.done)))

    def save_checkpoint(self, name: str) -> None:
        """Save the evaluated planner as folder `name` of the run. All processes must call this."""
        planner = self.evaluated.unsharded_copy()
        if self.is_main:
            replace_folder(self.folder / name, planner.save_pretrained)

    def save_state(self) -> None:
        """Save what a resumed run needs. All processes must call this."""
        save_state(
            self.folder / "state",
            self._modules(),
            self.optimizer,
            self.generator,
            self.progress,
            learned_only=has_lora(self.model),
            writes=self.is_main,
        )
        self._saved_step, self._saved_at = self.done, time.monotonic()

    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"model": self.model}
        return modules if self.average is None else modules | {"average": self.average}


def _norm(model: nn.Module) -> Tensor:
    """Of all weights that learn together."""
    with torch.no_grad():
        return full_tensor(nn.utils.get_total_norm([value for value in model.parameters() if value.requires_grad]))


def kept_folder(folder: Path, step: int) -> Path:
    """Where `TrainingRun.keep` puts the checkpoint of a step."""
    return folder / "kept" / f"{step:06d}"


def check_disjoint(train: Iterable[str], validation: Iterable[str]) -> None:
    """Raise ValueError where a validation question is also trained on."""
    shared = set(train) & set(validation)
    if shared:
        raise ValueError(f"{len(shared)} questions are in train and in validation, such as {min(shared)}: remove them")
