"""The toy recipes: which settings make a planner, from random weights to reinforcement learning.

The tour, the bundled checkpoints and the evidence runs all read them here, so what is reported is what can be run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from atp_lite.domains import DOMAINS, ArithmeticSettings, Problem, StorySettings
from atp_lite.domains.routes import RouteSettings
from atp_lite.methods import METHODS
from atp_lite.planner import ModelSettings, Planner
from atp_lite.resources import bundled
from atp_lite.rl import RLSettings, train_rl
from atp_lite.sft import SFTSettings, train_sft

Recipe = SFTSettings | RLSettings

# ------------------------------------------------------------------------ data

REGIMES: dict[str, Any] = {
    "clean": ArithmeticSettings(),
    "noisy": ArithmeticSettings(label_noise=0.6),
    "hidden": ArithmeticSettings(hidden_length=True),
    "stories": StorySettings(),
    "routes": RouteSettings(),
    "routes-7": RouteSettings(size=7, blocked=10, max_hops=10),
}
"""Settings of the problems, by the kind of their training labels: all right; imperfect demonstrations (a swapped last
operation); right, of questions of one length whose number of steps cannot be seen (see ArithmeticSettings); of word
problems; one shortest route of several; the same on larger maps."""
MODELS = dict.fromkeys(("routes", "routes-7"), ModelSettings(layers=3))
"""The size of a regime's planners, where it is not the default."""
COUNTS = dict.fromkeys(("routes", "routes-7"), {"train": 16_000, "rl": 4000})
"""Problems of each number of steps in a split of a regime, where the domain's default is not taken."""


def fresh_planner(regime: str, seed: int) -> Planner:
    """A planner with random weights that has the words of the regime's questions."""
    settings = REGIMES[regime]
    return Planner.fresh(DOMAINS.of(settings).name, MODELS.get(regime), seed, problems=settings)


