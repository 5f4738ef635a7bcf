"""Training a pretrained LM: with LoRA, from the command line, cut off and resumed."""

import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from small_lms import PROBLEMS, tiny_lm

from atp_lite.cli.main import main
from atp_lite.domains import write_jsonl
from atp_lite.engine.distributed import micro_batches, scale_to_global_mean
from atp_lite.engine.log import read_metrics
from atp_lite.engine.lora import LoRASettings, add_lora
from atp_lite.engine.memory import checkpoint_mlps
from atp_lite.engine.pretrained import BackboneSettings
from atp_lite.methods import METHODS
from atp_lite.planner import Planner
from atp_lite.rl import RLSettings, train_rl
from atp_lite.sft import SFTSettings, train_sft

BACKBONE = BackboneSettings(max_latents=4, max_answer_tokens=4, max_step_tokens=6)
SFT = SFTSettings(first_stage=1, stage_steps=(2, 4), batch_size=2, warmup_steps=1, eval_every=3, lr=1e-3)
RL = RLSettings(iterations=4, questions=2, group_size=2, warmup_steps=1, eval_every=2, lr=1e-3)
TRAIN, VALIDATION = PROBLEMS[:2], PROBLEMS[2:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_lm("llama", tmp_path_factory.mktemp("llama"))


def fresh(folder) -> Planner:
    planner = Planner.from_backbone(folder, BACKBONE, "word-problems")
    add_lora(planner.model, LoRASettings(rank=2))
    return planner


def stop_at(planner: Planner, call: int) -> Planner:
    """Ctrl-C at the `call`-th look at the model's hidden states after a question."""
    think, calls = planner.model.think, []

    def counted(*arguments, **named):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return think(*arguments, **named)

    planner.model.think = counted
    return planner


def same_weights(one, two) -> bool:
    first, second = load_file(one / "last/model.safetensors"), load_file(two / "last/model.safetensors")
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"bucket": 1, "accumulate": 2, "checkpoint_mlps": True}])
def test_sft_with_lora_goes_on_where_it_was_cut_off(folder, tmp_path, changes):
    settings = replace(SFT, **changes)
    train_sft(fresh(folder), TRAIN, VALIDATION, settings, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train_sft(stop_at(fresh(folder), 5), TRAIN, VALIDATION, settings, tmp_path / "cut")
    done = json.loads((tmp_path / "cut/state/progress.json").read_text())["step"]
    assert 0 < done < 6
    train_sft(fresh(folder), TRAIN, VALIDATION, settings, tmp_path / "cut", resume=True)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    whole, cut = (load_file(tmp_path / run / "state/state.safetensors") for run in ("whole", "cut"))
    assert whole.keys() == cut.keys() and all(torch.equal(whole[key], cut[key]) for key in whole)


@pytest.mark.slow
def test_the_state_of_a_lora_run_holds_what_learns_only(folder, tmp_path):
    planner = fresh(folder)
    frozen = {name for name, p in planner.model.named_parameters() if not p.requires_grad}
    train_sft(planner, TRAIN, VALIDATION, SFT, tmp_path)
    kept = {name.removeprefix("model/") for name in load_file(tmp_path / "state/state.safetensors")}
    assert frozen and not frozen & kept
    assert {name for name, p in planner.model.named_parameters() if p.requires_grad} <= kept
    own = Planner.from_backbone(folder, BACKBONE).model.state_dict()
    last = load_file(tmp_path / "last/model.safetensors")
    name = "backbone.model.layers.0.input_layernorm.weight"
    assert torch.equal(last[name], own[name]), "frozen weights stay"
    name = "latent_head.mean.weight"
    assert not torch.equal(last[name], own[name]), "new ones are trained fully"


@pytest.mark.slow
def test_rl_with_lora_moves_the_matrices_and_goes_on(folder, tmp_path):
    train_rl(fresh(folder), TRAIN, VALIDATION, RL, tmp_path / "whole")
    planner = fresh(folder)
    frozen = {name: p.clone() for name, p in planner.model.named_parameters() if not p.requires_grad}
    with pytest.raises(KeyboardInterrupt):
        train_rl(stop_at(planner, 4), TRAIN, VALIDATION, RL, tmp_path / "cut")
    now = dict(planner.model.named_parameters())
    assert all(torch.equal(frozen[name], now[name]) for name in frozen)
    train_rl(fresh(folder), TRAIN, VALIDATION, RL, tmp_path / "cut", resume=True)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.slow
def test_from_the_command_line(folder, tmp_path, capsys):
    write_jsonl(tmp_path / "train.jsonl", TRAIN)
    write_jsonl(tmp_path / "validation.jsonl", VALIDATION)
    data = [f"--train={tmp_path}/train.jsonl", f"--validation={tmp_path}/validation.jsonl"]
    steps = ["--settings.stage-steps", "1", "2", "--settings.batch-size=2", "--settings.eval-every=3"]
    limits = ["--pretrained.max-latents=4", "--pretrained.max-answer-tokens=4", "--pretrained.decoder=small"]
    start = ["sft", f"--backbone={folder}", "--lora.rank=2", f"--out={tmp_path}/run"]
    assert main([*start, *data, *steps, *limits]) == 0
    assert main(["eval", f"{tmp_path}/run/last", f"--test={tmp_path}/validation.jsonl"]) == 0
    assert "accuracy" in capsys.readouterr().out
    config = json.loads((tmp_path / "run/last/config.json").read_text())
    assert config["max_latents"] == 4 and config["latent_scale"] != 1.0
    assert main([*start, "--init=x"]) == 2
    assert "a run starts from one of them" in capsys.readouterr().err


@pytest.mark.slow
def test_a_rival_starts_from_a_pretrained_model_too(folder, tmp_path):
    planner = METHODS["coconut"].start(Planner.from_backbone(folder, BACKBONE), 2, 4)
    train_sft(planner, TRAIN, VALIDATION, replace(SFT, method="coconut"), tmp_path)
    assert Planner.from_pretrained(tmp_path / "last").model.config.latent_head == "hidden"


# --- less memory at a time ---


def gradients(planner: Planner, rows, parts: int) -> dict[str, torch.Tensor]:
    """Of the supervised losses without noise, the batch worked through in so many parts."""
    accelerator, model = Accelerator(), planner.model.train()
    model.zero_grad()
    encoded = planner.collate.encode(rows)
    count = partial(METHODS["atp"].loss_denominators, planner.collate)
    for part in micro_batches(encoded, parts):
        terms = METHODS["atp"].losses(planner, part, 2, False, None)
        whole = partial(count, encoded, 2) if parts > 1 else None
        shares = scale_to_global_mean(accelerator, terms, partial(count, part, 2), whole)
        METHODS["atp"].total(shares, 1e-3).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.slow
def test_parts_add_up_to_the_whole_batch(folder):
    planner = Planner.from_backbone(folder, BACKBONE)
    whole = gradients(planner, PROBLEMS, 1)
    for parts in (2, 3):
        for name, grad in gradients(planner, PROBLEMS, parts).items():
            assert torch.allclose(grad, whole[name], atol=2e-5), name
    assert [len(part) for part in micro_batches(range(7), 3)] == [3, 3, 1]
    with pytest.raises(ValueError, match="accumulate is 3: choose 1 to batch_size, 2"):
        replace(SFT, accumulate=3)


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2"])
@pytest.mark.slow
def test_recomputed_layers_give_the_same_gradients_and_keep_less(family, tmp_path):
    planner = Planner.from_backbone(tiny_lm(family, tmp_path), BACKBONE)
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        plain = gradients(planner, PROBLEMS, 1)
    before, kept[:] = sum(kept), []
    assert checkpoint_mlps(planner.model) == 4 + 2, "of the backbone and of the decoder"
    checkpoint_mlps(planner.model)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        again = gradients(planner, PROBLEMS, 1)
    assert plain.keys() == again.keys()
    assert all(torch.allclose(plain[name], again[name], atol=2e-5) for name in plain)
    assert sum(kept) < 0.9 * before
    with pytest.raises(ValueError, match="no layer of this model is called `mlp`"):
        checkpoint_mlps(torch.nn.Linear(2, 2))


@pytest.mark.slow
def test_a_run_in_parts_and_recomputed_ends_near_the_plain_one(folder, tmp_path):
    settings = replace(SFT, sample=False)
    train_sft(fresh(folder), TRAIN, VALIDATION, settings, tmp_path / "plain")
    settings = replace(settings, accumulate=2, checkpoint_mlps=True)
    train_sft(fresh(folder), TRAIN, VALIDATION, settings, tmp_path / "parts")
    first, second = (load_file(tmp_path / run / "last/model.safetensors") for run in ("plain", "parts"))
    assert all(torch.allclose(first[key], second[key], atol=1e-3) for key in first)
    lines = [read_metrics(tmp_path / run / "metrics.jsonl") for run in ("plain", "parts")]
    one, other = ([line["loss"] for line in run if "loss" in line] for run in lines)
    assert one and one == pytest.approx(other, rel=1e-3)
