"""Stage 2: reinforcement learning in the latent space, its rewards and its controls."""

from atp_lite.rl.controls import answer_cross_entropy, verified_chains
from atp_lite.rl.grpo import clipped_surrogate, group_advantages, kl_to_start, policy_log_probs
from atp_lite.rl.metrics import mean_sigma
from atp_lite.rl.rewards import REWARDS, register, total_reward
from atp_lite.rl.settings import RLSettings
from atp_lite.rl.train import train_rl

__all__ = [
    "REWARDS",
    "RLSettings",
    "answer_cross_entropy",
    "clipped_surrogate",
    "group_advantages",
    "kl_to_start",
    "mean_sigma",
    "policy_log_probs",
    "register",
    "total_reward",
    "train_rl",
    "verified_chains",
]
