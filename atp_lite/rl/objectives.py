"""Objectives: the body of one RL iteration. `OBJECTIVES` holds them by name.

GRPO is the method's second stage. The others are what it must be compared with: other uses of the same questions, from
the same checkpoint.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from accelerate.utils import gather_object
from torch import Tensor
from torch.nn import functional as F

from atp_lite.domains import Problem, measured
from atp_lite.engine.distributed import micro_batches, scale_to_global_mean
from atp_lite.engine.run import TrainingRun, Update
from atp_lite.engine.sharding import summon_full_params
from atp_lite.methods import METHODS, method_of
from atp_lite.model import Decoded, LatentReasoner, Thought
from atp_lite.model.distributions import at_least_float32
from atp_lite.planner import Planner
from atp_lite.rl.advantages import used_groups
from atp_lite.rl.kl import kl_to_reference
from atp_lite.rl.learner import Learner
from atp_lite.rl.metrics import rollout_metrics
from atp_lite.rl.registries import CREDIT, ESTIMATORS, OBJECTIVES, Estimate, Objective, Samples, checked
from atp_lite.rl.rewards import score, weighted_sum
from atp_lite.rl.settings import RLSettings
from atp_lite.rl.surrogates import replay_actions
from atp_lite.sft.loop import scaled_losses
from atp_lite.sft.nearest import chain_tokens, nearest_chains, nearest_loss
from atp_lite.tokens import pad_rows

# ------------------------------------------------------------------------ grpo


def grpo(learner: Learner, problems: Sequence[Problem], iteration: int) -> dict[str, float]:
    """Rollout, rewards, credit, then `epochs` passes of updates along the estimator's gradient."""
    s = learner.settings
    trace, rewards, metrics = scored_rollout(learner, problems)
    if s.dynamic_sampling:
        trace, rewards, metrics["dropped_groups"] = dynamically_sampled(learner, trace, rewards, iteration)
    if s.shuffle_rewards:
        order = learner.permutation(len(trace))
        rewards = {name: reward[order] for name, reward in rewards.items()}
    if s.answer_ce:
        trace = with_references(learner.planner, trace)
    used = used_groups(weighted_sum(rewards, s.rewards), s.group_size)
    metrics["used_groups"] = used.float().mean().item()
    shapes = (len(trace),), (len(trace), trace.latents.shape[1] + trace.answer.shape[1])
    advantages = checked("credit", s.credit, CREDIT[s.credit](trace, rewards, s), *shapes)
    samples = Samples(trace, advantages)
    if s.nearest_chain:
        with summon_full_params(learner.model), learner.run.autocast():
            found = nearest_chains(learner.planner, trace)
        tokens = chain_tokens(learner.planner, found, trace.step_tokens.shape[1])
        samples = replace(samples, nearest=tokens.to(trace.latents.device))
    return metrics | improve_policy(learner, samples, iteration % s.eval_every == 0)


def scored_rollout(
    learner: Learner, problems: Sequence[Problem]
) -> tuple[Decoded, dict[str, Tensor], dict[str, float]]:
    """Trajectories, each reward of the settings by its name (B,), and what is logged of both."""
    weights = learner.settings.rewards
    trace = learner.rollout(problems)
    rewards = score(trace, trace.problems, [*weights, *(learner.settings.latent_rewards or {})])
    metrics = {"reward": weighted_sum(rewards, weights).mean().item()}
    metrics |= {f"reward_{name}": reward.mean().item() for name, reward in rewards.items()}
    return trace, rewards, metrics | rollout_metrics(trace)


