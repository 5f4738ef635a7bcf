"""What was saved is what is loaded, bit for bit; a crash leaves the old state."""

import importlib.util
import json
import re
import sys
from importlib.machinery import ModuleSpec
from types import SimpleNamespace

import pytest
import torch
from accelerate.tracking import GeneralTracker
from accelerate.utils import LoggerType
from safetensors.torch import load_file, save_file
from small import PROBLEMS, lively_planner, tiny_planner
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModel

from atp_lite.cli.main import main
from atp_lite.domains import read_expression, write_jsonl
from atp_lite.engine.folder import replace_folder, write_atomically
from atp_lite.engine.log import MetricLog, read_metrics
from atp_lite.engine.state import load_state, save_state
from atp_lite.model import LatentReasoner, ReasonerConfig
from atp_lite.planner import Planner
from atp_lite.resources import bundled

# --- models ---


@pytest.mark.slow
@pytest.mark.parametrize("c", [1, 2])
def test_saved_equals_loaded(c, tmp_path):
    planner = lively_planner(c)
    planner.save_pretrained(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    loaded = Planner.from_pretrained(tmp_path)
    own = planner.model.state_dict()
    for model in (loaded.model, AutoModel.from_pretrained(tmp_path)):
        assert type(model) is LatentReasoner
        state = model.state_dict()
        assert list(state) == list(own) and all(torch.equal(state[key], own[key]) for key in own)
        assert model.config.latents_per_step == c and model.config.max_answer_tokens == 8
    before, after = planner.reason(PROBLEMS), loaded.reason(PROBLEMS)
    # the weights are the same bits, but kernels round by where they lie in memory
    torch.testing.assert_close(before.mu, after.mu, atol=1e-5, rtol=1e-5)
    assert before.answers == after.answers and before.steps == after.steps
    assert not loaded.model.training
    assert loaded.tokenizer.get_vocab() == planner.tokenizer.get_vocab()
    assert loaded.tokenizer.pad_token_id != loaded.tokenizer.eos_token_id


def test_other_backbones_and_tied_embeddings_survive(tmp_path):
    config = tiny_planner().model.config.to_dict()
    size = dict(n_embd=32, n_layer=1, n_head=2, n_positions=64, vocab_size=63)
    lms = dict(backbone=dict(model_type="gpt2", **size), decoder=None)  # GPT-2 ties its embeddings
    torch.manual_seed(0)
    model = LatentReasoner(ReasonerConfig(**(config | lms))).eval()
    assert model.backbone.lm_head.weight is model.backbone.transformer.wte.weight
    Planner(model, tiny_planner().tokenizer).save_pretrained(tmp_path)
    loaded = Planner.from_pretrained(tmp_path)
    assert loaded.model.backbone.lm_head.weight is loaded.model.backbone.transformer.wte.weight
    own, state = model.state_dict(), loaded.model.state_dict()
    assert own.keys() == state.keys() and all(torch.equal(state[key], own[key]) for key in own)


def test_the_seed_makes_the_model_and_nothing_else_does():
    torch.manual_seed(1)
    one = tiny_planner(seed=3).model.state_dict()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    two, other = tiny_planner(seed=3).model.state_dict(), tiny_planner(seed=4).model.state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json is missing.*give a folder"):
        Planner.from_pretrained(tmp_path / "nowhere")
    tiny_planner().save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path.name}.*tokenizer\.json is missing"):
        Planner.from_pretrained(tmp_path)


def changed_tensors(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize("part", ["latent_head", "stop_head", "decoder", "backbone.model.layers.0", "embed_tokens"])
def test_weights_that_are_missing_are_not_made_up(part, tmp_path):
    tiny_planner().save_pretrained(tmp_path)

    def delete(tensors):
        for name in [name for name in tensors if part in name]:
            del tensors[name]

    changed_tensors(tmp_path, delete)
    with pytest.raises(ValueError, match=f"missing tensors, such as .*{part}"):
        Planner.from_pretrained(tmp_path, verify=False)


def test_weights_that_have_no_place_are_refused(tmp_path):
    tiny_planner().save_pretrained(tmp_path)
    changed_tensors(tmp_path, lambda tensors: tensors.update({"other.weight": torch.ones(2)}))
    with pytest.raises(ValueError, match=r"unexpected tensors, such as other\.weight"):
        Planner.from_pretrained(tmp_path, verify=False)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_the_configuration_is_that_of_the_weights(layers, tmp_path):
    planner = tiny_planner()
    assert planner.model.config.backbone["num_hidden_layers"] == 2
    planner.save_pretrained(tmp_path)
    (tmp_path / "manifest.json").unlink()
    config = json.loads((tmp_path / "config.json").read_text())
    config["backbone"]["num_hidden_layers"] = layers
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"tensors, such as backbone\.model\.layers"):
        Planner.from_pretrained(tmp_path, verify=False)


