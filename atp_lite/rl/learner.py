"""`Learner`: what an objective works with. A training run, and what it takes to explore in it."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from atp_lite.domains import Problem
from atp_lite.engine.distributed import sharding_requested
from atp_lite.engine.lora import has_lora
from atp_lite.engine.run import TrainingRun
from atp_lite.engine.sharding import summon_full_params
from atp_lite.model import Decoded, LatentReasoner, Replay
from atp_lite.planner import Planner
from atp_lite.rl.metrics import mean_sigma
from atp_lite.rl.registries import OBJECTIVES
from atp_lite.rl.rehearsal import Rehearsal
from atp_lite.rl.settings import RLSettings


class Learner:
    """A planner that learns by reinforcement.

    Attributes:
        run: model, optimizer, averaged weights, frozen start, noise. An update is `run.backward` for each of its
            micro-batches, then `run.step`. With several processes all of them must take the same steps.
        settings: of the run, with a number where `sigma` said "mean".
        tokens: positions that this process thought about: questions (once a group), latents, answers.
        questions: all that may be asked.
        rehearsal: the supervised loss beside every update, where the settings ask for one.
    """

    def __init__(
        self,
        planner: Planner,
        settings: RLSettings,
        folder: str | os.PathLike[str],
        resume: bool = False,
        rehearse: Sequence[Problem] = (),
        questions: Sequence[Problem] = (),
        restart: bool = False,
        fingerprint: Mapping[str, str] | None = None,
    ) -> None:
        objective = OBJECTIVES[settings.objective]
        if sharding_requested() and not objective.can_shard:
            raise ValueError(
                f"objective {settings.objective} cannot be sharded: it learns while rows stop when they like; use DDP"
            )
        if sharding_requested() and settings.dynamic_sampling:
            raise ValueError(
                "dynamic_sampling cannot be sharded: processes would gather layers unequally often; use DDP, or give 0"
            )
        self.planner, self.settings, self.tokens, self.questions = planner, settings, 0, questions
        self.rehearsal = Rehearsal(planner, rehearse, settings) if settings.rehearsal else None
        self.model: LatentReasoner = planner.model
        self.model.train(False)
        if not has_lora(self.model):  # then the small matrices learn, and what is frozen stays so
            self.model.requires_grad_(True)
        if self.model.decoder is not None and not objective.trains_decoder:
            self.model.decoder.requires_grad_(False)
        if self.model.step_encoder is not None:  # it read labels
            self.model.step_encoder.requires_grad_(False)
        self.run = TrainingRun(
            folder,
            settings,
            planner,
            settings.iterations,
            resume,
            name=settings.objective,
            ema=settings.ema,
            reference=True,
            restart=restart,
            fingerprint=fingerprint,
        )

    def choose_sigma(self, questions: Sequence[Problem]) -> None:
        """Put a number in the place of the sigma "mean": the planner's own on these questions as the run began.

        Raises:
            ValueError: the planner thinks no latents, or they shall explore and have no spread of their own.
        """
        progress, s = self.run.progress, self.settings
        if "sigma" not in progress:
            with summon_full_params(self.model), self.run.autocast():
                progress["sigma"] = mean_sigma(self.planner, questions, s.eval_batch)
        if isinstance(s.sigma, str) and s.learn_latents and not progress["sigma"]:
            raise ValueError(
                "this checkpoint's latents are points (its head has no spread), so there is no sigma to explore with: "
                "give one, for example --settings.sigma 0.3"
            )
        if s.sigma == "mean":
            self.settings = replace(s, sigma=progress["sigma"])

    def drawn(self, iteration: int, again: int = 0) -> list[Problem]:
        """The questions of an iteration, over all processes; with `again` 1, 2, ... others in their place, each once.

        A function of seed, iteration and `again` alone; fewer, or none, where the questions run out.
        """
        s = self.settings
        first = random.Random(f"{s.seed}-{iteration}").sample(list(self.questions), s.questions)
        if not again:
            return first
        asked = {problem.question for problem in first}
        others = [problem for problem in self.questions if problem.question not in asked]
        random.Random(f"{s.seed}-{iteration}-again").shuffle(others)
        return others[(again - 1) * s.questions : again * s.questions]

    def rollout(self, problems: Sequence[Problem]) -> Decoded:
        """G sampled trajectories of every question, `rollout_batch` of them at a time."""
        s, parts = self.settings, []
        size = len(problems) if s.rollout_batch is None else s.rollout_batch // s.group_size
        sigma = None if isinstance(s.sigma, str) else s.sigma  # None: the head's own
        with summon_full_params(self.model), self.run.autocast():
            for i in range(0, len(problems), size):
                part = self.planner.reason(
                    problems[i : i + size],
                    sample=sigma is None or sigma > 0,
                    sigma=sigma,
                    sample_stop=s.learn_stop,
                    temperature=s.temperature,
                    group_size=s.group_size,
                    generator=self.run.generator,
                )
                parts.append(part)
        trace = Decoded.join(parts, self.model.config.pad_id)
        self.tokens += int(trace.question_mask.sum() + trace.latent_mask.sum() + trace.answer_mask.sum())
        return trace

    def reference_replay(self, trace: Decoded) -> Replay:
        """What the reference policy, the start of the run, says of these trajectories."""
        with torch.no_grad(), summon_full_params(self.run.reference), self.run.autocast():
            replay: Replay = self.run.reference.replay(trace)
        return replay

    def permutation(self, n: int) -> Tensor:
        """0 .. n - 1 in an order drawn from the run's generator, which lives where the model does."""
        generator = self.run.generator
        return torch.randperm(n, generator=generator, device=generator.device).cpu()