def dynamically_sampled(
    learner: Learner, trace: Decoded, rewards: Mapping[str, Tensor], iteration: int
) -> tuple[Decoded, dict[str, Tensor], float]:
    """As many groups, in which those that teach nothing have made way for groups of other questions (DAPO).

    A group teaches where its rewards differ, be it those of its latents alone. Other questions are asked
    `dynamic_sampling` times at most, as many each time as groups are missing; then the rest stays as it is.

    Returns:
        trajectories, rewards, and groups that were drawn and dropped, as a share of those that are learned from.
    """
    s, accelerator, rewards, dropped = learner.settings, learner.run.accelerator, dict(rewards), 0
    n_groups = len(trace) // s.group_size
    for again in range(1, s.dynamic_sampling + 1):
        teaches = teaching_groups(rewards, s)
        missing = n_groups - int(teaches.sum())
        others = learner.drawn(iteration, again)[accelerator.process_index :: accelerator.num_processes][:missing]
        if not others:
            break
        found, of_found, _ = scored_rollout(learner, others)
        dropped += len(others)
        new = teaching_groups(of_found, s).nonzero()[:, 0]
        if len(new):
            kept = torch.cat([teaches.nonzero()[:, 0], (~teaches).nonzero()[: missing - len(new), 0]])
            trace = Decoded.join([trace.questions(kept), found.questions(new)], learner.model.config.pad_id)
            rows = {name: reward.unflatten(0, (-1, s.group_size)) for name, reward in rewards.items()}
            rewards = {
                name: torch.cat([row[kept], of_found[name].unflatten(0, (-1, s.group_size))[new]]).flatten()
                for name, row in rows.items()
            }
    return trace, rewards, dropped / n_groups


def teaching_groups(rewards: Mapping[str, Tensor], settings: RLSettings) -> Tensor:
    """(B / G,) True where the total reward of a group differs, or that of its latents."""
    totals = [settings.rewards, settings.latent_rewards or {}]
    used = [used_groups(weighted_sum(rewards, weights), settings.group_size) for weights in totals if weights]
    return torch.stack(used).any(0)


def improve_policy(learner: Learner, samples: Samples, measure_kl: bool) -> dict[str, float]:
    """L = L_estimator + answer_ce L_answer + nearest_chain L_near + kl_weight KL(policy || start) + rehearsal L_SFT.

    For each mini-batch. L_answer = -log p(true answer | q, sampled latents), mean over its tokens; L_near is of the
    nearest right chains (`sft/nearest.py`); L_SFT is of labelled problems (`Rehearsal`).
    """
    s, run, model = learner.settings, learner.run, learner.model
    n_groups = len(samples.trace) // s.group_size
    if s.epochs * s.mini_batches > 1:  # several updates per rollout: keep what the sampling policy said
        with torch.no_grad(), summon_full_params(model), run.autocast():
            parts = [samples.questions(chosen) for chosen in torch.arange(n_groups).chunk(s.accumulate)]
            old = torch.cat([replay_actions(model, part.trace, s)[0].values for part in parts])
        samples = replace(samples, old=old)
    updates: list[tuple[Mapping[str, float], float]] = []
    for _ in range(s.epochs):
        order = learner.permutation(n_groups) if s.mini_batches > 1 else torch.arange(n_groups)
        for questions in order.chunk(s.mini_batches):
            stats, kls = [], []
            for chosen in questions.chunk(s.accumulate):
                part = samples if len(chosen) == n_groups else samples.questions(chosen)
                with run.autocast():
                    estimate = checked_estimate(model, part, s)
                loss, replay = estimate.loss, estimate.replay
                if s.kl_weight > 0 or measure_kl:
                    if replay is None or replay.latents is not None:  # the KL is along fixed trajectories
                        replay = model.replay(part.trace)
                    kl = kl_to_reference(replay, learner.reference_replay(part.trace), part.trace, s.sigma)
                    loss = loss + s.kl_weight * kl
                    kls.append(({"kl": kl.item()}, len(chosen)))
                # every process has as many trajectories, so its mean has this share in the mean over all of them
                run.backward(loss * (len(chosen) / len(questions)) / run.accelerator.num_processes)
                stats.append((estimate.stats, estimate.count))
            terms: dict[str, Tensor] = {}
            if learner.rehearsal is not None:
                for loss in learner.rehearsal.losses(run, len(updates), terms):
                    run.backward(loss)
            rehearsed = run.sum({f"rehearsal_{name}": term.item() for name, term in terms.items()}) if terms else {}
            update = step_metrics(run, run.step(terms))
            updates.append((weighted_mean(stats) | weighted_mean(kls) | rehearsed | update, 1))
    return weighted_mean(updates)


