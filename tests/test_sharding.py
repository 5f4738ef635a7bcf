"""Configurations for accelerate as far as a CPU can tell, and what is sharded; how it learns: test_distributed.py."""

from functools import partial

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_multi_gpu_env
from small import PROBLEMS, lively_planner
from small_lms import FAMILIES, tiny_lm

from atp_lite.engine import sharding
from atp_lite.engine.lora import LoRASettings, add_lora
from atp_lite.engine.pretrained import BackboneSettings, from_backbone
from atp_lite.model import LatentReasoner


def environment(repo_root, gpus: int, *flags: str) -> dict[str, str]:
    """What `accelerate launch` with this file gives to the processes that it starts."""
    path = repo_root / f"configs/accelerate/fsdp-{gpus}.yaml"
    arguments = launch_command_parser().parse_args(["--config_file", str(path), *flags, "-m", "atp_lite.cli", "sft"])
    arguments, _, _ = _validate_launch_command(arguments)
    assert arguments.use_fsdp and arguments.num_processes == gpus
    return prepare_multi_gpu_env(arguments)


def launched(monkeypatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        if name.startswith(("FSDP_", "ACCELERATE_USE_FSDP")):
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)


@pytest.mark.parametrize("gpus", [1, 4, 8])
def test_a_configuration_asks_for_what_can_be_had(repo_root, monkeypatch, gpus):
    config = load_config_from_file(str(repo_root / f"configs/accelerate/fsdp-{gpus}.yaml"))
    assert (config.distributed_type, config.num_processes, config.num_machines) == (DistributedType.FSDP, gpus, 1)
    values = environment(repo_root, gpus)
    assert values["ACCELERATE_MIXED_PRECISION"] == "bf16" and values["ACCELERATE_USE_FSDP"] == "true"
    launched(monkeypatch, values)
    plugin = sharding.fsdp_plugin()
    assert isinstance(plugin, FullyShardedDataParallelPlugin)
    assert plugin.fsdp_version == 2 and plugin.reshard_after_forward is True
    assert plugin.transformer_cls_names_to_wrap is None, "left to the model"
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 1)
    assert sharding.fsdp_plugin() is None, "one process has nobody to share with"


def test_what_a_latent_loop_cannot_do_is_refused(repo_root, monkeypatch):
    assert sharding.fsdp_plugin() is None
    launched(monkeypatch, environment(repo_root, 4))
    for name, setting in {
        "FSDP_OFFLOAD_PARAMS": "fsdp_offload_params is true.*set it to false$",
        "FSDP_ACTIVATION_CHECKPOINTING": "fsdp_activation_checkpointing is true.*use checkpoint_mlps",
        "FSDP_CPU_RAM_EFFICIENT_LOADING": "fsdp_cpu_ram_efficient_loading is true",
    }.items():
        with monkeypatch.context() as patch, pytest.raises(ValueError, match=setting):
            patch.setenv(name, "true")
            sharding.fsdp_plugin()
    monkeypatch.setenv("FSDP_VERSION", "1")
    with pytest.raises(ValueError, match="fsdp_version is 1.*set it to 2"):
        sharding.fsdp_plugin()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_of_every_family_is_sharded_by_itself(family, tmp_path):
    """Four of the backbone and two of the decoder, LoRA or not, and nothing of a layer is left to the rest."""
    model = from_backbone(tiny_lm(family, tmp_path), BackboneSettings(max_latents=4))
    plain = sharding.fsdp_layers(model)
    assert len(plain) == 6 and sharding.fsdp_layers(model, [type(plain[0]).__name__]) == plain
    add_lora(model, LoRASettings(rank=2))
    assert sharding.fsdp_layers(model) == plain
    inside = {id(p) for layer in plain for p in layer.parameters()}
    outside = [name for name, p in model.named_parameters() if id(p) not in inside]
    assert not [name for name in outside if name.startswith(("backbone.model.layers", "backbone.transformer.h."))]
    assert len(inside) > len(outside)
    with pytest.raises(ValueError, match="no layers of the classes .'Missing'.*fsdp_transformer_layer_cls_to_wrap"):
        sharding.fsdp_layers(model, ["Missing"])


def test_without_sharding_nothing_is_done():
    model = lively_planner().model
    before = dict(model.state_dict())
    sharding.shard(model, None)
    with sharding.summon_full_params(model):
        assert not sharding.is_sharded(model) and sharding.unsharded_copy(model) is model
        assert model.gather_weights() is None and model.match_collectives(None, None, 3) is None
        assert model.max_steps(3) == 3
    assert all(value is before[name] or torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_empty_copy_keeps_everything_but_the_values(tmp_path):
    """Tied weights stay one, buffers stay, and filled again it is the model."""
    model = from_backbone(tiny_lm("llama", tmp_path), BackboneSettings(max_latents=4))
    empty = sharding._meta_copy(model)
    assert {p.device.type for p in empty.parameters()} == {"meta"}
    assert all(torch.equal(own, other) for own, other in zip(model.buffers(), empty.buffers(), strict=True))
    assert len(list(empty.parameters())) == len(list(model.parameters())), "tied ones count once"
    empty.load_state_dict(model.state_dict(), assign=True)
    empty.save_pretrained(tmp_path / "filled")
    again = LatentReasoner.from_pretrained(tmp_path / "filled").state_dict()
    assert all(torch.equal(value, again[name]) for name, value in model.state_dict().items())


def test_processes_agree_on_the_number_of_steps_before_they_think_and_all_run_as_often(monkeypatch):
    """Another process takes five latents, this one at most three. Nobody may wait for a number inside of the loop."""
    planner, calls = lively_planner(), []
    model = planner.model

    def most(value, _):
        calls.append(int(value))
        value.fill_(5)

    monkeypatch.setattr(torch.distributed, "all_reduce", most)
    model.backbone.model.register_forward_hook(lambda *_: calls.append("run"))
    model.max_steps = partial(sharding.max_steps_across_ranks, model)
    model.match_collectives = partial(sharding.match_collectives, model)
    batch = planner.collate(planner.collate.encode(PROBLEMS), 3)
    thought = model.think(batch.question, batch.question_mask, lengths=batch.n_latents)
    assert calls == ["run", 3] + ["run"] * 5, "the question, and five steps"
    assert thought.latents.shape[1] == 3, "idle steps leave no latents"
    calls.clear()
    with torch.no_grad():
        model.think(batch.question, batch.question_mask, lengths=batch.n_latents)
    assert calls == ["run"] * 4, "without gradients all layers are there already"
