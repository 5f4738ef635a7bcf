"""The SFT loop, top to bottom: batch -> losses -> optimizer step, with validation."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator, Sequence
from functools import partial

from accelerate import Accelerator
from torch import Tensor

from atp_lite.domains import Problem, data_hash
from atp_lite.engine.distributed import rank_shard, scale_to_global_mean, sharding_requested
from atp_lite.engine.memory import checkpoint_mlps
from atp_lite.engine.run import TrainingRun, check_disjoint
from atp_lite.engine.sharding import is_sharded
from atp_lite.evaluation import EvalSettings, evaluate
from atp_lite.evaluation.metrics import MEASURED
from atp_lite.limits import truncated
from atp_lite.methods import METHODS, Method
from atp_lite.planner import Planner
from atp_lite.sft.curriculum import BatchPlan
from atp_lite.sft.loading import StepData, load, own_chains
from atp_lite.sft.settings import SFTSettings, beta_at
from atp_lite.tokens import Encoded


def train_sft(
    planner: Planner,
    train: Sequence[Problem],
    validation: Sequence[Problem],
    settings: SFTSettings,
    folder: str | os.PathLike[str],
    resume: bool = False,
    restart: bool = False,
) -> Planner:
    """Train the planner in place along the curriculum; return it with the weights that were best on validation.

    `folder` is written by `TrainingRun`; `best/` has the highest `settings.select` on validation within the last stage.

    Started by `accelerate launch`, every process takes its share of each batch and of the validation set. The step is
    that of one process (atp_lite/engine/distributed.py says why), but for the noise of sampled latents, which every
    process draws for itself.

    Raises:
        ValueError: the folder holds another run, or one that is neither resumed nor dropped (`begin_run`).
        ValueError: a validation question is also trained on, there is nothing to train on, or the processes cannot
            share a batch evenly.
        KeyboardInterrupt: passed on after the state was saved.
    """
    check_disjoint((p.question for p in train), (p.question for p in validation))
    model, curriculum, method = planner.model, settings.curriculum, METHODS[settings.method]
    if settings.select not in MEASURED:
        raise ValueError(f"select is {settings.select!r}: choose from {', '.join(MEASURED)}")
    if not validation:
        raise ValueError(
            "there are no validation problems, so no weights would be the best: the file or split is empty"
        )
    longest = max((len(problem.steps) for problem in train), default=0)
    if train:  # otherwise `BatchPlan` says that there is nothing to train on
        method.check(planner, curriculum.first_stage, curriculum.last_stage, longest, settings.latent_head)
    if curriculum.last_stage == 0:  # before shards are made: what is saved of them has the configuration of now
        model.config.max_latents = 0  # a model that reasons in words thinks no latents
    if settings.checkpoint_mlps:
        checkpoint_mlps(model)
    if settings.counterfactual and train:
        planner.domain.counterfactual(train[0], random.Random(0))  # says so where the domain has none
    if settings.own_chains:
        if not sharding_requested():  # all of a sharded model may not fit on one device
            model.to(Accelerator().device)
        train = own_chains(planner, train, settings.eval_batch, settings.nearest_chains)
    places = rank_shard(Accelerator(), range(settings.batch_size), "batch_size")
    rows = planner.collate.encode(train)
    for line in truncated(planner, rows, curriculum.last_stage):
        warnings.warn(line, stacklevel=2)
    plan = BatchPlan(rows, settings.batch_size, settings.seed, settings.bucket)

    with TrainingRun(
        folder,
        settings,
        planner,
        curriculum.total_steps,
        resume,
        name="sft",
        restart=restart,
        fingerprint={"training problems": data_hash(train), "validation problems": data_hash(validation)},
    ) as run:
        if is_sharded(model) and curriculum.last_stage > 0 and not all(problem.steps for problem in train):
            raise ValueError("sharded layers must run equally often, so every problem needs a step: leave out the rest")
        data = StepData(
            plan, settings, planner.domain, planner.collate, places, settings.accumulate, settings.workers > 0
        )
        batches = load(data, run.done, settings.workers)
        stage = curriculum.stage(max(0, run.done - 1))  # that of the last step taken: a reset may be due

        for step in run.steps():
            if curriculum.stage(step) != stage:
                stage = curriculum.stage(step)
                if settings.reset_optimizer:
                    run.optimizer.state.clear()
            beta = beta_at(step, settings, model.config.hidden_size)
            batch, micro_batches = next(batches)
            terms: dict[str, Tensor] = {}
            model.train()
            now = method.exposed(settings.exposure_at(step))
            losses = scaled_losses(run, planner, now, micro_batches, stage, beta, settings.sample, terms)
            update = run.update(losses, terms)
            run.finish_step(tokens=planner.collate.count(batch, stage))

            if run.due(settings.log_every):
                parts = {"loss": update.loss.item()} | {f"loss_{name}": term.item() for name, term in terms.items()}
                run.log(stage=stage, **run.sum(parts), beta=beta, grad_norm=update.grad_norm.item())
            if run.due(settings.eval_every):
                limit = None
                if stage < curriculum.last_stage:  # as many latents as this stage has taught
                    limit = min(stage * model.config.latents_per_step, model.config.max_latents)
                result = evaluate(planner, validation, EvalSettings(settings.eval_batch, max_latents=limit))
                metrics = {name: estimate.mean for name, estimate in result.summary().items()}
                run.validate(metrics, may_be_best=run.done > curriculum.last_stage_start, sigma=result.sigma)
                run.save_state()
    return Planner.from_pretrained(run.folder / "best")


def scaled_losses(
    run: TrainingRun,
    planner: Planner,
    method: Method,
    micro_batches: Sequence[Sequence[Encoded]],
    stage: int,
    beta: float,
    sample: bool,
    terms: dict[str, Tensor],
) -> Iterator[Tensor]:
    """The method's loss of every micro-batch, scaled so that all of them add up to the loss of the global batch.

    Args:
        micro_batches: the rows of this process.
        sample: draw latents; otherwise their means are taken.
        terms: to it the scaled terms are added, by name.
    """
    rows = [row for micro_batch in micro_batches for row in micro_batch]
    count = partial(method.loss_denominators, planner.collate, stage=stage)
    rank_counts = partial(count, rows) if len(micro_batches) > 1 else None
    for micro_batch in micro_batches:
        with run.autocast():
            means = method.losses(planner, micro_batch, stage, sample, run.generator)
        scaled = scale_to_global_mean(run.accelerator, means, partial(count, micro_batch), rank_counts)
        for name, value in scaled.items():
            terms[name] = terms.get(name, 0.0) + value.detach()
        yield method.total(scaled, beta)