def checked_estimate(model: LatentReasoner, samples: Samples, settings: RLSettings) -> Estimate:
    """L_estimator + answer_ce L_answer + nearest_chain L_near.

    Answers of the samples are the references where `answer_ce` is above 0.

    Raises:
        ValueError: the estimator gave no Estimate, or its loss is not one finite number.
    """
    estimate = ESTIMATORS[settings.estimator](model, samples, settings)
    if not isinstance(estimate, Estimate):
        given = type(estimate).__name__
        raise ValueError(f"estimator {settings.estimator!r} gave {given}, where an Estimate is needed")
    checked("estimator", settings.estimator, estimate.loss, (), finite=settings.on_nonfinite == "stop")
    if not settings.answer_ce and samples.nearest is None:
        return estimate
    trace, loss, stats = samples.trace, estimate.loss, dict(estimate.stats)
    replay = model.replay(trace) if estimate.replay is None else estimate.replay
    if settings.answer_ce:
        real = trace.answer_mask
        answer_ce = F.cross_entropy(at_least_float32(replay.answer_logits[real]), trace.answer[real])
        loss, stats["answer_ce"] = loss + settings.answer_ce * answer_ce, answer_ce.item()
    if samples.nearest is not None:
        moved = replay.distribution.redraw(trace.latents, trace.distribution)
        nearest = nearest_loss(model, moved if replay.latents is None else replay.latents, samples.nearest)
        loss, stats["nearest_chain"] = loss + settings.nearest_chain * nearest, nearest.item()
    return replace(estimate, loss=loss, stats=stats, replay=replay)


def with_references(planner: Planner, trace: Decoded) -> Decoded:
    """The trajectories with the reference answers as the tokens after their latents; the texts stay as sampled."""
    eos, pad = planner.model.config.eos_id, planner.model.config.pad_id
    rows = planner.collate.encode([replace(problem, steps=()) for problem in trace.problems])
    answer, mask = pad_rows([(*row.answer, eos) for row in rows], pad)
    answer, mask = answer.to(trace.answer.device), mask.to(trace.answer.device).bool()
    unknown = trace.answer_log_probs.new_zeros(mask.shape)
    return replace(trace, answer=answer, answer_mask=mask, answer_log_probs=unknown)


def weighted_mean(parts: Sequence[tuple[Mapping[str, float], float]]) -> dict[str, float]:
    """Means by name over parts of some weight each; 0 where nothing has a weight."""
    total = max(sum(weight for _, weight in parts), 1.0)
    names = parts[0][0] if parts else ()
    return {name: sum(values[name] * weight for values, weight in parts) / total for name in names}


def step_metrics(run: TrainingRun, update: Update) -> dict[str, float]:
    """The loss over all processes, and the norm of its gradient."""
    return run.sum({"loss": update.loss.item()}) | {"grad_norm": update.grad_norm.item()}


# ------------------------------------------------------------------- rejection


