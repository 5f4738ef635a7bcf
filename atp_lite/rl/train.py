"""The RL loop, top to bottom: questions -> trajectories -> rewards -> advantages -> update, and its controls.

One iteration of GRPO:
 1. draw questions; let the planner think and answer G times about each, latents and answers sampled;
 2. decode the thoughts, add up the rewards, compare within each group: advantages;
 3. replay the trajectories in one parallel pass and step along the clipped surrogate.
The controls use the same questions and answers in another way (`objective`).
"""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from atp_lite.domains import Problem
from atp_lite.engine.distributed import (
    all_reduce_gradients,
    all_reduce_mean,
    all_reduce_sum,
    any_rank,
    clip_gradients,
    micro_batches,
    prepare_model,
    rank_shard,
    scale_to_global_mean,
    seed_rank_noise,
    sharding_requested,
)
from atp_lite.engine.folder import check_settings, replace_folder
from atp_lite.engine.log import MetricLog
from atp_lite.engine.lora import has_lora
from atp_lite.engine.memory import copy_sharing_frozen
from atp_lite.engine.process import DelayedInterrupt, Stopwatch
from atp_lite.engine.settings import learning_rate
from atp_lite.engine.sharding import gathered, shard
from atp_lite.engine.state import load_state, save_state
from atp_lite.evaluation.evaluate import EvalSettings, evaluate
from atp_lite.methods import METHODS
from atp_lite.methods.method import loss_denominators
from atp_lite.model import LatentReasoner, Replay, Trace
from atp_lite.planner import Planner
from atp_lite.rl.controls import answer_cross_entropy, verified_chains
from atp_lite.rl.grpo import PolicyLogProbs, clipped_surrogate, group_advantages, kl_to_start, policy_log_probs
from atp_lite.rl.metrics import mean_sigma, rollout_metrics
from atp_lite.rl.rewards import total_reward
from atp_lite.rl.settings import RLSettings


def train_rl(
    planner: Planner,
    questions: Sequence[Problem],
    validation: Sequence[Problem],
    settings: RLSettings,
    folder: str | os.PathLike[str],
    resume: bool = False,
) -> Planner:
    """Train the planner in place on questions with answers (chains are not read); return the best on validation.

    Writes to `folder`: `metrics.jsonl` and TensorBoard logs, `state/` (to resume), `best/`, `last/`, `settings.json`,
    and `kept/` where `keep_every` asks for it.

    Started by `accelerate launch`, every process takes whole groups: its part of the questions, all G trajectories of
    each, drawn with noise of its own. Given the same trajectories, the update is that of one process
    (atp_lite/engine/distributed.py says why). The main process alone writes; its metrics are means over the processes.

    Raises:
        ValueError: a validation question is also trained on, the checkpoint cannot be explored, or the processes
            cannot share the questions evenly.
        KeyboardInterrupt: passed on after the state was saved.
    """
    shared = {p.question for p in questions} & {p.question for p in validation}
    if shared:
        raise ValueError(
            f"{len(shared)} of {len(questions)} questions are also in validation: give questions of their own"
        )
    if settings.questions > len(questions):
        raise ValueError(f"{settings.questions} questions per iteration, but there are {len(questions)}: take fewer")
    folder = Path(folder)
    accelerator = prepare_model(planner.model)
    main = accelerator.is_main_process
    if len(rank_shard(accelerator, range(settings.questions), "questions")) % settings.mini_batches:
        raise ValueError(
            f"{settings.questions} questions over {accelerator.num_processes} processes do not split into "
            f"{settings.mini_batches} equal mini-batches: take a multiple of both"
        )
    if main:
        check_settings(folder, asdict(settings), resume)
    run = _Run(planner, settings)
    own = run.ask_sigma(list(questions)[:256])
    if settings.learn_latents and not (own if run.sigma == "learned" else run.sigma) > 0:
        raise ValueError(
            "this checkpoint's latents are points (its head has no spread), so there is no sigma to explore with: give "
            "one, for example --settings.sigma 0.3"
        )
    progress = {"iteration": 0, "best": -1.0, "sigma": run.sigma, "tokens": 0}
    modules = {"model": run.model, "average": run.average}
    if resume:
        with accelerator.main_process_first():
            progress = load_state(folder / "state", modules, run.optimizer, run.generator, has_lora(run.model))
        run.sigma = progress["sigma"]
    log = MetricLog(folder, progress["iteration"], not main, settings.trackers, asdict(settings))
    average = Planner(run.average.module, planner.tokenizer)

    def save() -> None:
        learned_only = has_lora(run.model)
        save_state(folder / "state", modules, run.optimizer, run.generator, progress, learned_only, writes=main)

    def validate(iteration: int) -> None:
        result = evaluate(average, validation, EvalSettings(settings.eval_batch))
        metrics = {name: e.mean for name, e in result.summary().items()}
        log.write(iteration, **{f"validation_{name}": value for name, value in metrics.items()})
        bar.set_postfix({name: f"{metrics[name]:.3f}" for name in ("accuracy", "coherence") if name in metrics})
        if result.accuracy.mean > progress["best"]:
            whole = average.unsharded_copy()
            if main:
                replace_folder(folder / "best", whole.save_pretrained)
            progress["best"] = result.accuracy.mean

    def keep(iteration: int) -> None:
        if settings.keep_every and iteration % settings.keep_every == 0:
            whole = average.unsharded_copy()
            if main:
                replace_folder(kept_folder(folder, iteration), whole.save_pretrained)

    bar = tqdm(total=settings.iterations, initial=progress["iteration"], desc=settings.objective, disable=not main)
    watch = Stopwatch(progress)
    interrupt = DelayedInterrupt(partial(any_rank, accelerator))
    try:
        if progress["iteration"] == 0:
            validate(0)
            keep(0)
        while progress["iteration"] < settings.iterations:
            i = progress["iteration"]
            for group in run.optimizer.param_groups:
                group["lr"] = learning_rate(
                    i, settings.iterations, settings.lr, settings.warmup_iterations, settings.final_lr
                )
            chosen = random.Random(f"{settings.seed}-{i}").sample(list(questions), settings.questions)
            seed_rank_noise(accelerator, run.generator, settings.seed, i)
            own = rank_shard(accelerator, chosen, "questions")
            metrics = all_reduce_mean(accelerator, run.step(own, i, measure_kl=i % settings.eval_every == 0))
            progress["iteration"] = i + 1
            progress["tokens"] += int(all_reduce_sum(accelerator, {"tokens": run.tokens})["tokens"])
            log.write(i + 1, **metrics, lr=run.optimizer.param_groups[0]["lr"], **watch.read())
            bar.update()
            keep(i + 1)
            if (i + 1) % settings.eval_every == 0 or i + 1 == settings.iterations:
                validate(i + 1)
                save()
            interrupt.check()
        whole = average.unsharded_copy()
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


