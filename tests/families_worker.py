"""One step of SFT and one update of RL of every backbone family, for one process and for several (test_distributed.py).

What is compared are gradients, before any optimizer has divided them by their size: some are zero but for rounding.
"""

from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch
from accelerate import Accelerator
from small_lms import FAMILIES, PROBLEMS, tiny_lm

import atp_lite.engine.run as engine_run
from atp_lite.domains import Problem
from atp_lite.engine.lora import LoRASettings, add_lora
from atp_lite.engine.pretrained import BackboneSettings
from atp_lite.engine.state import full_tensor
from atp_lite.planner import Planner
from atp_lite.rl import RLSettings, train_rl
from atp_lite.rl.learner import Learner
from atp_lite.sft import SFTSettings, train_sft

NAMES = (*FAMILIES, "llama-lora", "gemma2-lora")
BACKBONE = BackboneSettings(latents_per_step=1, max_latents=2, max_answer_tokens=4, max_step_tokens=4, decoder_layers=1)
TRAIN = [*PROBLEMS, Problem("5 + 6 - 2?", ("5+6=11", "11-2=9"), "9")]  # of one and two steps, in this order
VALIDATION = [Problem("8 - 1?", ("8-1=7",), "7")]
SFT = SFTSettings(first_stage=2, stage_steps=(1,), batch_size=4, bucket=1, accumulate=2, sample=False, eval_every=9)
RL = RLSettings(
    iterations=1,
    questions=2,
    group_size=2,
    sigma=0.3,
    kl_weight=0.1,
    eval_every=9,
    rewards={"length": 1.0, "format": 0.5},
    learn_stop=True,
)


def fresh(name: str, folder: Path) -> Planner:
    planner = Planner.from_backbone(folder / name.removesuffix("-lora"), BACKBONE, "word-problems")
    if name.endswith("-lora"):
        add_lora(planner.model, LoRASettings(rank=2))
    return planner


@contextmanager
def gradients_of(planner: Planner, kept: dict[str, torch.Tensor], prefix: str):
    """Keep the gradients of the step that is taken, put together where they are sharded."""
    clip = engine_run.clip_gradients

    def watched(*arguments):
        named = planner.model.named_parameters()
        kept.update({f"{prefix}.{name}": full_tensor(p.grad).clone() for name, p in named if p.grad is not None})
        return clip(*arguments)

    with patch.object(engine_run, "clip_gradients", watched):
        yield


def family_runs(folder: Path, rank: int, rollout) -> dict[str, dict[str, torch.Tensor]]:
    """Gradients by family, then by `sft.` or `rl.` and the parameter's name.

    rollout: gives a process its trajectories out of those that one process draws.
    """
    made, models = {}, folder / "models"
    if rank == 0:
        for family in FAMILIES:
            (models / family).mkdir(parents=True)
            tiny_lm(family, models / family)
    Accelerator().wait_for_everyone()
    for name in NAMES:
        kept: dict[str, torch.Tensor] = {}
        planner = fresh(name, models)
        with gradients_of(planner, kept, "sft"):
            train_sft(planner, TRAIN, VALIDATION, SFT, folder / f"family-sft-{name}")
        planner = fresh(name, models)
        with gradients_of(planner, kept, "rl"), patch.object(Learner, "rollout", rollout):
            train_rl(planner, PROBLEMS[:2], VALIDATION, RL, folder / f"family-rl-{name}")
        made[name] = kept
    return made
