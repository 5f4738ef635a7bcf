"""An estimator in one file: the decoder's loss of the better trajectories, through latents drawn anew."""

from __future__ import annotations

from atp_lite.model import LatentReasoner
from atp_lite.rl import ESTIMATORS, Estimate, RLSettings, Samples
from atp_lite.rl.surrogates import sampling_policy


@ESTIMATORS.register("better-steps")
def better_steps(model: LatentReasoner, samples: Samples, settings: RLSettings) -> Estimate:
    """L = -log p_phi(steps of the better trajectories | latents drawn anew), mean over their tokens."""
    trace = samples.trace
    replay = model.replay(trace)
    latents = sampling_policy(replay, trace, settings.sigma).draw()  # (B, T, d), the gradient flows through mu
    better = samples.advantages > 0
    written = trace.step_tokens != model.config.pad_id
    loss = model.decoder.loss(latents[better], trace.step_tokens[better], written[better])
    return Estimate(loss, {"decoder_loss": loss.item()}, float(written[better].sum()), replay)