def kept_folder(folder: Path, iteration: int) -> Path:
    """Where the averaged weights of an iteration are kept."""
    return folder / "kept" / f"{iteration:06d}"


class _Run:
    """Model, optimizer, averaged weights and noise of one run, and the update of each objective.

    With several processes: of the questions of this process, except that all of them take the same steps.
    """

    def __init__(self, planner: Planner, settings: RLSettings, sigma: float = 0.0) -> None:
        self.planner, self.settings, self.model = planner, settings, planner.model.eval()
        self.accelerator = Accelerator()
        if sharding_requested() and settings.objective == "answer-ce":
            raise ValueError("objective answer-ce cannot be sharded: it learns while rows stop when they like; use DDP")
        if not has_lora(self.model):  # then the small matrices learn, and what is frozen stays so
            self.model.requires_grad_(True)
        if settings.objective != "rejection" and self.model.decoder is not None:
            self.model.decoder.requires_grad_(False)  # phi is frozen: a moving judge could be talked into anything
        duplicate = copy.deepcopy if sharding_requested() else copy_sharing_frozen  # slices cannot be shared
        self.start: LatentReasoner = duplicate(self.model).requires_grad_(False).eval()
        self.average = AveragedModel(nn.Identity(), multi_avg_fn=get_ema_multi_avg_fn(settings.ema))
        self.average.module = duplicate(self.model)  # its own way copies frozen weights too
        for model in (self.start, self.average.module, self.model):
            shard(model, self.accelerator)
        self.sigma = sigma if settings.sigma == "mean" else settings.sigma
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = self.accelerator.prepare_optimizer(
            torch.optim.AdamW(trained, settings.lr, weight_decay=settings.weight_decay, fused=True)
        )
        self.generator = torch.Generator(self.model.device).manual_seed(settings.seed)
        self.tokens = 0  # positions of the last iteration's trajectories: questions (once a group), latents, answers

    def ask_sigma(self, questions: Sequence[Problem]) -> float:
        """The mean of the planner's own sigma, which is taken for exploring where the settings ask for it."""
        with gathered(self.model), self.accelerator.autocast():
            own = mean_sigma(self.planner, questions, self.settings.eval_batch)
        if self.settings.sigma == "mean":
            self.sigma = own
        return own

    def step(self, problems: list[Problem], iteration: int, measure_kl: bool) -> dict[str, float]:
        """One iteration; its metrics (docs/metrics.md explains each)."""
        if self.settings.objective == "answer-ce":
            return self._answer_ce(problems)
        trace = self.rollout(problems)
        self.tokens = int(trace.question_mask.sum() + trace.latent_mask.sum() + trace.answer_mask.sum())
        rewards, parts = total_reward(trace, trace.problems, self.settings.rewards)
        metrics = {"reward": rewards.mean().item()}
        metrics |= {f"reward_{name}": part.mean().item() for name, part in parts.items()}
        metrics |= rollout_metrics(trace)
        if self.settings.objective == "rejection":
            return metrics | self._rejection(trace, iteration)
        credit = rewards  # of the latents
        if self.settings.latent_rewards is not None:
            credit, _ = total_reward(trace, trace.problems, self.settings.latent_rewards)
        if self.settings.shuffle_rewards:
            order = self._shuffled(len(rewards))
            rewards, credit = rewards[order], credit[order]
        advantages, used = group_advantages(rewards, self.settings.group_size)
        metrics["used_groups"] = used.float().mean().item()
        if self.settings.latent_rewards is not None:  # one advantage per action: (B, T + A)
            of_latents, _ = group_advantages(credit, self.settings.group_size)
            kinds = (of_latents, trace.latents.shape[1]), (advantages, trace.answer.shape[1])
            advantages = torch.cat([values[:, None].expand(-1, width) for values, width in kinds], dim=1)
        return metrics | self._grpo(trace, advantages, measure_kl)

    def rollout(self, problems: list[Problem]) -> Trace:
        """G sampled trajectories of every question, `rollout_batch` of them at a time."""
        s = self.settings
        size = len(problems) if s.rollout_batch is None else s.rollout_batch // s.group_size
        with gathered(self.model), self.accelerator.autocast():
            parts = [
                self.planner.reason(
                    problems[i : i + size],
                    sample=self.sigma == "learned" or self.sigma > 0,
                    sigma=None if self.sigma == "learned" else self.sigma,
                    sample_stop=s.learn_stop,
                    temperature=s.temperature,
                    group_size=s.group_size,
                    generator=self.generator,
                )
                for i in range(0, len(problems), size)
            ]
        return Trace.join(parts, self.model.config.pad_id)

    def _grpo(self, trace: Trace, advantages: Tensor, measure_kl: bool) -> dict[str, float]:
        s = self.settings
        kinds = {"latents": s.learn_latents, "stop": s.learn_stop, "answer": s.learn_answer}
        sigma = trace.sigma if self.sigma == "learned" else torch.full_like(trace.mu, self.sigma)
        n_groups, n_latents = len(trace) // s.group_size, trace.latents.shape[1]
        several = s.epochs * s.mini_batches > 1

        def log_probs(chosen: Tensor) -> tuple[PolicyLogProbs, Replay, Trace, Tensor]:
            """The policy of today along the trajectories of these questions; also their rows of the trace."""
            part = trace if len(chosen) == n_groups and not several else trace.questions(chosen)
            rows = (chosen[:, None] * s.group_size + torch.arange(s.group_size)).flatten()
            with self.accelerator.autocast():
                replay = self.model.replay(part)
            return policy_log_probs(replay, part, sigma[rows], s.temperature, **kinds), replay, part, rows

        if several:  # the policy will have moved by the second update: write down where it was
            with torch.no_grad(), gathered(self.model):
                parts = micro_batches(torch.arange(n_groups), s.accumulate)
                before = torch.cat([log_probs(part)[0].values for part in parts])
        totals: dict[str, float] = {}

        def note(stats: dict[str, float], share: float) -> None:
            for name, value in stats.items():
                totals[name] = totals.get(name, 0.0) + value * share / (s.epochs * s.mini_batches)

        def losses(questions: Tensor) -> Iterator[Tensor]:
            seen: list[tuple[dict[str, float], float]] = []  # of every part, and over how many actions it is a mean
            for chosen in micro_batches(questions, s.accumulate):
                new, replay, part, rows = log_probs(chosen)
                old = before[rows] if several else new.values.detach()
                loss, stats = clipped_surrogate(
                    new, old, advantages[rows], s.clip, s.log_ratio_limit, s.latent_weight, n_latents
                )
                seen.append((stats, float(new.mask.sum())))
                if s.kl_weight > 0 or measure_kl:
                    with torch.no_grad(), gathered(self.start), self.accelerator.autocast():
                        start = self.start.replay(part)
                    kl = kl_to_start(replay, start, part, sigma[rows])
                    note({"kl": kl.item()}, len(chosen) / len(questions))
                    loss = loss + s.kl_weight * kl
                # every process has as many trajectories, so its mean has this share in the mean over all of them
                yield loss * (len(chosen) / len(questions)) / self.accelerator.num_processes
            actions = sum(count for _, count in seen)
            for stats, count in seen:
                note(stats, count / max(actions, 1.0))

        for _ in range(s.epochs):
            order = self._shuffled(n_groups) if s.mini_batches > 1 else torch.arange(n_groups)
            for questions in order.chunk(s.mini_batches):
                note(self._update(losses(questions)), 1.0)
        return totals

    def _rejection(self, trace: Trace, iteration: int) -> dict[str, float]:
        kept = verified_chains(trace, random.Random(f"{self.settings.seed}-kept-{iteration}"))
        kept = gather_object([problem for problem in kept if self._can_be_read(problem)])  # of all processes
        metrics = {"kept": len(kept) / self.settings.questions}
        if not kept:
            return metrics
        stage, beta = max(len(p.steps) for p in kept), self.settings.kl_factor / self.model.config.hidden_size
        rows, world = self.planner.collate.encode(kept), self.accelerator.num_processes
        n_parts = min(self.settings.accumulate, len(rows) // world or len(rows))  # as many in every process
        if len(rows) >= world:  # otherwise every process takes all of them, for its share
            rows = rows[self.accelerator.process_index :: world]
        count = partial(loss_denominators, self.planner.collate, stage=stage)

        def losses() -> Iterator[Tensor]:
            for part in (rows[i::n_parts] for i in range(n_parts)):
                with self.accelerator.autocast():
                    terms = METHODS["atp"].losses(self.planner, part, stage, True, self.generator)
                whole = partial(count, rows) if n_parts > 1 else None
                scaled = scale_to_global_mean(self.accelerator, terms, partial(count, part), whole)
                yield METHODS["atp"].total(scaled, beta)

        return metrics | self._update(losses())

    def _can_be_read(self, problem: Problem) -> bool:
        """Decoded digits can stand side by side and make a number that is no token: such a chain is no label."""
        try:
            return bool(self.planner.collate.encode([problem]))
        except ValueError:
            return False

    def _answer_ce(self, problems: list[Problem]) -> dict[str, float]:
        answers = [replace(row, steps=()) for row in self.planner.collate.encode(problems)]
        count = partial(loss_denominators, self.planner.collate, stage=0)
        self.tokens = sum(len(row.answer) + 1 for row in answers)

        def losses() -> Iterator[Tensor]:
            for chosen in micro_batches(range(len(problems)), self.settings.accumulate):
                part, rows = [problems[i] for i in chosen], [answers[i] for i in chosen]
                with self.accelerator.autocast():
                    loss, trace = answer_cross_entropy(self.planner, part, sample=True, generator=self.generator)
                self.tokens += int(trace.question_mask.sum() + trace.latent_mask.sum())
                whole = partial(count, answers) if len(part) < len(problems) else None
                yield scale_to_global_mean(self.accelerator, {"enc": loss}, partial(count, rows), whole)["enc"]

        return self._update(losses())

    def _shuffled(self, n: int) -> Tensor:
        """0 .. n - 1 in an order drawn from the run's generator, which lives where the model does."""
        return torch.randperm(n, generator=self.generator, device=self.generator.device).cpu()

    def _update(self, losses: Iterable[Tensor]) -> dict[str, float]:
        """Step along the sum of these losses over all processes; that sum, and the norm of its gradient.

        losses: one of each part of the update, worked out when it is asked for: the part before it is free by then.
        """
        self.optimizer.zero_grad()
        total = 0.0
        for loss in losses:
            self.accelerator.backward(loss)
            total += loss.item()
        all_reduce_gradients(self.accelerator, self.model.parameters())
        norm = clip_gradients(self.accelerator, self.model.parameters(), self.settings.grad_clip)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        return all_reduce_sum(self.accelerator, {"loss": total}) | {"grad_norm": float(norm)}