@pytest.mark.parametrize(
    "name, value",
    [
        ("latents_per_step", 1000),
        ("latents_per_step", 0),
        ("eos_id", -5),
        ("start_id", 10**6),
        ("max_latents", -1),
        ("latent_scale", float("inf")),
        ("max_answer_tokens", 1.5),
    ],
)
def test_a_configuration_is_checked_field_by_field(name, value, tmp_path):
    tiny_planner().save_pretrained(tmp_path)
    (tmp_path / "manifest.json").unlink()
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {name: value}))
    with pytest.raises(ValueError, match=r"config\.json"):
        Planner.from_pretrained(tmp_path, verify=False)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_flipped_bit_is_refused_with_the_name_of_its_file(name, tmp_path):
    (tmp_path / "README.md").write_text("before")
    tiny_planner().save_pretrained(tmp_path)
    (tmp_path / "README.md").write_text("may change")
    Planner.from_pretrained(tmp_path)
    assert {oct(path.stat().st_mode) for path in tmp_path.iterdir()} == {oct((tmp_path / name).stat().st_mode)}
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{re.escape(name)} is not the file that was saved"):
        Planner.from_pretrained(tmp_path)


@pytest.mark.parametrize("listed", ["{}", "[]", "only config.json"])
def test_a_manifest_must_list_what_is_read(listed, tmp_path):
    tiny_planner().save_pretrained(tmp_path)
    manifest = tmp_path / "manifest.json"
    if "only" in listed:
        listed = json.dumps({"config.json": json.loads(manifest.read_text())["config.json"]})
    manifest.write_text(listed)
    with pytest.raises(ValueError, match=r"is not the file that was saved"):
        Planner.from_pretrained(tmp_path)


@pytest.mark.slow
def test_a_checkpoint_without_a_manifest_is_read_only_where_that_is_asked_for(tmp_path, capsys):
    tiny_planner().save_pretrained(tmp_path)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"has no manifest\.json.*--no-verify"):
        Planner.from_pretrained(tmp_path)
    assert main(["solve", "3+4", "--checkpoint", str(tmp_path)]) == 2
    assert main(["solve", "3+4", "--checkpoint", str(tmp_path), "--no-verify"]) == 0
    assert "--no-verify" in capsys.readouterr().err
    write_jsonl(tmp_path / "test.jsonl", [read_expression("3+4")])
    assert main(["eval", str(tmp_path), "--test", str(tmp_path / "test.jsonl")]) == 2
    assert main(["eval", str(tmp_path), "--test", str(tmp_path / "test.jsonl"), "--no-verify"]) == 0


@pytest.mark.slow
def test_the_bundled_checkpoints_are_those_that_were_saved():
    for folder in [*bundled("data/checkpoints").iterdir()]:
        assert (folder / "manifest.json").is_file()
        Planner.from_pretrained(folder)


# --- states of runs ---


