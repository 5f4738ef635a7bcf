"""An estimator in one file: REINFORCE, the plain policy gradient without ratio and clip (Williams 1992)."""

from __future__ import annotations

from atp_lite.model import LatentReasoner
from atp_lite.rl import ESTIMATORS, Estimate, RLSettings, Samples
from atp_lite.rl.surrogates import replay_actions


@ESTIMATORS.register("reinforce")
def reinforce(model: LatentReasoner, samples: Samples, settings: RLSettings) -> Estimate:
    """L = -mean over trajectories of A_i times the mean of log pi over its actions."""
    policy, replay = replay_actions(model, samples.trace, settings)
    gain = samples.advantages if samples.advantages.dim() == 2 else samples.advantages[:, None]
    n_actions = policy.mask.sum(1).clamp(min=1)
    loss = -((gain * policy.values).sum(1) / n_actions).mean()
    stats = {"log_prob": float(policy.values.detach().sum() / n_actions.sum())}
    return Estimate(loss, stats, float(n_actions.sum()), replay)
