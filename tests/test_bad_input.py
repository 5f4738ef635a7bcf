"""Bad input is refused in one line with its place, value and way out: never a traceback, never an answer."""

import json
import resource
import shutil

import pytest
from safetensors.torch import load_file, save_file

from atp_lite.cli.main import main
from atp_lite.domains import ArithmeticSettings, Problem, generate, write_jsonl
from atp_lite.planner import ModelSettings, Planner
from atp_lite.sft import SFTSettings, train_sft

TINY = ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A checkpoint, its problems, and the settings file of a tiny run."""
    folder = tmp_path_factory.mktemp("place")
    Planner.fresh("arithmetic", TINY).save_pretrained(folder / "good")
    for split in ("train", "validation"):
        write_jsonl(folder / f"{split}.jsonl", generate(ArithmeticSettings(max_ops=2), split, {2: 8}))
    (folder / "run.yaml").write_text(
        "model: {hidden_size: 16, layers: 1, heads: 2, intermediate_size: 32}\n"
        "settings: {first_stage: 1, stage_steps: [1, 1], batch_size: 4, eval_every: 2, warmup_steps: 1, trackers: []}\n"
        f"train: {folder}/train.jsonl\nvalidation: {folder}/validation.jsonl\n"
    )
    return folder


def refused(capsys, *words, says=()):
    """The command ends with status 2 and one line, which has these words."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    error = capsys.readouterr().err.strip()
    line = error.splitlines()[-1]
    assert line.startswith("atp-lite: ") and "Traceback" not in error and len(line) < 1200
    for word in says:
        assert word in line
    return line


def changed(**values):
    """A config.json with other values; those of the backbone begin with `backbone_`."""

    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        for name, value in values.items():
            part = config["backbone"] if name.startswith("backbone_") else config
            part[name.removeprefix("backbone_")] = value
        (folder / "config.json").write_text(json.dumps(config))

    return change


def holding(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def tensors(change):
    def changed(folder):
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    return changed


def cut(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    "change",
    [
        cut,
        holding("model.safetensors", b"no tensors at all"),
        holding("model.safetensors", b""),
        lambda folder: (folder / "model.safetensors").unlink(),
        holding("config.json", b"{}"),
        holding("config.json", b"[]"),
        holding("config.json", b'{"a":'),
        holding("config.json", b"\xff\xfe\x00"),
        changed(backbone_hidden_size=-1),
        changed(backbone_num_attention_heads=0),
        changed(backbone_vocab_size=3),
        changed(backbone_model_type="nothing"),
        changed(latent_head="nothing"),
        changed(layout="nothing"),
        changed(domain="nothing"),
        changed(domain=3),
        changed(latent_scale="large"),
        changed(latents_per_step="2"),
        changed(latent_head_options={"a": 1}),
        changed(backbone_rms_norm_eps=float("nan")),
        changed(backbone_rope_theta=-5),
        changed(backbone_max_position_embeddings=-1),
        changed(backbone_dtype="float16"),
        changed(max_latents=300),
        changed(max_step_tokens=10**9),
        changed(eos_id=2),
        changed(end_id=3),
        changed(layout=["steps"]),
        changed(domain=[]),
        tensors(lambda weights: weights["backbone.lm_head.weight"].fill_(float("nan"))),
        tensors(lambda weights: weights.update({"backbone.lm_head.weight": weights["backbone.lm_head.weight"].long()})),
        holding("tokenizer_config.json", b'{"tokenizer_class": "X", "auto_map": {"AutoTokenizer": ["x.X", "x.X"]}}'),
        holding("tokenizer_config.json", b'{"eos_token": "7", "pad_token": "<pad>", "model_max_length": "x"}'),
        holding("tokenizer.json", b"{}"),
        holding("tokenizer.json", b""),
        holding("tokenizer.json", b"\x00\xff"),
        holding("tokenizer_config.json", b"[]"),
        holding("tokenizer_config.json", b"{"),
        lambda folder: Planner.fresh("routes", TINY).tokenizer.save_pretrained(folder),
    ],
)
def test_a_broken_checkpoint_gives_no_answer(change, place, tmp_path, capsys):
    folder = tmp_path / "bad"
    shutil.copytree(place / "good", folder)
    (folder / "manifest.json").unlink()
    change(folder)
    refused(capsys, "solve", "3+4", "--checkpoint", folder, "--no-verify")


ROW = {"question": "1+1+2", "steps": ["1+1=2", "2+2=4"], "answer": "4"}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (ROW | {"question": "1+\ud800"}, ["line 9", "surrogate"]),
        (ROW | {"source": "b\ud800"}, ["line 9", "surrogate"]),
        (ROW | {"question": " "}, ["line 9", "question is empty"]),
        (ROW | {"answer": ""}, ["line 9", "answer is empty"]),
        (ROW | {"question": "1+77"}, ["problem 9", "'77'", "does not know"]),
        (ROW | {"question": "+".join("1" * 130)}, ["problem 9", "positions", "256"]),
        ([1, 2], ["line 9"]),
        ("x" * 2_000_000, ["line 9", "1000000 bytes"]),
    ],
)
@pytest.mark.slow
def test_a_problem_that_cannot_be_read_is_found_before_anything_runs(row, says, place, tmp_path, capsys):
    path = tmp_path / "problems.jsonl"
    path.write_text((place / "train.jsonl").read_text() + json.dumps(row) + "\n")
    out = tmp_path / "run"
    line = refused(capsys, "sft", "--config", place / "run.yaml", "--train", path, "--out", out, says=says)
    assert str(path) in line and not out.exists()
    line = refused(capsys, "eval", place / "good", "--test", path, says=says)