class Run:
    """Two layers, Adam and a source of noise; a step uses all three."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = nn.Linear(3, 2)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.1, fused=True)
        self.generator = torch.Generator().manual_seed(seed)

    def steps(self, n: int) -> None:
        for _ in range(n):
            noise = torch.randn(4, 3, generator=self.generator)
            self.optimizer.zero_grad()
            self.model(noise).square().sum().backward()
            self.optimizer.step()

    @property
    def parts(self):
        return {"model": self.model}, self.optimizer, self.generator


def test_a_loaded_run_goes_on_exactly(tmp_path):
    through, first, second = Run(), Run(), Run(seed=9)
    through.steps(10)
    first.steps(4)
    save_state(tmp_path / "state", *first.parts, {"step": 4, "best": 0.1})
    assert load_state(tmp_path / "state", *second.parts) == {"step": 4, "best": 0.1}
    second.steps(6)
    assert torch.equal(second.model.weight, through.model.weight)
    assert torch.equal(second.model.bias, through.model.bias)
    assert {path.suffix for path in (tmp_path / "state").iterdir()} == {".safetensors", ".json"}


def test_a_state_is_copied_in_main_memory_and_nowhere_else(tmp_path, monkeypatch):
    run = Run()
    run.steps(1)
    with Copies() as made:
        save_state(tmp_path / "state", *run.parts, {})
    assert made.to == ["cpu"] * 9, "two weights, three values of AdamW for each, the generator"


class Copies(TorchDispatchMode):
    """Notes the device of every copy of a tensor; None where it is the tensor's own, whichever that is."""

    def __init__(self) -> None:
        super().__init__()
        self.to = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in (torch.ops.aten.clone.default, torch.ops.aten._to_copy.default):
            device = (kwargs or {}).get("device")
            self.to.append(device and torch.device(device).type)
        return function(*args, **(kwargs or {}))


def test_a_crash_while_writing_leaves_the_old_state(tmp_path, monkeypatch):
    run, other = Run(), Run(seed=1)
    save_state(tmp_path / "state", *run.parts, {"step": 1})
    kept = run.model.weight.detach().clone()
    run.steps(3)

    def full_disk(tensors, path):
        path.write_bytes(b"half a fi")
        raise OSError("no space left")

    monkeypatch.setattr("atp_lite.engine.state.save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_state(tmp_path / "state", *run.parts, {"step": 4})
    monkeypatch.undo()
    assert load_state(tmp_path / "state", *other.parts) == {"step": 1}
    assert torch.equal(other.model.weight, kept)
    save_state(tmp_path / "state", *run.parts, {"step": 4})  # and the next save is not in the way of itself
    assert load_state(tmp_path / "state", *other.parts) == {"step": 4}
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("text", ["\ud800", "x" * 100])
def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch, text):
    path = write_atomically(tmp_path / "a" / "page.html", "old")

    def full(handle):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises((OSError, ValueError)):
        write_atomically(path, text)
    with pytest.raises(OSError, match="No space"):
        replace_folder(tmp_path / "b", lambda fresh: (fresh / "file").write_text("new"))
    assert path.read_text() == "old" and [p.name for p in tmp_path.rglob("*")] == ["a", "page.html"]


def test_a_crash_between_the_two_renames_loses_nothing(tmp_path, monkeypatch):
    run, other = Run(), Run(seed=1)
    save_state(tmp_path / "state", *run.parts, {"step": 1})
    rename = type(tmp_path).rename

    def killed(self, target):
        if str(target) == str(tmp_path / "state"):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(type(tmp_path), "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        save_state(tmp_path / "state", *run.parts, {"step": 2})
    monkeypatch.undo()
    assert load_state(tmp_path / "state", *other.parts)["step"] in (1, 2)


def test_replace_folder_leaves_nothing_of_the_old_one(tmp_path):
    replace_folder(tmp_path / "a" / "it", lambda folder: (folder / "old.txt").write_text("1"))
    replace_folder(tmp_path / "a" / "it", lambda folder: (folder / "new.txt").write_text("2"))
    assert [path.name for path in (tmp_path / "a").rglob("*")] == ["it", "new.txt"]


def test_errors_name_the_folder_and_the_way_out(tmp_path):
    run = Run()
    with pytest.raises(FileNotFoundError, match=r"state\.safetensors is missing.*without --resume"):
        load_state(tmp_path / "state", *run.parts)
    save_state(tmp_path / "state", *run.parts, {})
    other = nn.Linear(3, 5)
    with pytest.raises(ValueError, match="another model; resume with the settings"):
        load_state(tmp_path / "state", {"model": other}, torch.optim.AdamW(other.parameters()), run.generator)


def test_noise_of_another_kind_of_device_is_told(tmp_path):
    """A CUDA generator's state is 16 bytes long, a CPU's some 5000."""
    run, other = Run(), Run()
    run.generator = SimpleNamespace(get_state=lambda: torch.zeros(16, dtype=torch.uint8))
    save_state(tmp_path / "state", *run.parts, {"step": 1})
    with pytest.raises(ValueError, match="saved on another kind of device than cpu.*resume where the run was started"):
        load_state(tmp_path / "state", *other.parts)


# --- metrics ---


def test_a_resumed_log_has_no_step_twice_and_a_fresh_one_starts_empty(tmp_path):
    log = MetricLog(tmp_path)
    for step in (1, 2, 3):
        log.write(step, loss=1 / step, stage="a")
    log.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')  # killed while writing
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2, 3]
    log = MetricLog(tmp_path, step=2)
    log.write(3, loss=9.0)
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 1, "loss": 1.0, "stage": "a"},
        {"step": 2, "loss": 0.5, "stage": "a"},
        {"step": 3, "loss": 9.0},
    ]
    damaged = b'{"step": 4}\n{"st\xff\x00ep": 5}\n[6]\n{"no": 7}\n{"step": 8, "loss": 1}\n'
    (tmp_path / "metrics.jsonl").write_bytes(damaged)
    assert read_metrics(tmp_path / "metrics.jsonl") == [{"step": 4}, {"step": 8, "loss": 1}]
    MetricLog(tmp_path).close()
    assert read_metrics(tmp_path / "metrics.jsonl") == [] == read_metrics(tmp_path / "none.jsonl")


