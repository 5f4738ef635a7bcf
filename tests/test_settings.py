"""Every setting is checked for its range where it is made: one line that names it, its value and the interval."""

from pathlib import Path

import pytest

from atp_lite.cli.training import Augment, Data, Tour
from atp_lite.cli.using import Causes, Explore, ExportExplorer
from atp_lite.domains import ArithmeticSettings, RouteSettings, StorySettings
from atp_lite.domains.gym.countdown import CountdownSettings
from atp_lite.domains.gym.gsm_symbolic import GsmSymbolicSettings
from atp_lite.domains.gym.path_star import PathStarSettings
from atp_lite.engine.lora import LoRASettings
from atp_lite.engine.pretrained import BackboneSettings
from atp_lite.evaluation import EvalSettings
from atp_lite.planner import ModelSettings
from atp_lite.rl import RLSettings
from atp_lite.sft import SFTSettings

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    "kind, change",
    [
        (SFTSettings, dict(kl_factor=-0.1)),
        (SFTSettings, dict(final_kl_factor=INF)),
        (SFTSettings, dict(kl_ramp=1.5)),
        (SFTSettings, dict(first_stage=-1)),
        (SFTSettings, dict(stage_steps=(3, 0))),
        (SFTSettings, dict(stage_steps=())),
        (SFTSettings, dict(counterfactual=NAN)),
        (RLSettings, dict(clip=-1.0)),
        (RLSettings, dict(clip=INF)),
        (RLSettings, dict(log_ratio_limit=0.0)),
        (RLSettings, dict(sigma=INF)),
        (RLSettings, dict(sigma=1e30)),
        (RLSettings, dict(temperature=INF)),
        (RLSettings, dict(temperature=NAN)),
        (RLSettings, dict(latent_weight=-1.0)),
        (RLSettings, dict(kl_weight=NAN)),
        (RLSettings, dict(ema=1.0)),
        (RLSettings, dict(keep_every=-1)),
        (RLSettings, dict(rewards={"correct": INF})),
        (RLSettings, dict(lr=INF)),
        (EvalSettings, dict(samples=-1)),
        (EvalSettings, dict(max_latents=-1)),
        (EvalSettings, dict(sigma=1e30)),
        (EvalSettings, dict(seed=-1)),
        (EvalSettings, dict(relative=INF)),
        (ModelSettings, dict(layers=-1)),
        (ModelSettings, dict(hidden_size=-1)),
        (ModelSettings, dict(heads=5)),  # of a width of 64
        (ModelSettings, dict(heads=64)),  # a head of odd width
        (ModelSettings, dict(decoder_layers=-1)),
        (ModelSettings, dict(max_latents=-1)),
        (ModelSettings, dict(max_latents=2, latents_per_step=3)),
        (ModelSettings, dict(initializer_range=INF)),
        (BackboneSettings, dict(max_answer_tokens=0)),
        (BackboneSettings, dict(latent_scale=-1.0)),
        (LoRASettings, dict(rank=-1)),
        (LoRASettings, dict(dropout=1.0)),
        (LoRASettings, dict(alpha=NAN)),
        (ArithmeticSettings, dict(seed=-1)),
        (ArithmeticSettings, dict(label_noise=NAN)),
        (StorySettings, dict(seed=-3)),
        (RouteSettings, dict(seed=-1)),
        (CountdownSettings, dict(seed=-1)),
        (CountdownSettings, dict(max_value=-1)),
        (GsmSymbolicSettings, dict(seed=-1)),
        (PathStarSettings, dict(seed=-1)),
        (RLSettings, dict(temperature=1e-300)),
        (EvalSettings, dict(temperature=1e-300)),
        (ModelSettings, dict(max_latents=1000)),
        (ModelSettings, dict(step_encoder="none of them")),
        (Data, dict(limit=-1)),
        (Augment, dict(variants=-1, file=Path("file"))),
        (Augment, dict(seed=-1, file=Path("file"))),
        (Tour, dict(seed=-1)),
        (Causes, dict(limit=0)),
        (Causes, dict(seed=-1)),
        (Explore, dict(port=70000)),
        (ExportExplorer, dict(problems=0, out=Path("page"))),
        (ExportExplorer, dict(shown=-1, out=Path("page"))),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name(kind, change):
    ((name, value),) = list(change.items())[:1] if len(change) > 1 else change.items()
    with pytest.raises(ValueError) as error:
        kind(**change)
    shown = value["correct"] if isinstance(value, dict) else value
    assert name.split("_")[0].rstrip("s") in str(error.value) and str(shown) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "kind, change",
    [
        (SFTSettings, dict(lr=0.0, kl_ramp=0.0, first_stage=0)),
        (RLSettings, dict(ema=0.0, sigma=100.0, keep_every=0)),
        (RLSettings, dict(rewards={"correct": -1.0})),
        (EvalSettings, dict(max_latents=0, sigma=0.0)),
        (ModelSettings, dict(max_latents=0, latents_per_step=3, decoder_layers=0)),
        (LoRASettings, dict(rank=0)),
    ],
)
def test_the_ends_of_a_range_are_in_it(kind, change):
    made = kind(**change)
    assert all(getattr(made, name) == value for name, value in change.items())
