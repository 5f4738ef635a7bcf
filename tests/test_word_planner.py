"""The planner for word problems in tiny sizes: its curriculum, phases that go on where they were cut off, its test."""

import json
import signal
import time

import pytest
import torch
from small import made_trace

from atp_lite.domains import Problem, chain_fault, read_jsonl
from atp_lite.domains.word_problems.splits import kept_for_validation
from atp_lite.engine.log import read_metrics
from atp_lite.planner import Planner
from benchmarks import word_planner
from benchmarks.word_planner import TYPED, fits, main, stopped_after, typed
from benchmarks.word_scenes import scenes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The curriculum from a GSM8K of fifty questions."""
    place = tmp_path_factory.mktemp("words")
    rows = []
    for bags in range(3, 53):
        chain = f"<<{bags}*4={bags * 4}>> <<{bags * 4}-2={bags * 4 - 2}>>"
        question = f"Kim has {bags} bags of 4 pears and eats a pair. How many pears are left in the {bags} bags?"
        rows.append({"question": question, "answer": f"{chain}\n#### {bags * 4 - 2}"})
    (place / "gsm8k.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = ["data", "--gsm8k", str(place / "gsm8k.jsonl"), "--folder", str(place)]
    assert main([*made, "--scenes", "12", "--drills", "12", "--stories", "12", "--gym", "0", "--variants", "2"]) == 0
    return place


def test_the_curriculum_keeps_validation_questions_apart(folder):
    made, mixed, kept = (read_jsonl(folder / f"{name}.jsonl") for name in ("made", "mixed", "validation"))
    assert 36 < len(made) <= 48 and kept and all(map(kept_for_validation, kept))
    assert all(chain_fault(p) is None for p in [*made, *mixed])
    held = {p.question for p in kept}
    own = [p for p in mixed if p.source == "" and "Kim" in p.question]
    assert len(own) + len(kept) == 50 and not held & {p.question for p in own}
    varied = [p for p in mixed if "renumbered" in p.source]
    assert len(own) < len(varied) <= 2 * len(own) and not held & {p.question for p in varied}
    rest = [p for p in mixed if p.source in ("story/train", "scenes")]
    bare = [p for p in mixed if p.source == "drills"]
    assert len(bare) == 3 and len(rest) <= 32, "two thirds of what was made, a quarter of the equations"
    large = read_jsonl(folder / "pretrained.jsonl")
    assert {p.id for p in large} <= {p.id for p in mixed} and all(len(p.question) <= 180 for p in large)
    assert all(len(p.steps) >= 3 for p in large if p.source == "drills"), "shorter ones would mostly be padding"


def test_scenes_are_right_chains_of_one_to_four_steps_and_depend_on_the_seed():
    made = list(scenes(400))
    assert all(chain_fault(p) is None for p in made) and {len(p.steps) for p in made} == {1, 2, 3, 4}
    assert len({p.question for p in made}) == 400 and all(p.question.endswith("?") for p in made)
    assert not any(sign in p.question for p in made for sign in "{}|;"), "no slot was left open"
    assert list(scenes(50)) == made[:50] and list(scenes(50, seed=1)) != made[:50]


def test_what_is_too_long_or_faulty_is_left_out():
    assert fits(Problem("How many?", ("3+4=7",), "7"))
    assert not fits(Problem("How many?", ("3+4=8",), "8")) and not fits(Problem("How many?", (), "7"))
    assert not fits(Problem("How many?" * 60, ("3+4=7",), "7"))
    assert not fits(Problem("How many?", ("3+4=7",) * 7, "7"))
    assert not fits(Problem("How many?", ("3+4+0+0+0+0+0+0+0+0+0+0=7",), "7"))


def test_chains_of_typed_problems_are_judged_without_a_label(monkeypatch):
    problems = [Problem("Three bags of 4, 5 eaten?", (), "7")] * 4
    steps = [["3*4=12", "12-5=7"], ["3*4=12", "5+2=7"], ["3*4=12", "12-5=8"], ["3*4=12", "12-5=7"]]
    trace = made_trace(["7", "7", "7", "8"], steps, problems)

    class Told:
        domain = trace.domain

        def reason(self, asked):
            return trace

    found = typed(Told(), problems)
    assert found == {"typed": 4, "right": 0.75, "right chains among them": pytest.approx(1 / 3)}


def test_typed_problems_have_numbers_for_answers():
    assert len({problem.question for problem in TYPED}) == 20 and all(p.answer.isdigit() for p in TYPED)


def test_ctrl_c_comes_after_so_many_minutes():
    with pytest.raises(KeyboardInterrupt), stopped_after(0.001):
        signal.pause()
    with stopped_after(0.002):
        pass  # done in time
    time.sleep(0.3)  # nothing comes later


@pytest.mark.slow
def test_phases_go_on_where_they_were_cut_off_and_are_tested(folder, monkeypatch, capsys):
    monkeypatch.setattr(
        word_planner,
        "SMALL",
        word_planner.SMALL
        | dict(hidden_size=32, intermediate_size=48, num_attention_heads=2, num_key_value_heads=2, num_hidden_layers=2),
    )
    monkeypatch.setattr(word_planner, "WORDS", 320)
    torch.manual_seed(0)
    train = ["train", "small", "--folder", str(folder), "--steps", "2", "--validation", "2"]
    finish = word_planner.train_sft
    calls = []

    def cut_off_once(*arguments):
        calls.append(arguments[-1])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return finish(*arguments)

    monkeypatch.setattr(word_planner, "train_sft", cut_off_once)
    assert main(train) == 0 and "the same command goes on" in capsys.readouterr().out
    place = folder / "small"
    assert (place / "words-1/last").is_dir() and not (place / "words-2/last").is_dir()
    assert main(train) == 0
    assert len(calls) == 5, "what was finished is not trained again"
    planner = Planner.from_pretrained(place / "latents/last")
    assert planner.model.step_encoder is not None and planner.domain.name == "word-problems"
    assert [line["step"] for line in read_metrics(place / "latents/metrics.jsonl")][-1] == 2
    assert main(["test", "small", "--folder", str(folder), "--mirror", str(folder)]) == 0
    said = capsys.readouterr().out
    assert '"phase": "words-2", "typed": 20' in said and '"phase": "latents"' in said
    result = json.loads((place / "result.json").read_text())
    assert list(result["cpu_minutes"]) == list(word_planner.CANDIDATES["small"].phases)
    assert result["parameters"] > 10_000
    assert {phase: found["typed"]["typed"] for phase, found in result["phases"].items()} == {
        "words-2": 20,
        "latents": 20,
    }
