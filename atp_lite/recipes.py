"""The toy recipes: which settings make a planner, from random weights to reinforcement learning.

The tour, the bundled checkpoints and the evidence runs all read them here, so what is reported is what can be run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from atp_lite.domains import DOMAINS, ArithmeticSettings, Problem, StorySettings
from atp_lite.domains.made import MadeSettings
from atp_lite.methods import METHODS
from atp_lite.planner import ModelSettings, Planner
from atp_lite.resources import bundled
from atp_lite.rl import RLSettings, train_rl
from atp_lite.sft import SFTSettings, train_sft

REGIMES: dict[str, MadeSettings] = {
    "clean": ArithmeticSettings(),
    "noisy": ArithmeticSettings(label_noise=0.6),
    "hidden": ArithmeticSettings(hidden_length=True),
    "stories": StorySettings(),
}
"""Training labels: all right, or imperfect demonstrations (a swapped last operation), or questions of one length whose
number of steps cannot be seen (see ArithmeticSettings), or word problems with right labels."""


def fresh_planner(regime: str, seed: int) -> Planner:
    """A planner with random weights that has the words of the regime's questions."""
    settings = REGIMES[regime]
    return Planner.fresh(DOMAINS.of(settings).name, seed=seed, problems=settings)


COT = SFTSettings(first_stage=0, stage_steps=(2500,))
"""Chain of thought in words, from random weights."""

LATENT = SFTSettings(first_stage=1, stage_steps=(250, 250, 250, 4250), final_kl_factor=0.1, kl_ramp=0.5)
"""ATP-Latent SFT from the chain-of-thought checkpoint, one stage for each step that becomes latent."""

GRPO = RLSettings(iterations=250, lr=6e-4, latent_weight=0.2, latent_rewards={"coherence": 1.0})
"""Reinforcement learning from the latent checkpoint with the paper's total reward.

Answer tokens are credited with all of it, latents with its coherence term: whether a sampled answer is right is mostly
the luck of the answer's own draw, which is noise to the latents.
"""

CONTINUED_SFT = SFTSettings(
    first_stage=4, stage_steps=(1200,), lr=1e-3, warmup_steps=20, final_lr=0.1, kl_factor=0.1, final_kl_factor=0.1
)
"""The first control: go on imitating the same labels."""

ARMS: dict[str, SFTSettings | RLSettings] = {
    "continued-sft": CONTINUED_SFT,
    "grpo": GRPO,
    "grpo-correct-only": replace(GRPO, rewards={"correct": 1.0, "format": 0.5}, latent_rewards=None),
    "grpo-coherence-only": replace(GRPO, rewards={"coherence": 1.0}, latent_rewards=None, learn_answer=False),
    "grpo-shuffled-reward": replace(GRPO, shuffle_rewards=True),
    "rejection": replace(GRPO, objective="rejection", iterations=300, lr=1e-3),
    "answer-ce": replace(GRPO, objective="answer-ce", questions=256, iterations=320),
}
"""What can be done next with a latent checkpoint; all arms start from it and get about the same CPU time."""

RIVALS: dict[str, SFTSettings] = {
    name: replace(LATENT, method=name)
    for name in ("icot", "coconut", "sim-cot", "atp-point", "atp-fixed", "atp-no-decoder")
} | {
    name: replace(LATENT, method=name, first_stage=4, stage_steps=(LATENT.curriculum.total_steps,))
    for name in ("no-cot", "pause", "codi", "colar")
}
"""Rivals and ablations of ATP-Latent: as many optimizer steps from the same chain-of-thought checkpoint."""

SETTINGS: dict[str, SFTSettings | RLSettings] = {"cot": COT, "atp-sft": LATENT} | ARMS | RIVALS
"""Every recipe by its name."""

PARENTS: dict[str, str | None] = {"cot": None, "atp-sft": "cot"}
PARENTS |= dict.fromkeys(ARMS, "atp-sft") | dict.fromkeys(RIVALS, "cot")
"""Each recipe and the one whose last weights it starts from."""

TOUR_COT = replace(COT, stage_steps=(1200,))
"""The tour's chain of thought: shorter, since it is only the start for the latents."""

TOUR_LATENT = replace(LATENT, stage_steps=(200, 200, 200, 2400))
"""The tour's latent SFT."""

TOUR_RL = replace(GRPO, iterations=60, eval_every=20)
"""The tour's reinforcement learning."""


def regime_data(regime: str, counts: Mapping[int, int] | None = None) -> dict[str, list[Problem]]:
    """The four splits of a regime (`counts` problems of each number of steps); only training labels can be wrong."""
    return DOMAINS.of(REGIMES[regime]).make_splits(REGIMES[regime], counts)


def train(
    start: Planner, settings: SFTSettings | RLSettings, data: Mapping[str, Sequence[Problem]], folder: Path
) -> Path:
    """One run of a recipe from `start`, resumed where it was cut off; returns the folder of its last weights.

    data: what `regime_data` gives. Nothing is trained where `folder` holds the last weights already.
    """
    last = folder / "last"
    if last.is_dir():
        return last
    resume = (folder / "state").is_dir()
    if isinstance(settings, SFTSettings):
        stages = settings.curriculum
        planner = METHODS[settings.method].start(start, stages.last_stage, ModelSettings().max_latents, settings.seed)
        train_sft(planner, data["train"], data["validation"], settings, folder, resume)
    else:
        train_rl(start, data["rl"], data["validation"], settings, folder, resume, rehearse=data["train"])
    return last


CHECKPOINTS = bundled("data/checkpoints")
"""The bundled checkpoints."""

JOURNEY = bundled("data/rl-run/journey.json")
"""What the RL microscope shows of the run that ended in the checkpoint `atp-rl-noisy`."""