class Noted(GeneralTracker):
    """A tracker of one's own, that remembers."""

    name = "noted"
    requires_logging_directory = False
    tracker = None

    def __init__(self) -> None:
        super().__init__()
        self.said: list = []

    def start(self) -> None:
        self.said.append("start")

    def store_init_configuration(self, values: dict) -> None:
        self.said.append(values)

    def log(self, values: dict, step: int | None = None, **_) -> None:
        self.said.append((step, values))

    def finish(self) -> None:
        self.said.append("finish")


def test_any_tracker_of_accelerate_hears_the_numbers(tmp_path):
    noted = Noted()
    log = MetricLog(tmp_path, trackers=("tensorboard", noted), settings={"lr": 0.1})
    log.write(1, loss=0.5, note="words stay in metrics.jsonl")
    log.close()
    assert noted.said == ["start", {"lr": 0.1}, (1, {"loss": 0.5}), "finish"]
    assert [path.name[:6] for path in (tmp_path / "tensorboard").iterdir()] == ["events"]
    silent = MetricLog(tmp_path / "no", silent=True, trackers=(noted,))
    silent.write(1, loss=0.5)
    silent.close()
    assert len(noted.said) == 4 and not (tmp_path / "no").exists()


def test_wandb_is_asked_for_by_name_and_goes_on_in_its_page(tmp_path, monkeypatch):
    """A stand-in for the package: accelerate's tracker calls it as it would the real one."""
    if importlib.util.find_spec("wandb") is None:
        with pytest.raises(ValueError, match="wandb, which is not installed: pip install wandb"):
            MetricLog(tmp_path, trackers=("wandb",))
    made = []

    def init(**how):
        run = SimpleNamespace(how=how, lines=[], finish=lambda: None)
        run.log = lambda values, step: run.lines.append((step, values))
        made.append(run)
        return run

    fake = SimpleNamespace(init=init, config={}, __spec__=ModuleSpec("wandb", None))
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setattr("accelerate.tracking._available_trackers", [LoggerType.WANDB])
    for step in (0, 4, 0):
        fake.config = SimpleNamespace(update=lambda values, **_: made[-1].how.update(settings=values))
        log = MetricLog(tmp_path / "run", step, trackers=("wandb",), settings={"seed": 3})
        log.write(step + 1, loss=1.0)
        log.close()
    first, second, anew = made
    assert first.how["project"] == "atp-lite" and first.how["name"] == "run" and first.how["settings"] == {"seed": 3}
    assert first.how["id"] == second.how["id"] != anew.how["id"], "a resumed run has its page, a new one its own"
    assert (first.lines, second.lines) == ([(1, {"loss": 1.0})], [(5, {"loss": 1.0})])
