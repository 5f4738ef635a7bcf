"""Settings of supervised training, with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from atp_lite.engine.settings import RunSettings, require_between, require_positive
from atp_lite.methods import METHODS
from atp_lite.model import LATENT_HEADS
from atp_lite.sft.curriculum import Curriculum


@dataclass(frozen=True)
class SFTSettings(RunSettings):
    """Settings of supervised training."""

    method: Annotated[str, METHODS] = "atp"
    """What is trained: atp, or a rival or ablation."""
    latent_head: Annotated[str | None, LATENT_HEADS] = None
    """The head that a method which draws its latents is started with, such as mixture; None takes the planner's own."""
    first_stage: int = 1
    """Curriculum stage to begin with: 0 is chain of thought in words, k makes the first k steps latent."""
    stage_steps: tuple[int, ...] = (300, 300, 300, 2400)
    """Optimizer steps of each stage, from the first on."""
    batch_size: int = 64
    """Problems per optimizer step, over all processes together (paper: 32)."""
    bucket: int = 0
    """0: batches of one question length and number of steps (toys). n, for text: problems are drawn at random for n
    batches and sorted by length within them, so that little is padded and each comes once an epoch; try 50."""
    workers: int = 0
    """Worker processes of the data loader; 0 makes batches between steps, which costs toys less."""
    checkpoint_mlps: bool = False
    """Activation checkpointing of the feed-forward layers: less memory, a third more time."""
    lr: float = 3e-3
    """Peak learning rate of AdamW (paper, LLaMA-1B: 1e-4)."""
    warmup_steps: int = 100
    """Optimizer steps over which the rate rises from 0."""
    final_lr: float = 0.05
    """The rate falls to this share of its peak at the last step."""
    reset_optimizer: bool = False
    """Forget the optimizer's moments at every new stage, as the authors' code does."""
    weight_decay: float = 0.01
    """Of AdamW (authors' code: 0.01)."""
    betas: tuple[float, float] = (0.9, 0.98)
    """Of AdamW."""
    kl_factor: float = 1e-3
    """beta * d while the curriculum runs: the weight of the KL averaged over the d dimensions (paper: 1e-3)."""
    final_kl_factor: float = 0.1
    """The same at the end of the last stage; above about 0.1 the posterior keeps a real sigma."""
    kl_ramp: float = 0.3
    """Share of the last stage over which the factor rises from one to the other."""
    sample: bool = True
    """Draw latents from the posterior; False trains on their means (no VAE)."""
    own_chains: bool = False
    """Train on the chains that the planner thinks before training, where the domain's verifier lets them pass, and on
    the labels elsewhere; for a planner that has learned to choose among equally right chains."""
    nearest_chains: bool = False
    """With own_chains: elsewhere not the label, but the right chain that is nearest to the planner's thoughts."""
    counterfactual: float = 0.0
    """Share of the labels, drawn anew at every step, in which one step is replaced by another and the rest follows from
    that (`Domain.counterfactual`); for atp-step, which can leave out what nobody can predict."""
    exposure: float = 0.0
    """Share of the thoughts that are read which are the planner's own, and not those of the label; for atp-step."""
    exposure_from: float = 0.1
    """Share of the run that is over before they come in."""
    log_every: int = 50
    """Optimizer steps between lines of losses in the log."""
    eval_every: int = 300
    """Optimizer steps between validations and saved states."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bucket < 0:
            raise ValueError(f"bucket is {self.bucket}: give a number of batches, or 0 for batches of one shape")
        require_positive(self, "batch_size", "log_every")
        if self.workers < 0:
            raise ValueError(f"workers is {self.workers}: give a number of processes, or 0 for none")
        require_between(self, "[0, 1]", "counterfactual", "exposure", "exposure_from", "kl_ramp")
        require_between(self, "[0, inf)", "kl_factor", "final_kl_factor")
        if (self.counterfactual or self.exposure) and not METHODS[self.method].step_encoder:
            raise ValueError(f"{self.method} has no use for counterfactual or exposure: they are settings of atp-step")
        if self.nearest_chains and not self.own_chains:
            raise ValueError("nearest_chains take the place of labels beside own_chains: switch that on, too")
        if not 1 <= self.accumulate <= self.batch_size:
            raise ValueError(f"accumulate is {self.accumulate}: choose 1 to batch_size, {self.batch_size}")
        self.curriculum  # noqa: B018  its stages are checked

    @property
    def curriculum(self) -> Curriculum:
        return Curriculum(self.first_stage, self.stage_steps)

    def exposure_at(self, step: int) -> float:
        """The share of the planner's own thoughts in optimizer step `step`."""
        return self.exposure if step >= self.exposure_from * self.curriculum.total_steps else 0.0


def beta_at(step: int, settings: SFTSettings, size: int) -> float:
    """beta of the KL term at this step: kl_factor / d, rising to final_kl_factor / d in the last stage."""
    curriculum = settings.curriculum
    ramp = max(1.0, settings.kl_ramp * curriculum.stage_steps[-1])
    share = min(1.0, max(0.0, (step - curriculum.last_stage_start) / ramp))
    return (settings.kl_factor + share * (settings.final_kl_factor - settings.kl_factor)) / size
