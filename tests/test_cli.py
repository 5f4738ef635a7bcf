"""The command line as its user meets it: results, one-line errors, settings files, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import datasets
import huggingface_hub
import pytest
import torch

from atp_lite import __version__
from atp_lite.cli.commands import COMMANDS, load
from atp_lite.cli.main import main
from atp_lite.cli.settings import IMPORTED, read_config
from atp_lite.cli.training import RL, SFT, Data
from atp_lite.cli.using import Eval
from atp_lite.domains import DOMAINS, BenchmarkSettings, Problem, read_jsonl, true_answer, write_jsonl
from atp_lite.domains.sources import Sources
from atp_lite.methods import METHODS
from atp_lite.planner import ModelSettings, Planner
from atp_lite.recipes import CHECKPOINTS
from atp_lite.rl import ADVANTAGES, CREDIT, ESTIMATORS, OBJECTIVES, REWARDS

TINY = """
problems: {max_ops: 2}
model: {hidden_size: 16, layers: 1, heads: 2, intermediate_size: 32}
settings: {first_stage: 1, stage_steps: [2, 4], batch_size: 4, eval_every: 3, warmup_steps: 1}
"""


@pytest.fixture
def tiny(tmp_path):
    """A folder with a settings file of a tiny run and its data."""
    for split in ("train", "validation"):
        main(["data", "--out", str(tmp_path), "--splits", split, "--limit", "12", "--problems.max-ops", "2"])
    (tmp_path / "tiny.yaml").write_text(
        f"{TINY}train: {tmp_path / 'train.jsonl'}\nvalidation: {tmp_path / 'validation.jsonl'}\n"
    )
    return tmp_path


@pytest.mark.slow
def test_files_of_windows_in_a_folder_with_spaces(tiny):
    """Line ends of two characters, a byte order mark, and a path that a shell would cut in three."""
    there = tiny / "mine, on windows"
    there.mkdir()
    for name in ("train.jsonl", "validation.jsonl", "tiny.yaml"):
        text = (tiny / name).read_text().replace(f"{tiny}/", f"{there}/").replace("\n", "\r\n")
        (there / name).write_bytes(f"\ufeff{text}".encode())
    assert read_jsonl(there / "train.jsonl") == read_jsonl(tiny / "train.jsonl")
    assert main(["sft", "--config", str(there / "tiny.yaml"), "--out", str(there / "a run")]) == 0
    given = ["--test", str(there / "validation.jsonl"), "--out", str(there / "found"), "--settings.batch-size", "4"]
    assert main(["eval", str(there / "a run/last"), *given]) == 0
    outcomes = (there / "found/validation.outcomes.jsonl").read_text().splitlines()
    assert len(outcomes) == len(read_jsonl(tiny / "validation.jsonl"))


@pytest.mark.slow
def test_data_writes_the_schema(tmp_path, capsys):
    assert main(["data", "--out", str(tmp_path), "--splits", "test", "--limit", "7"]) == 0
    problems = read_jsonl(tmp_path / "test.jsonl")
    assert len(problems) == 7
    line = json.loads((tmp_path / "test.jsonl").read_text().splitlines()[0])
    assert set(line) == {"id", "question", "steps", "answer", "source"}
    assert "7 problems, 0 wrong labels" in capsys.readouterr().out


@pytest.mark.slow
def test_data_writes_stories(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = ["--stories.max-ops", "2", "--stories.label-noise", "1", "--limit", "40"]
    assert main(["data", "--domain", "stories", "--splits", "train", "test", *settings]) == 0
    train, test = (read_jsonl(tmp_path / "data" / "stories" / f"{split}.jsonl") for split in ("train", "test"))
    assert len(train) == len(test) == 40
    assert {len(p.steps) for p in train + test} == {2} and all(p.question.endswith("?") for p in train + test)
    wrong = sum(p.answer != true_answer(p.question) for p in train)
    assert wrong > 5 and all(p.answer == true_answer(p.question) for p in test)
    assert f"40 problems, {wrong} wrong labels" in capsys.readouterr().out


def test_data_refuses_splits_that_share_a_question(tmp_path, monkeypatch, capsys):
    same = lambda domain, settings, split: [Problem("1+2", ("1+2=3",), "3", split)]  # noqa: E731
    monkeypatch.setattr("atp_lite.domains.arithmetic.Arithmetic.generate", same)
    assert main(["data", "--out", str(tmp_path), "--splits", "train", "test"]) == 2
    assert "more than one split" in (error := capsys.readouterr().err) and "('train', 'test')" in error


@pytest.mark.slow
def test_a_planner_learns_stories_from_the_command_line(tiny, capsys):
    out, stories = tiny / "run", ["--domain", "stories", "--stories.max-ops", "2"]
    main(["data", "--out", str(tiny), "--splits", "train", "validation", "--limit", "8", *stories])
    assert main(["sft", "--config", str(tiny / "tiny.yaml"), "--domain", "stories", "--out", str(out)]) == 0
    assert "marbles" in Planner.from_pretrained(out / "best").tokenizer.get_vocab()
    assert main(["eval", str(out / "best"), "--test", str(tiny / "validation.jsonl")]) == 0
    assert "accuracy, %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["solve", "(3+4"], ["(3+4", "position", "close"]),
        (["solve", "3+4^2"], ["^"]),
        (["solve", "Tom has 3 dogs?"], ["Tom has 3 dogs?", "atp-lite data --domain stories"]),
        (["solve", "3+4", "--checkpoint", "nowhere"], ["nowhere", "config.json"]),
        (["eval", "--test", "nowhere.jsonl"], ["nowhere.jsonl"]),
        (["sft", "--config", "nowhere.yaml"], ["nowhere.yaml", "configs/"]),
        (["data", "--splits", "trian"], ["trian", "train"]),
        (["data", "--problems.min-ops", "5"], ["max_ops = 4", "use min_ops (5) to 6"]),
        (["slove", "3+4"], ["'slove'", "solve"]),
        (["solve"], ["question is missing", "--help"]),
        (["explore", "here"], ["'here'", "--help"]),
        (["sft", "--settings.learning-rate", "1"], ["--settings.learning-rate", "known", "--settings.lr"]),
        (["sft", "--settings.lr", "fast"], ["--settings.lr is 'fast'", "float"]),
        (["sft", "--settings.lr", "null"], ["--settings.lr is None", "float"]),
        (["sft", "--settings.lr"], ["--settings.lr needs a value"]),
        (["sft", "--out", ""], ["--out is empty"]),
        (["sft", "--settings", "own.yaml"], ["unknown option --settings;", "known", "--settings.lr"]),
        (["sft", "--settings.lr", "1", "2"], ["'2' belongs to no option"]),
        (["sft", "--settings.betas", "0.9"], ["--settings.betas is ['0.9']", "2 elements"]),
        (["sft", "--settings.schedule", "sine"], ["--settings.schedule is 'sine'", "cosine", "linear"]),
        (["rl", "--settings.sigma", "wide"], ["--settings.sigma is 'wide'", "float", "mean", "learned"]),
        (["rl", "--settings.rewards.corect", "1"], ["corect", "correct-coherence"]),
        (["rl", "--import", "not_there"], ["--import not_there", "No module named 'not_there'"]),
    ],
)
def test_errors_are_one_line_that_names_value_and_way_out(arguments, words, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("atp-lite: ") and "\n" not in error and "Traceback" not in error
    for word in words:
        assert word in error


def test_help_teaches(capsys):
    assert main(["rl", "--help"]) == 0
    text = capsys.readouterr().out
    for words in ("G, trajectories per question", "epsilon of the clipped ratio", "--resume", "--settings.group-size"):
        assert words in text
    assert text.startswith("usage: atp-lite rl [options]\n") and "What story problems look like:" in text
    said = " ".join(text.split()).replace("- ", "-")  # a line may end in a name
    for registry in (ADVANTAGES, CREDIT, DOMAINS, ESTIMATORS, OBJECTIVES, REWARDS):
        assert f"Registered: {', '.join(registry)}." in said, registry.kind
    assert main(["plan", "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: atp-lite plan [CONFIG] [options]\n") and "--devices" in text
    assert "--sft.settings.lr" not in text, "the settings of other commands are in their own help"
    assert main([]) == main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text and says in text for name, (_, says) in COMMANDS.items())


def test_help_and_version_need_no_torch():
    words = "import sys; from atp_lite.cli.main import main; main([sys.argv[1]]); print(sorted(sys.modules))"
    for option in ("--help", "--version"):
        done = subprocess.run([sys.executable, "-c", words, option], capture_output=True, text=True, check=True)
        assert "'torch'" not in done.stdout and "'jsonargparse'" not in done.stdout
    assert done.stdout.startswith(f"atp-lite {__version__}\n")


@pytest.mark.slow
def test_settings_file_fills_the_same_names(tiny):
    command = read_config(tiny / "tiny.yaml", SFT)
    assert command.settings.stage_steps == (2, 4)
    assert command.model == ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32)
    assert command.train == tiny / "train.jsonl"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("settings: {learning_rate: 1}", ["learning_rate", "known", "lr"]),
        ("limit: many", ["limit", "many"]),
        ("problems: 3", ["problems", "3"]),
        ("a: [", ["YAML"]),
        ("settings: {betas: [0.9]}", ["settings.betas is [0.9]", "tuple with 2 elements"]),
        ("settings: {lr: fast}", ["settings.lr is 'fast'", "float"]),
        ("settings: {lr: null}", ["settings.lr is None", "float"]),
        ("settings: {batch_size: 0}", ["batch_size is 0", "1 or more"]),
        ("settings: {stage_steps: 5}", ["settings.stage_steps is 5", "tuple"]),
        ("problems: {class_path: os.system}", ["unknown setting 'class_path'"]),
        ("settings: {lr: 1, lr: 2}", ["'lr' stands there twice", "line 1, column 19"]),
        ("- 1", ["expected names with values", "[1]"]),
        ("out: !!python/object/apply:os.getcwd []", ["not valid YAML"]),
    ],
)
def test_bad_settings_files_are_explained(tmp_path, text, words):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ValueError) as error:
        read_config(tmp_path / "bad.yaml", SFT if "settings" in text else Data)
    for word in ["bad.yaml", *words]:
        assert word in str(error.value)


@pytest.mark.parametrize("given", [["--config", "{}"], ["--config={}"]])
@pytest.mark.slow
def test_a_settings_file_is_read_however_it_is_named(tiny, monkeypatch, given):
    ran = []
    monkeypatch.setattr(SFT, "run", lambda command: ran.append(command) or 0)
    given = [part.format(tiny / "tiny.yaml") for part in given]
    assert main(["sft", "--settings.lr", "0.5", *given, "--settings.grad_clip", "2"]) == 0
    (command,) = ran
    assert command.settings.stage_steps == (2, 4) and (command.settings.lr, command.settings.grad_clip) == (0.5, 2.0)


@pytest.mark.parametrize("given", [["--config"], ["--config="]])
def test_a_settings_file_that_is_not_named_is_asked_for(given, monkeypatch, capsys):
    monkeypatch.setattr(SFT, "run", lambda command: 0)
    assert main(["sft", *given]) == 2
    assert "--config needs a YAML file behind it" in capsys.readouterr().err


def test_small_numbers_are_numbers_however_they_are_written(tmp_path):
    """`1e-4` is a text for pyyaml."""
    path = tmp_path / "small.yaml"
    path.write_text("settings: {lr: 1e-4, weight_decay: 1.5E-2, grad_clip: 2e3, betas: [9e-1, 0.99], schedule: linear}")
    settings = read_config(path, SFT).settings
    assert (settings.lr, settings.weight_decay, settings.grad_clip, settings.betas) == (1e-4, 1.5e-2, 2e3, (0.9, 0.99))
    path.write_text("settings: {sigma: 1e-3}")
    assert read_config(path, RL).settings.sigma == 1e-3
    path.write_text("settings: {sigma: learned}")
    assert read_config(path, RL).settings.sigma == "learned"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("--settings.batch-size 8", 8),
        ("--settings.batch_size 8", 8),
        ("--settings.batch-size=8", 8),
        ("--settings.batch-size 4 --settings.batch-size 8", 8),
    ],
)
def test_options_are_spelled_either_way_and_win(given, found, tiny, monkeypatch):
    ran = []
    monkeypatch.setattr(SFT, "run", lambda command: ran.append(command) or 0)
    assert main(["sft", *given.split(), "--config", str(tiny / "tiny.yaml")]) == 0
    assert ran[0].settings.batch_size == found and ran[0].settings.stage_steps == (2, 4)


def test_lists_flags_and_mappings_on_the_command_line(monkeypatch):
    ran = []
    for kind in (SFT, RL):
        monkeypatch.setattr(kind, "run", lambda command: ran.append(command) or 0)
    words = "--settings.stage-steps 2 4 --settings.betas 9e-1 0.99 --resume --settings.no-sample --init null"
    assert main(["sft", *words.split(), "--lora.targets", "q, k", "5"]) == 0
    assert ran[0].settings.stage_steps == (2, 4) and ran[0].settings.betas == (0.9, 0.99)
    assert ran[0].resume and not ran[0].settings.sample and ran[0].init is None
    assert ran[0].lora.targets == ("q, k", "5")
    assert main(["rl", "--settings.rewards.correct-coherence", "2", "--settings.rewards.validity=1e-1"]) == 0
    assert ran[1].settings.rewards == {"correct": 1.0, "correct-coherence": 2.0, "format": 0.5, "validity": 0.1}
    assert main(["rl", "--settings.rewards", '{"correct": 1}', "--settings.latent-rewards", "null"]) == 0
    assert ran[2].settings.rewards == {"correct": 1.0} and ran[2].settings.latent_rewards is None
    assert main(["rl", "--settings.latent-rewards.coherence", "3", "--resume", "false"]) == 0
    assert ran[3].settings.latent_rewards == {"coherence": 3.0} and not ran[3].resume


def test_a_mapping_in_a_file_takes_the_place_of_the_default(tmp_path):
    (tmp_path / "own.yaml").write_text("settings: {rewards: {correct: 1}}")
    assert read_config(tmp_path / "own.yaml", RL).settings.rewards == {"correct": 1.0}


@pytest.mark.slow
def test_a_file_is_blamed_for_what_it_says_itself(tmp_path, capsys):
    path = tmp_path / "own.yaml"
    path.write_text("rl: {settings: {questions: 5, mini_batches: 2}}")
    assert main(["rl", "--config", str(path), "--settings.lr", "1"]) == 2
    assert capsys.readouterr().err.startswith(f"atp-lite: {path}: rl: 5 questions do not split into 2")
    path.write_text("rl: {settings: {questions: 6, mini_batches: 2}}")
    assert main(["rl", "--config", str(path), "--settings.questions", "7"]) == 2
    assert capsys.readouterr().err.startswith("atp-lite: 7 questions do not split into 2")


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        "rl --config configs/toy.yaml --settings.latent-rewards null --settings.sigma 1e-3 --settings.rewards.format 0",
        "sft --config configs/llama-1b-lora-24gb.yaml --settings.stage-steps 2 4",
        "eval runs/some/where --benchmarks gsm8k gsm_hard",
        "plan configs/smollm2-135m.yaml --devices 4 --fsdp --sft.settings.accumulate 2 --lengths.problems 3",
        "compare --config configs/compare-toy.yaml --seeds 3 --limit 8",
    ],
)
def test_printed_settings_read_back_as_they_were(given, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(Path(__file__).parents[1])
    ran, (name, *words) = [], given.split()
    monkeypatch.setattr(load(name), "run", lambda command: ran.append(command) or 0)
    assert main([name, *words, "--print_config"]) == 0 and not ran
    (tmp_path / "printed.yaml").write_text(capsys.readouterr().out)
    assert main([name, *words]) == main([name, "--config", str(tmp_path / "printed.yaml")]) == 0
    if name == "plan":
        ran = [replace(plan, file="") for plan in ran]
    assert ran[0] == ran[1] and ran[0] != load(name)()


@pytest.mark.slow
@pytest.mark.parametrize("given", [["--import", "mine"], ["--config", "own.yaml"]])
def test_code_of_ones_own_is_imported_before_names_are_checked(given, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    (tmp_path / "mine.py").write_text(
        "from atp_lite.rl.rewards import REWARDS\n\nREWARDS.setdefault('mine', lambda trace, problems: None)\n"
    )
    (tmp_path / "own.yaml").write_text("import: [mine]\nrl: {settings: {rewards: {correct: 1}}}\n")
    ran = []
    monkeypatch.setattr(RL, "run", lambda command: ran.append(command) or 0)
    try:
        assert main(["rl", "--settings.rewards.mine", "2"]) == 2, "nobody has imported it"
        assert "mine" in capsys.readouterr().err
        assert main(["rl", *given, "--settings.rewards.mine", "2"]) == 0
        assert ran[0].settings.rewards["mine"] == 2.0
        assert main(["rl", *given, "--help"]) == 0
        assert re.search(r"length,\s+mine\.", capsys.readouterr().out)
        assert main(["rl", *given, "--print_config"]) == 0
        assert capsys.readouterr().out.startswith("import:\n- mine\n")
        (tmp_path / "mine.py").write_text("1 / 0\n")
        monkeypatch.delitem(sys.modules, "mine")
        assert main(["rl", *given]) == 2
        said = capsys.readouterr().err.strip()
        assert "import mine: ZeroDivisionError: division by zero" in said and "\n" not in said
    finally:
        from atp_lite.rl.rewards import REWARDS

        REWARDS.pop("mine", None)
        IMPORTED.clear()


@pytest.mark.slow
def test_train_then_evaluate(tiny, capsys):
    out = tiny / "run"
    assert main(["sft", "--config", str(tiny / "tiny.yaml"), "--out", str(out)]) == 0
    assert Planner.from_pretrained(out / "best").model.config.max_latents == ModelSettings().max_latents
    longer = ["--init", str(out / "best"), "--settings.stage-steps", "1", "--model.max-latents"]
    for limit, kept in (("12", 12), ("3", 12)):
        again = ["sft", "--config", str(tiny / "tiny.yaml"), *longer, limit, "--out", str(tiny / f"to-{limit}")]
        assert main(again) == 0
        assert Planner.from_pretrained(tiny / f"to-{limit}" / "best").model.config.max_latents == kept
        longer[1] = str(tiny / f"to-{limit}" / "best")
    capsys.readouterr()
    test = tiny / "validation.jsonl"
    assert main(["eval", str(out / "best"), "--test", str(test), "--out", str(tiny / "report")]) == 0
    assert "accuracy, %" in capsys.readouterr().out
    report = json.loads((tiny / "report" / "report.json").read_text())
    assert report["sets"]["validation"]["metrics"]["accuracy"]["n"] == 12


@pytest.mark.slow
def test_interrupted_run_is_saved_and_goes_on(tiny):
    """Ctrl-C in the middle: exit status 130, the way on is said, and --resume finishes the run."""
    command = [sys.executable, "-m", "atp_lite.cli", "sft", "--config", str(tiny / "tiny.yaml"), "--out"]
    command += [str(tiny / "run"), "--settings.stage-steps", "2", "200"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=tiny)
    deadline = time.monotonic() + 1200
    while not (tiny / "run" / "state" / "progress.json").is_file():  # the first state is saved after three steps
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "--resume" in error and "Traceback" not in error
    done = json.loads((tiny / "run" / "state" / "progress.json").read_text())["step"]
    assert 3 <= done < 202
    finish = [*command[3:], "--resume"]
    assert main([*finish, "--settings.seed", "1"]) == 2, "another seed is not the same run"
    assert main(finish) == 0
    assert json.loads((tiny / "run" / "state" / "progress.json").read_text())["step"] == 202


@pytest.mark.slow
def test_an_interrupt_before_training_does_not_say_that_it_was_saved(tiny, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    command = ["sft", "--config", str(tiny / "tiny.yaml"), "--out", str(tiny / "early")]
    with monkeypatch.context() as patch:
        patch.setattr(SFT, "training_data", stop)
        assert main(command) == 130
        assert "nothing was saved: the same command starts again" in capsys.readouterr().err
    assert main(command) == 0
    monkeypatch.setattr(SFT, "training_data", stop)
    capsys.readouterr()
    assert main([*command, "--resume"]) == 130
    assert "go on with the same command and --resume" in capsys.readouterr().err, "the old state is there still"


@pytest.mark.parametrize("command", ["sft", "rl"])
@pytest.mark.slow
def test_too_little_memory_is_one_line_with_what_needs_less(command, tiny, monkeypatch, capsys):
    told = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nMore of it")

    def train(*_, **__):
        raise told

    monkeypatch.setattr(f"atp_lite.cli.training.train_{command}", train)
    data = ["--validation", str(tiny / "validation.jsonl"), "--out", str(tiny / "run")]
    data += ["--train" if command == "sft" else "--questions", str(tiny / "train.jsonl")]
    assert main([command, *data]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said and "Tried to allocate 20.00 GiB.)" in said
    for name in ("accumulate", "eval-batch", "checkpoint-mlps", "rollout-batch"):
        assert f"--settings.{name}" in said
    told = RuntimeError("something else")
    with pytest.raises(RuntimeError, match="something else"):
        main([command, *data])


@pytest.mark.slow
def test_a_rehearsal_reads_the_labelled_problems_of_its_file(tiny, monkeypatch):
    given = []
    monkeypatch.setattr("atp_lite.cli.training.train_rl", lambda *_, **more: given.append(more))
    data = ["--validation", str(tiny / "validation.jsonl"), "--questions", str(tiny / "validation.jsonl")]
    command = ["rl", *data, "--out", str(tiny / "run"), "--rehearse", str(tiny / "train.jsonl")]
    assert main(command) == 0 and main([*command, "--settings.rehearsal", "0.5"]) == 0
    assert [more.get("rehearse") for more in given] == [None, read_jsonl(tiny / "train.jsonl")]


def test_solve_answers_with_a_rival_whose_thoughts_nobody_can_read(tmp_path, capsys):
    small = Planner.fresh("arithmetic", ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=32))
    METHODS["coconut"].start(small, 3).save_pretrained(tmp_path)
    assert main(["solve", "(3+4)*2", "--checkpoint", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "(3+4)*2"
    assert lines[1] == "  3 latents; no decoder, so they cannot be read"
    assert lines[2].startswith("Answer: ") and "answer token" in lines[2]


def test_solve_reads_a_story_with_the_planner_that_knows_the_words(capsys):
    story = "Tom has 5 cards. He buys 3 more cards. He loses 2 cards. How many cards does Tom have now?"
    assert main(["solve", story]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == story and lines[2].startswith("  1 ") and lines[-1].startswith("Answer: ")
    assert main(["solve", story, "--checkpoint", str(CHECKPOINTS / "atp-rl")]) == 2
    assert "unknown symbol 'T'" in capsys.readouterr().err, "atp-rl reads expressions"


# --- settings files with sections, and benchmarks ---


@pytest.mark.slow
def test_each_command_reads_its_own_section(tmp_path):
    path = tmp_path / "all.yaml"
    path.write_text("sft:\n  domain: stories\n  settings: {batch_size: 7}\nrl:\n  settings: {group_size: 3}\n")
    assert read_config(path, SFT, "sft").settings.batch_size == 7
    assert read_config(path, RL, "rl").settings.group_size == 3
    with pytest.raises(ValueError, match="has no section 'eval': it is for 'sft', 'rl'"):
        read_config(path, Eval, "eval")
    path.write_text("domain: stories\nstories: {max_ops: 3}\nrl: {stories: {max_ops: 4}}\neval:\n")
    shared, own = read_config(path, Eval, "eval"), read_config(path, RL, "rl")
    assert (shared.domain, shared.stories.max_ops, own.domain, own.stories.max_ops) == ("stories", 3, "stories", 4)
    path.write_text("sft: {batch: 7}")
    with pytest.raises(ValueError, match="all.yaml: sft: unknown setting 'batch'"):
        read_config(path, SFT, "sft")


def test_a_benchmark_is_trained_on_without_what_is_held_out(tmp_path):
    rows = [Problem(f"{n} and 1?", (f"{n}+1={n + 1}",), str(n + 1), f"id-{n}") for n in range(6)]
    broken = Problem("5 and 9?", ("5+9=14",), "15", "id-b")
    write_jsonl(tmp_path / "gsm8k_train.jsonl", [*rows, broken])
    write_jsonl(tmp_path / "gsm8k_test.jsonl", [replace(rows[2], id="t", question="2  AND 1 ?"), broken])
    write_jsonl(tmp_path / "gsm8k_validation.jsonl", [replace(rows[2], question="who?")])
    sources = Sources(domain="word-problems", benchmark=BenchmarkSettings("gsm8k", mirror=tmp_path))
    assert [p.question for p in sources.load(None, "train")] == [rows[n].question for n in (0, 1, 3, 4, 5)]
    assert sources.load(None, "rl") == sources.load(None, "train")
    assert len(sources.load(None, "test")) == 2, "a test set is taken as it is"


def test_a_benchmark_without_a_validation_split_lends_training_questions(tmp_path):
    rows = [Problem(f"Ann has {n} pens and gets 1?", (f"{n}+1={n + 1}",), str(n + 1), f"id-{n}") for n in range(300)]
    write_jsonl(tmp_path / "gsm8k_train.jsonl", rows)
    sources = Sources(domain="word-problems", benchmark=BenchmarkSettings("gsm8k", mirror=tmp_path))
    train, validation = sources.training_data(None, "train", None)
    assert len(train) + len(validation) == 300 and 10 <= len(validation) <= 30  # 20 expected
    assert not {p.question for p in train} & {p.question for p in validation}
    write_jsonl(tmp_path / "gsm8k_train.jsonl", rows[:100])
    assert sources.load(None, "validation") == [p for p in validation if p in rows[:100]], "each by its own words"
    mirror = tmp_path / "gsm8k_train.jsonl"
    one_file = Sources(domain="word-problems", benchmark=BenchmarkSettings("gsm8k", mirror=mirror))
    assert one_file.training_data(None, "train", None) == sources.training_data(None, "train", None)
    (tmp_path / "gsm8k_validation.jsonl").write_text("half a li")
    with pytest.raises(ValueError, match="gsm8k_validation.jsonl, line 1"):
        sources.load(None, "train")
    (tmp_path / "gsm8k_validation.jsonl").unlink()
    write_jsonl(tmp_path / "own.jsonl", [replace(rows[5], question="ann has 5 pens, and gets 1"), rows[6]])
    train, own = sources.training_data(None, "train", tmp_path / "own.jsonl")
    assert len(own) == 2 and not {"id-5", "id-6"} & {p.id for p in train}


@pytest.mark.slow
def test_without_a_network_a_benchmark_says_what_to_do(monkeypatch, capsys):
    for library in (huggingface_hub.constants, datasets.config):  # the environment was read at the import
        monkeypatch.setattr(library, "HF_HUB_OFFLINE", True)
    assert main(["eval", "--domain", "word-problems", "--benchmark.name", "svamp"]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said and "ChilleD/SVAMP" in said and "mirror" in said


def test_a_head_that_would_be_ignored_is_refused(capsys):
    """A checkpoint keeps its own head, so another one that is asked for is no silent Gaussian."""
    arguments = ["sft", "--init", "data/checkpoints/cot", "--model.latent-head", "mixture"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "latent_head 'mixture'" in error and "has 'gaussian'" in error and len(error.splitlines()) == 1
