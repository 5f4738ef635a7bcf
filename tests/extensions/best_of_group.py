"""An objective in one file: the likelihood of the best trajectory of every question (rejection sampling by reward)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from atp_lite.domains import Problem
from atp_lite.rl import OBJECTIVES, Objective
from atp_lite.rl.learner import Learner
from atp_lite.rl.objectives import scored_rollout, step_metrics
from atp_lite.rl.rewards import weighted_sum
from atp_lite.rl.surrogates import replay_actions


def best_of_group(learner: Learner, problems: Sequence[Problem], iteration: int) -> dict[str, float]:
    """L = -mean over questions of log pi(all actions of the trajectory with the highest reward)."""
    trace, rewards, metrics = scored_rollout(learner, problems)
    groups = weighted_sum(rewards, learner.settings.rewards).view(-1, trace.group_size)  # (B / G, G)
    is_best = torch.zeros_like(groups).scatter(1, groups.argmax(1, keepdim=True), 1.0).flatten()  # (B,)
    with learner.run.autocast():
        actions, _ = replay_actions(learner.model, trace, learner.settings)
        learner.run.backward(-(is_best * actions.values.sum(1)).sum() / is_best.sum())
    return metrics | step_metrics(learner.run, learner.run.step())


OBJECTIVES.register("best-of-group")(Objective(best_of_group, smallest_group=2))
