"""Settings of reinforcement learning and of its controls, with their sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from atp_lite.engine.settings import RunSettings, require_between, require_positive
from atp_lite.rl.registries import ADVANTAGES, CREDIT, ESTIMATORS, OBJECTIVES, REWARDS
from atp_lite.rl.rewards import check_weights


@dataclass(frozen=True)
class RLSettings(RunSettings):
    """Settings of reinforcement learning in the latent space."""

    objective: Annotated[str, OBJECTIVES] = "grpo"
    """What an iteration does. rejection: SFT on the planner's own verified chains; answer-ce: cross-entropy on the true
    answer."""
    rewards: Annotated[dict[str, float], REWARDS] = field(
        default_factory=lambda: {"correct": 1.0, "correct-coherence": 1.0, "format": 0.5}
    )
    """Weight of each registered reward; the default is the paper's total with lambda_coh 1 and lambda_fmt 0.5."""
    latent_rewards: Annotated[dict[str, float] | None, REWARDS] = None
    """The terms that latents (and stop decisions) are credited with; None credits them with the whole reward."""
    credit: Annotated[str, CREDIT] = "split"
    """Who gets which reward. split: latents by `latent_rewards`, answers by `rewards`; trajectory: all by `rewards`."""
    advantage: Annotated[str, ADVANTAGES] = "group"
    """How rewards are compared. group: GRPO's; centred: not divided by the spread (Dr. GRPO); leave-one-out: RLOO."""
    estimator: Annotated[str, ESTIMATORS] = "clipped"
    """The loss of objective grpo. clipped: the surrogate of PPO and GRPO; decoder: through the drawn
    latents and the frozen decoder, for latents alone; reparameterised: the same and the answer, through the recurrence;
    reference: the true answer alone (`answer_ce`), through the recurrence."""
    shuffle_rewards: bool = False
    """Hand every trajectory the reward of a random other one: a control that must teach nothing."""
    iterations: int = 300
    """Rollouts, each followed by `epochs` passes of updates."""
    questions: int = 64
    """Questions per iteration, over all processes together (paper: 16)."""
    group_size: int = 8
    """G, trajectories per question (paper: 8)."""
    dynamic_sampling: int = 0
    """For objective grpo: how often, at most, other questions are asked in the place of those whose G rewards are all
    equal, which teach nothing (DAPO, arXiv 2503.14476, section 3.2: until the batch is full); 0 keeps them."""
    mini_batches: int = 1
    """Updates per pass over a rollout; questions are split evenly."""
    rollout_batch: int | None = None
    """Trajectories that a process thinks at a time, a multiple of `group_size`; None takes all at once. Their caches of
    keys and values must fit into memory."""
    epochs: int = 1
    """Passes over each rollout (paper: 1)."""
    lr: float = 3e-4
    """Peak learning rate (paper, LLaMA-1B: 1e-6)."""
    warmup_steps: int = 5
    """Iterations over which the rate rises from 0."""
    clip: float = 0.2
    """epsilon of the clipped ratio (paper: 0.2)."""
    log_ratio_limit: float = 3.0
    """The log-ratio of an action is clamped to +- this (authors' code: 3)."""
    sigma: float | Literal["mean", "learned"] = "mean"
    """Exploration: a number; the mean of the checkpoint's own sigma, the same in all directions; or the head's own. 0
    leaves the latents at their means, so that only answers (and stops) are drawn."""
    temperature: float = 1.0
    """Of the sampled answers (authors' code: 1)."""
    learn_latents: bool = True
    """Latents are actions that learn."""
    latent_weight: float = 0.1
    """Weight of a latent's (and its stop decision's) term in the surrogate; an answer token has 1."""
    learn_stop: bool = False
    """Stop decisions are sampled and learn from rewards; otherwise the stop head decides as in evaluation."""
    learn_answer: bool = True
    """Answer tokens are actions that learn."""
    answer_ce: float = 0.0
    """Weight of -log p(true answer | q, sampled latents), nats per token: answers keep up with latents that move. It
    takes the place of sampled answers, so it goes with `learn_answer` off; 0 leaves it out."""
    nearest_chain: float = 0.0
    """For objective grpo: weight of -log p_phi(nearest right chain | sampled latents), nats per step, of trajectories
    whose own chain is wrong. The domain lists right chains from the question; no label is read. 0 leaves it out."""
    kl_weight: float = 0.0
    """Weight of the KL to the start, nats per trajectory; above 0 it is computed in every update."""
    rehearsal: float = 0.0
    """For objective grpo: weight of the SFT loss of the planner's own method, on labelled problems beside every update,
    so that what imitation taught is not lost; 0 leaves it out."""
    rehearsal_batch: int = 64
    """Labelled problems an update, over all processes together."""
    kl_factor: float = 0.1
    """Of the SFT loss: of objective rejection, and of a rehearsal."""
    ema: float = 0.99
    """Decay of the averaged weights, which are evaluated and kept; 0 keeps the last weights."""
    eval_every: int = 25
    """Iterations between looks at the validation set and saved states."""
    keep_every: int = 0
    """Iterations between checkpoints that are kept in `kept/`, the start included, to look back at; 0 keeps none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weights(self.rewards)
        if self.latent_rewards is not None:
            check_weights(self.latent_rewards)
            if self.credit == "trajectory":
                raise ValueError("credit trajectory pays every action by `rewards`: leave out latent_rewards")
        require_positive(self, "iterations", "questions", "group_size", "mini_batches", "epochs", "rehearsal_batch")
        if self.questions % self.mini_batches:
            raise ValueError(f"{self.questions} questions do not split into {self.mini_batches} equal mini-batches")
        if self.dynamic_sampling < 0 or self.dynamic_sampling and self.objective != "grpo":
            raise ValueError(
                f"dynamic_sampling is {self.dynamic_sampling} with objective {self.objective}: give 0 or more, above 0 "
                "with grpo only"
            )
        if self.rollout_batch is not None and (self.rollout_batch < 1 or self.rollout_batch % self.group_size):
            raise ValueError(
                f"rollout_batch is {self.rollout_batch}: give a multiple of group_size, {self.group_size}, since the "
                "trajectories of a question share its reading"
            )
        if not 1 <= self.accumulate <= self.questions // self.mini_batches:
            raise ValueError(
                f"accumulate is {self.accumulate}: choose 1 to questions / mini_batches, "
                f"{self.questions // self.mini_batches}"
            )
        require_between(self, "(0, inf)", "clip", "log_ratio_limit")
        require_between(self, "[0, inf)", "latent_weight", "kl_weight", "kl_factor", "keep_every")
        require_between(self, "[0, 1)", "ema")
        require_between(self, "[0, 100]", "sigma")  # latents have a size of about 1
        if self.learn_latents and self.sigma == 0:
            raise ValueError(
                f"sigma is {self.sigma}: latents need a positive one to explore; 0 only goes with learn_latents off"
            )
        require_between(self, "[1e-6, 100]", "temperature")
        if self.group_size < (least := OBJECTIVES[self.objective].smallest_group):
            raise ValueError(
                f"group_size is {self.group_size}: {self.objective} compares trajectories of a question, take {least} "
                "or more"
            )
        if self.answer_ce < 0 or self.answer_ce and self.learn_answer:
            raise ValueError(
                f"answer_ce is {self.answer_ce}: give 0 or more, and switch learn_answer off, since answers are then "
                "learned from their references"
            )
        if self.rehearsal < 0 or self.rehearsal and not OBJECTIVES[self.objective].rehearses:
            raise ValueError(
                f"rehearsal is {self.rehearsal} with objective {self.objective}: give 0 or more, above 0 with grpo only"
            )
        if self.nearest_chain and self.objective != "grpo":
            raise ValueError(
                f"nearest_chain is {self.nearest_chain} with objective {self.objective}: above 0 it goes with grpo only"
            )
        require_between(self, "[0, inf)", "answer_ce", "nearest_chain", "rehearsal")
        if not (self.learn_latents or self.learn_stop or self.learn_answer):
            raise ValueError("nothing would learn: switch on learn_latents, learn_stop or learn_answer")