@pytest.mark.parametrize("values", [{"step": -5}, {"step": 100}, {"step": 2.5}, {"best": float("nan")}])
@pytest.mark.slow
def test_a_state_of_no_step_of_the_run_is_not_gone_on_with(values, place, tmp_path, capsys):
    command = ["sft", "--config", place / "run.yaml", "--out", tmp_path / "run", "--resume"]
    assert main([str(word) for word in command]) == 0
    path = tmp_path / "run" / "state" / "progress.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    refused(capsys, *command, says=["state", "--restart"])


@pytest.mark.parametrize("text", ["{}", "[]", '{"step', "[" * 9999, '{"step": "a", "best": 0, "tokens": 0}', None, 0])
@pytest.mark.slow
def test_a_broken_state_is_not_gone_on_with(text, place, tmp_path, capsys):
    command = ["sft", "--config", place / "run.yaml", "--out", tmp_path / "run", "--resume"]
    assert main([str(word) for word in command]) == 0
    state = tmp_path / "run" / "state"
    if text == 0:  # a bit of a weight
        bits = bytearray((state / "state.safetensors").read_bytes())
        bits[-5] ^= 64
        (state / "state.safetensors").write_bytes(bits)
    elif text is None:
        shutil.copy(place / "good" / "model.safetensors", state / "state.safetensors")
    else:
        (state / "progress.json").write_text(text)
    refused(capsys, *command, says=["state", "--restart"])


@pytest.mark.parametrize("text", ["1: 2", "settings: {3: 2}", "sft: 5", "import: 3", "[" * 5000])
def test_settings_files_that_are_none(text, tmp_path, capsys):
    (tmp_path / "odd.yaml").write_text(text + "\n")
    refused(capsys, "sft", "--config", tmp_path / "odd.yaml", says=["odd.yaml"])


@pytest.mark.slow
def test_an_error_is_one_line_whatever_was_read(place, tmp_path, capsys):
    (tmp_path / "odd.jsonl").write_text(json.dumps(ROW | {"question": "1+77\n" * 1000}))
    assert "77" in refused(capsys, "eval", place / "good", "--test", tmp_path / "odd.jsonl")


@pytest.mark.parametrize("option", [("--settings.select", "acuracy"), ("--validation", "nothing.jsonl")])
def test_what_the_first_validation_would_find_is_found_before_the_first_step(option, place, tmp_path, capsys):
    (tmp_path / "nothing.jsonl").write_text("")
    value = tmp_path / option[1] if option[1].endswith("jsonl") else option[1]
    refused(capsys, "sft", "--config", place / "run.yaml", "--out", tmp_path / "run", option[0], value)
    assert not (tmp_path / "run").exists()


def test_an_answer_that_rl_learns_from_is_read_before_anything_runs(place, tmp_path, capsys):
    rows = [{"question": f"1+1+{i}", "steps": [], "answer": "77"} for i in range(1, 9)]
    path = tmp_path / "rl.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["rl", "--init", place / "good", "--questions", path, "--validation", path, "--out", tmp_path / "run"]
    refused(capsys, *command, "--settings.objective", "answer-ce", says=[str(path), "problem 1", "'77'"])
    assert not (tmp_path / "run").exists()


def test_a_question_whose_answer_finds_no_positions_is_refused(place, tmp_path, capsys):
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps(ROW | {"question": "+".join("1" * 101)}))  # 201 of 256, and 48 for the answer
    refused(capsys, "eval", place / "good", "--test", path, says=["problem 1", "260", "max_answer_tokens", "256"])


@pytest.mark.slow
def test_a_run_does_not_go_on_with_another_configuration_of_the_model(place, tmp_path, capsys):
    command = ["sft", "--config", place / "run.yaml", "--out", tmp_path / "run", "--resume"]
    assert main([str(word) for word in command]) == 0
    refused(capsys, *command, "--model.max-latents", "5", says=["configuration of the model"])


def test_a_full_disk_is_one_line_and_nothing_half_written(place, tmp_path, capsys):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, before[1]))  # bytes of a file: weights have more
    try:
        refused(capsys, "sft", "--config", place / "run.yaml", "--out", tmp_path / "run", says=[str(tmp_path / "run")])
        with pytest.raises(OSError, match=str(tmp_path / "data.jsonl")):
            write_jsonl(tmp_path / "data.jsonl", [Problem("1+1", ("1+1=2",), "2")] * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"settings.json", "fingerprint.json", "run.lock", "metrics.jsonl"}


def test_places_that_cannot_be_written(place, tmp_path, capsys):
    (tmp_path / "file").write_text("here")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        refused(capsys, "sft", "--config", place / "run.yaml", "--out", out)
        refused(capsys, "eval", place / "good", "--test", place / "validation.jsonl", "--out", out)
    refused(capsys, "solve", "3+\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
def test_a_run_says_before_its_first_step_what_its_token_limits_would_cut(place, tmp_path):
    planner = Planner.fresh("arithmetic", TINY)
    planner.model.config.max_answer_tokens, planner.model.config.max_step_tokens = 1, 5
    problems = generate(ArithmeticSettings(max_ops=2), "train", {2: 8})
    settings = SFTSettings(first_stage=2, stage_steps=(1,), batch_size=4, warmup_steps=0, trackers=())
    with pytest.warns(UserWarning) as told:
        train_sft(planner, problems[:6], problems[6:], settings, tmp_path)
    text = " ".join(str(warning.message) for warning in told)
    assert "6 of 6 training problems need more than the 1 tokens of max_answer_tokens" in text and "give 2 " in text
    assert "6 of 6 training problems need more than the 5 tokens of max_step_tokens" in text and "give 6 " in text
