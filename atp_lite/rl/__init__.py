"""Stage 2: reinforcement learning in the latent space, its rewards and its controls."""

from atp_lite.rl.advantages import group_advantages, used_groups
from atp_lite.rl.credit import split_credit, trajectory_credit
from atp_lite.rl.kl import kl_to_reference
from atp_lite.rl.loop import train_rl
from atp_lite.rl.metrics import mean_sigma
from atp_lite.rl.objectives import answer_cross_entropy, verified_chains
from atp_lite.rl.pathwise import reparameterised, through_decoder
from atp_lite.rl.registries import (
    ADVANTAGES,
    CREDIT,
    ESTIMATORS,
    OBJECTIVES,
    REWARDS,
    Estimate,
    Objective,
    Samples,
)
from atp_lite.rl.rewards import register, total_reward, weighted_sum
from atp_lite.rl.settings import RLSettings
from atp_lite.rl.surrogates import PolicyLogProbs, clipped_surrogate, policy_log_probs