def verified_chains(trace: Decoded, rng: random.Random) -> list[Problem]:
    """Rejection sampling: the model's own trajectories that hold, one a question, as labelled problems.

    A trajectory holds when its answer is right and its chain arrives (`Domain.verify`), or, where the domain cannot
    tell, every decoded step is valid and coherent.
    """
    kept: dict[int, list[Problem]] = {}
    for row, (problem, steps) in enumerate(zip(trace.problems, trace.chains, strict=True)):
        if (verdict := measured(trace.domain.verify, problem, steps)) is not None:
            holds = verdict.arrives
        else:
            found = trace.domain.coherence(steps, trace.answers[row], problem.question)
            holds = found.score == found.right == 1.0
        if holds and trace.domain.is_right(trace.answers[row], problem.answer):
            own = replace(problem, steps=tuple(steps))
            kept.setdefault(row // trace.group_size, []).append(own)
    return [rng.choice(own) for own in kept.values()]


def rejection(learner: Learner, problems: Sequence[Problem], iteration: int) -> dict[str, float]:
    """One step of L_SFT on the planner's own chains that hold."""
    s, run, planner = learner.settings, learner.run, learner.planner
    trace, _, metrics = scored_rollout(learner, problems)
    kept = verified_chains(trace, random.Random(f"{s.seed}-kept-{iteration}"))
    kept = gather_object([problem for problem in kept if _is_tokenizable(problem, planner)])  # of all processes
    metrics["kept"] = len(kept) / s.questions
    if not kept:
        return metrics
    rows, world = planner.collate.encode(kept), run.accelerator.num_processes
    n_parts = min(s.accumulate, len(rows) // world or len(rows))  # as many in every process
    if len(rows) >= world:  # otherwise every process takes all of them, for its share
        rows = rows[run.accelerator.process_index :: world]
    stage, beta = learner.model.config.latent_steps, s.kl_factor / learner.model.config.hidden_size
    parts = [rows[i::n_parts] for i in range(n_parts)]
    losses = scaled_losses(run, planner, method_of(planner), parts, stage, beta, sample=True, terms={})
    return metrics | step_metrics(run, run.update(losses))


def _is_tokenizable(problem: Problem, planner: Planner) -> bool:
    """False where a decoded chain holds a number outside the vocabulary: it cannot be a label."""
    try:
        return bool(planner.collate.encode([problem]))
    except ValueError:
        return False


# ------------------------------------------------------------------- answer-ce


def answer_cross_entropy(
    planner: Planner, problems: Sequence[Problem], sample: bool, generator: torch.Generator
) -> tuple[Tensor, Thought]:
    """-log p(true answer | q, own latents), mean over the answer's tokens; the gradient flows through the latents.

    Latents are generated free-running, with the model's own stop decisions; no chain label is used.
    """
    batch = planner.collate([replace(p, steps=()) for p in problems], stage=0).to(planner.model.device)
    trace = planner.model.think(batch.question, batch.question_mask, sample=sample, generator=generator)
    trace.problems, trace.domain = list(problems), planner.domain
    return planner.model.language_loss(trace, batch.language, batch.language_mask), trace


def answer_ce(learner: Learner, problems: Sequence[Problem], iteration: int) -> dict[str, float]:
    """One step of `answer_cross_entropy`."""
    run, collate = learner.run, learner.planner.collate
    answers = [replace(row, steps=()) for row in collate.encode(problems)]
    learner.tokens += sum(len(row.answer) + 1 for row in answers)
    count = partial(METHODS["no-cot"].loss_denominators, collate, stage=0)  # of the answer alone
    for chosen in micro_batches(range(len(problems)), learner.settings.accumulate):
        part, rows = [problems[i] for i in chosen], [answers[i] for i in chosen]
        with run.autocast():
            loss, trace = answer_cross_entropy(learner.planner, part, sample=True, generator=run.generator)
        learner.tokens += int(trace.question_mask.sum() + trace.latent_mask.sum())
        rank_counts = partial(count, answers) if len(part) < len(problems) else None
        run.backward(scale_to_global_mean(run.accelerator, {"enc": loss}, partial(count, rows), rank_counts)["enc"])
    return step_metrics(run, run.step())


OBJECTIVES["grpo"] = Objective(grpo, smallest_group=2, rehearses=True)
OBJECTIVES["rejection"] = Objective(rejection, trains_decoder=True)
OBJECTIVES["answer-ce"] = Objective(answer_ce, can_shard=False, reads_answers=True)