def regime_data(regime: str, limit: int | None = None) -> dict[str, list[Problem]]:
    """The four splits of a regime; only training labels can be wrong.

    limit: about so many problems a split, as many of each number of steps; None takes the regime's numbers.
    """
    settings = REGIMES[regime]
    domain = DOMAINS.of(settings)
    lengths = domain.default_counts("train", settings)
    each = COUNTS.get(regime, {}) if limit is None else dict.fromkeys(domain.splits, -(-limit // len(lengths)))
    return domain.make_splits(settings, {split: dict.fromkeys(lengths, count) for split, count in each.items()})


# --------------------------------------------------------------------- recipes

COT = SFTSettings(first_stage=0, stage_steps=(2500,))
"""Chain of thought in words, from random weights."""

LATENT = SFTSettings(first_stage=1, stage_steps=(250, 250, 250, 4250), final_kl_factor=0.1, kl_ramp=0.5)
"""ATP-Latent SFT from the chain-of-thought checkpoint, one stage for each step that becomes latent."""

CONTINUED_SFT = SFTSettings(
    first_stage=4, stage_steps=(1200,), lr=1e-3, warmup_steps=20, final_lr=0.1, kl_factor=0.1, final_kl_factor=0.1
)
"""The first control: go on imitating the same labels."""

STEP = SFTSettings(
    method="atp-step",
    latent_head="mixture",
    first_stage=4,
    stage_steps=(6000,),
    kl_factor=0.3,
    final_kl_factor=0.3,
    exposure=0.3,
    counterfactual=0.5,
)
"""ATP-Latent with a step posterior, from the chain-of-thought checkpoint."""

PLAN_STEP = replace(STEP, latent_head=None, stage_steps=(5000,), lr=1.5e-3, exposure=0.5, own_chains=True)
"""The same after planning, on the chains that the planner has chosen: thoughts become causes, and stay right."""

GRPO = RLSettings(iterations=250, lr=6e-4, latent_weight=0.2, latent_rewards={"coherence": 1.0})
"""Reinforcement learning from the latent checkpoint with the paper's total reward.

Answer tokens are credited with all of it, latents with its coherence term: whether a sampled answer is right is mostly
the luck of the answer's own draw, which is noise to the latents.
"""

PLAN = replace(
    GRPO,
    iterations=400,
    lr=1.2e-3,
    rewards={"chain": 1.0},
    latent_rewards=None,
    latent_weight=1.0,
    estimator="decoder",
    learn_answer=False,
    answer_ce=1.0,
    select="right_chains",
    ema=0.98,
    eval_every=50,
)
"""Planning: latents are rewarded by a verifier of the chain, which reads no label, and learn through the decoder.
Answers learn from the true ones, so that they keep up with latents that move."""

NEAREST = 0.5
"""Weight of the nearest right chain, where planning is helped by what the domain lists as right (`sft/nearest.py`)."""

SIM_COT_SIGMA = 0.3
"""Noise that SIM-CoT's latents, which are points, explore with."""


def rivals(latent: SFTSettings) -> dict[str, Recipe]:
    """Rivals and ablations of ATP-Latent: as many optimizer steps from the same chain-of-thought checkpoint."""
    stages = latent.curriculum
    whole = replace(latent, first_stage=stages.last_stage, stage_steps=(stages.total_steps,))
    by_stages = ("icot", "coconut", "sim-cot", "atp-point", "atp-fixed", "atp-no-decoder")
    at_once = ("no-cot", "pause", "codi", "colar")
    return {name: replace(latent, method=name) for name in by_stages} | {
        name: replace(whole, method=name) for name in at_once
    }


def arms(continued: SFTSettings, plan: RLSettings) -> dict[str, Recipe]:
    """What can be done next with a latent checkpoint: planning and its controls, as many iterations each, and others.

    The paper's reward and its controls get about the same CPU time as each other.
    """
    as_long = {"iterations": plan.iterations, "eval_every": plan.eval_every}
    verified = replace(GRPO, objective="rejection", lr=1e-3, rewards=plan.rewards, latent_rewards=None)
    return {
        "continued-sft": continued,
        "grpo": GRPO,
        "grpo-correct-only": replace(GRPO, rewards={"correct": 1.0, "format": 0.5}, latent_rewards=None),
        "grpo-coherence-only": replace(GRPO, rewards={"coherence": 1.0}, latent_rewards=None, learn_answer=False),
        "grpo-shuffled-reward": replace(GRPO, shuffle_rewards=True),
        "rejection": replace(GRPO, objective="rejection", iterations=300, lr=1e-3),
        "answer-ce": replace(GRPO, objective="answer-ce", questions=256, iterations=320),
        "plan": plan,
        "plan-shuffled": replace(plan, shuffle_rewards=True),
        "plan-rejection": replace(verified, **as_long),
        "plan-paper": replace(GRPO, **as_long),
    }


def recipes(
    cot: SFTSettings,
    latent: SFTSettings,
    continued: SFTSettings,
    step: SFTSettings,
    plan: RLSettings,
    plan_step: SFTSettings,
) -> dict[str, Recipe]:
    """Every recipe of a domain by its name, from those in which domains differ."""
    others = {
        "plan-nearest": replace(plan, nearest_chain=NEAREST),
        "plan-nearest-shuffled": replace(plan, nearest_chain=NEAREST, shuffle_rewards=True),
        "plan-nearest-step": replace(plan_step, nearest_chains=True),
        "sim-cot-plan": replace(plan, sigma=SIM_COT_SIGMA),
        "sim-cot-plan-nearest": replace(plan, sigma=SIM_COT_SIGMA, nearest_chain=NEAREST),
        "atp-step-plan": replace(plan, iterations=plan.iterations // 2, lr=plan.lr / 2),
        "plan-step": plan_step,
    }
    return {"cot": cot, "atp-sft": latent, "atp-step": step} | arms(continued, plan) | rivals(latent) | others


ROUTES_COT = replace(COT, stage_steps=(1500,))
ROUTES_LATENT = replace(LATENT, stage_steps=(120, 120, 120, 120, 120, 3400))
ROUTES_CONTINUED = replace(CONTINUED_SFT, first_stage=6)
ROUTES_STEP = replace(STEP, first_stage=6, kl_factor=0.2, final_kl_factor=0.2)
ROUTES_PLAN_STEP = replace(PLAN_STEP, first_stage=6, kl_factor=0.2, final_kl_factor=0.2)
ROUTES_PLAN = replace(
    PLAN, iterations=300, rewards={"arrives": 1.0, "hops": 1.0}, sigma="learned", rehearsal=0.1, select="arrives"
)
"""The same on routes, where a walk counts that arrives. A rehearsal of imitation holds the number of hops."""

ARMS, RIVALS = arms(CONTINUED_SFT, PLAN), rivals(LATENT)
SETTINGS = recipes(COT, LATENT, CONTINUED_SFT, STEP, PLAN, PLAN_STEP)
"""Every recipe by its name, as it is on arithmetic; a regime of `OWN_SETTINGS` has its own."""
OWN_SETTINGS = {
    "routes": recipes(ROUTES_COT, ROUTES_LATENT, ROUTES_CONTINUED, ROUTES_STEP, ROUTES_PLAN, ROUTES_PLAN_STEP),
    "routes-7": recipes(
        replace(ROUTES_COT, stage_steps=(2500,)),
        replace(ROUTES_LATENT, stage_steps=(*(100,) * 9, 4000)),
        replace(ROUTES_CONTINUED, first_stage=10),
        replace(ROUTES_STEP, first_stage=10),
        ROUTES_PLAN,
        replace(ROUTES_PLAN_STEP, first_stage=10),
    ),
}

PARENTS: dict[str, str | None] = {"cot": None} | dict.fromkeys(("atp-sft", "atp-step", *RIVALS), "cot")
PARENTS |= dict.fromkeys(ARMS, "atp-sft")
PARENTS |= dict.fromkeys(("plan-nearest", "plan-nearest-shuffled"), "atp-sft")
PARENTS |= dict.fromkeys(("sim-cot-plan", "sim-cot-plan-nearest"), "sim-cot")
PARENTS |= {"atp-step-plan": "atp-step", "plan-step": "plan", "plan-nearest-step": "plan-nearest"}
"""Each recipe and the one whose last weights it starts from."""


def settings_of(name: str, regime: str) -> Recipe:
    """The settings of a recipe in a regime."""
    return OWN_SETTINGS.get(regime, SETTINGS)[name]


TOUR = {
    "clean": (
        replace(COT, stage_steps=(1200,)),
        replace(LATENT, stage_steps=(200, 200, 200, 2400)),
        replace(PLAN, iterations=150, eval_every=25),
    ),
    "routes": (
        replace(COT, stage_steps=(1000,)),
        replace(LATENT, stage_steps=(80, 80, 80, 80, 80, 1400)),
        replace(ROUTES_PLAN, iterations=80, eval_every=20),
    ),
}
"""The tour's shorter recipes by regime: chain of thought, which is only the start for what follows; latents; planning.
"""
TOUR_SHARES = {"clean": (0.22, 0.56, 0.22), "routes": (0.25, 0.57, 0.18)}
"""About what share of the tour's training time each of them takes, to say how many minutes are left."""

# -------------------------------------------------------------------- training


def run(
    start: Planner,
    settings: Recipe,
    data: Mapping[str, Sequence[Problem]],
    folder: Path,
    resume: bool = False,
    restart: bool = False,
) -> Path:
    """One run of a recipe from `start`; returns the folder of its last weights. data: what `regime_data` gives."""
    if isinstance(settings, SFTSettings):
        stages = settings.curriculum
        planner = METHODS[settings.method].start(
            start,
            stages.last_stage,
            max(ModelSettings().max_latents, stages.last_stage + 2),
            settings.seed,
            settings.latent_head,
        )
        train_sft(planner, data["train"], data["validation"], settings, folder, resume, restart)
    else:
        train_rl(start, data["rl"], data["validation"], settings, folder, resume, data["train"], restart)
    return folder / "last"


def train(start: Planner, settings: Recipe, data: Mapping[str, Sequence[Problem]], folder: Path) -> Path:
    """The same, resumed where it was cut off; nothing is trained where `folder` holds the last weights already.

    Raises ValueError where what it holds is of another run: other settings, data or first weights.
    """
    return run(start, settings, data, folder, resume=True)


CHECKPOINTS = bundled("data/checkpoints")
"""The bundled checkpoints."""
DEFAULT_CHECKPOINT = CHECKPOINTS / "atp-step"
"""What commands and explorers open with."""

JOURNEY = bundled("data/rl-run/journey.json")
"""What the RL microscope shows of the run that ended in the checkpoint `atp-rl-noisy`."""
