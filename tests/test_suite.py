"""Several test sets in one run: cut off and gone on with, out of memory, offline, in one table."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from scipy.stats import chisquare
from small import PROBLEMS, lively_planner

from atp_lite.cli.main import main
from atp_lite.domains import BenchmarkSettings, Problem, read_jsonl, same_number, write_jsonl
from atp_lite.evaluation import (
    PAPER,
    PAPER_MEAN,
    Estimate,
    EvalSettings,
    ProblemSet,
    benchmark_sets,
    evaluate,
    evaluate_benchmarks,
    read_set,
    wilson,
)
from atp_lite.evaluation.batches import block
from atp_lite.evaluation.metrics import mean_of_sets
from atp_lite.evaluation.report import throughput
from atp_lite.model import RowNoise
from atp_lite.model.decisions import argmax, record_margins
from atp_lite.model.noise import choose, normal_like, uniform

pytestmark = pytest.mark.slow

SHARED = Path(__file__).resolve().parents[2] / "shared" / "benchmarks"
BIG = EvalSettings(batch_size=500, samples=3, temperature=1.0, diversity=True)
SETTINGS = EvalSettings(batch_size=2, samples=3, temperature=1.0, diversity=True)


@pytest.fixture(scope="module")
def planner():
    return lively_planner()


@pytest.fixture(scope="module")
def sets(planner) -> dict[str, list[Problem]]:
    """The problems, some of them with what this planner answers as their reference, and three of them alone."""
    answers = planner.reason(PROBLEMS).answers
    known = [same_number(answer, answer) for answer in answers]
    assert 0 < sum(known) < len(PROBLEMS)
    problems = [
        replace(p, answer=answer if is_known else "1", id=f"p{i}")
        for i, (p, answer, is_known) in enumerate(zip(PROBLEMS, answers, known, strict=True))
    ]
    return {"gsm8k": problems, "own": problems[4:]}


@pytest.fixture(scope="module")
def whole(planner, sets, tmp_path_factory) -> Path:
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    evaluate_benchmarks(planner, sets, SETTINGS, out)
    return out


def kept(out: Path) -> dict[str, str]:
    """All that a run leaves, but for times."""
    report = json.loads((out / "report.json").read_text())
    assert report.pop("throughput")
    files = [out / "report.md", out / "run.json", *sorted(out.glob("*.outcomes.jsonl"))]
    return {path.name: path.read_text() for path in files} | {"report": json.dumps(report)}


class Failing:
    """A planner's `reason` that raises when `when` says so of (call, rows); counts the rows it made."""

    def __init__(self, planner, monkeypatch, when, error) -> None:
        self.reason, self.when, self.error, self.calls, self.rows = planner.reason, when, error, 0, 0
        monkeypatch.setattr(planner, "reason", self)
        monkeypatch.setattr("atp_lite.evaluation.batches.CLOSE", 0.0)  # no batch is divided for another reason

    def __call__(self, problems, group_size=1, **named):
        rows = len(problems) * group_size
        self.calls += 1
        if self.when(self.calls, rows):
            raise self.error
        self.rows += rows
        return self.reason(problems, group_size=group_size, **named)


# --- noise ---


def test_a_row_draws_the_same_whoever_stands_beside_it():
    together, alone = RowNoise([5, 6, 7]), RowNoise([6])
    first, own = normal_like(torch.zeros(3, 40), together), normal_like(torch.zeros(1, 40), alone)
    assert torch.equal(first[1], own[0]) and not torch.equal(first[0], first[1])
    assert torch.equal(first[1], torch.randn(40, generator=torch.Generator().manual_seed(6)))
    later = together.of(torch.tensor([2, 1]))  # a row has left, the others have moved up
    assert torch.equal(normal_like(torch.zeros(2, 4), later)[1], normal_like(torch.zeros(1, 4), alone)[0])
    assert uniform(2, torch.device("cpu"), later)[1] == uniform(1, torch.device("cpu"), alone)[0]
    assert normal_like(torch.zeros(2, 4, dtype=torch.bfloat16), later).dtype == torch.bfloat16


def test_a_stream_for_all_draws_as_torch_does():
    made, expected = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    probs = torch.tensor([[0.2, 0.3, 0.5]]).expand(20, 3)
    assert torch.equal(normal_like(torch.zeros(3, 2), made), torch.zeros(3, 2).normal_(generator=expected))
    assert torch.equal(uniform(4, torch.device("cpu"), made), torch.rand(4, generator=expected))
    assert torch.equal(choose(probs.log(), made), torch.multinomial(probs, 1, generator=expected)[:, 0])


def test_choose_takes_the_largest_of_score_and_gumbel_noise():
    """-log E of E ~ Exp(1), drawn by the row's own stream."""
    logits = torch.tensor([[0.0, 1.0, -1.0], [2.0, 0.0, 0.0]])
    waits = [torch.empty(3).exponential_(generator=torch.Generator().manual_seed(seed)) for seed in (3, 4)]
    expected = [int((score.exp() / wait).argmax()) for score, wait in zip(logits, waits, strict=True)]
    assert choose(logits, RowNoise([3, 4])).tolist() == expected


def test_choose_follows_the_probabilities():
    probs = torch.tensor([0.1, 0.2, 0.0, 0.7])
    drawn = choose(probs.log().expand(4000, 4), RowNoise(range(4000))).bincount(minlength=4)
    assert drawn[2] == 0
    assert chisquare(drawn[[0, 1, 3]], 4000 * probs[[0, 1, 3]].numpy()).pvalue > 0.01


def test_decisions_say_how_close_they_were():
    scores = torch.tensor([[1.0, 3.0, 2.5], [0.0, -1.0, -9.0]])
    with record_margins() as margins:
        assert argmax(scores).tolist() == [1, 0]
        argmax(scores[1:])
    assert [margin.item() for margin in margins] == [0.5, 1.0]
    argmax(scores)
    assert len(margins) == 2, "outside nothing is noted"


# --- what is found ---


def test_greedy_is_what_evaluate_finds(planner, sets):
    report = evaluate_benchmarks(planner, sets, EvalSettings(batch_size=3))
    expected = evaluate(planner, sets["gsm8k"])
    found = report.evaluations["gsm8k"]
    assert found.outcomes == expected.outcomes
    assert [o.id for o in found.outcomes] == [p.id for p in sets["gsm8k"]], "in the order of the file"
    assert found.sigma == pytest.approx(expected.sigma, rel=1e-5)
    assert found.summary()["accuracy"] == expected.summary()["accuracy"]


@pytest.mark.parametrize("size", [1, 4, 500])
def test_the_batch_size_changes_nothing(planner, sets, whole, tmp_path, size):
    evaluate_benchmarks(planner, sets, replace(SETTINGS, batch_size=size), tmp_path)
    for name in sets:
        lines, expected = (
            [json.loads(line) for line in (folder / f"{name}.outcomes.jsonl").read_text().splitlines()]
            for folder in (tmp_path, whole)
        )
        for line, other in zip(lines, expected, strict=True):
            assert line.pop("sigma") == pytest.approx(other.pop("sigma"), rel=1e-5)
        assert lines == expected
    assert (tmp_path / "report.md").read_text() == (whole / "report.md").read_text()


def test_noise_differs_by_seed_place_and_sample(planner, sets, monkeypatch):
    drawn, reason = [], planner.reason

    def noted(*problems, **named):
        trace = reason(*problems, **named)
        drawn.append(trace.latents[:, 0])  # (B, d)
        return trace

    monkeypatch.setattr(planner, "reason", noted)
    same = [replace(sets["own"][0], id=name) for name in "ab"]  # the same problem twice
    monkeypatch.setattr("atp_lite.evaluation.batches.CLOSE", 0.0)
    for seed in (0, 1, 0):
        settings = EvalSettings(samples=2, greedy=False, seed=seed)
        evaluate_benchmarks(planner, {"x": same}, settings)
    assert len(drawn) == 3 and len(torch.cat(drawn).unique(dim=0)) == 2 * 2 * 2
    assert torch.equal(drawn[0], drawn[2])


def test_where_slices_are_asked_for_a_whole_model_evaluates_on_the_device(planner, sets, monkeypatch):
    moved = []
    monkeypatch.setattr("atp_lite.engine.distributed.sharding_requested", lambda: True)
    monkeypatch.setattr(type(planner.model), "to", lambda _, device: moved.append(device))
    evaluate_benchmarks(planner, sets, SETTINGS)
    assert moved == [Accelerator().device]


def test_pass_at_k_counts_the_right_samples(planner, sets, monkeypatch):
    """With next to no noise every sample is the greedy answer."""
    report = evaluate_benchmarks(planner, sets, EvalSettings(samples=2, sigma=1e-9))
    found = report.evaluations["gsm8k"]
    assert [(r.samples, r.sampled_right) for r in found.records] == [(2, 2 * o.correct) for o in found.outcomes]
    metrics = found.summary()
    assert metrics["pass@2"].mean == pytest.approx(metrics["accuracy"].mean) and metrics["accuracy"].mean > 0


def test_an_outcome_line_has_what_happened(planner, sets, whole):
    lines = [json.loads(line) for line in (whole / "gsm8k.outcomes.jsonl").read_text().splitlines()]
    trace = planner.reason(sets["gsm8k"])
    for i, line in enumerate(lines):
        problem = sets["gsm8k"][i]
        assert (line["position"], line["id"], line["question"]) == (i, problem.id, problem.question)
        assert (line["reference"], line["answer"]) == (problem.answer, trace.answers[i])
        assert line["steps"] == trace.steps[i] and line["n_latents"] == trace.n_latents[i]
        assert line["correct"] == same_number(trace.answers[i], problem.answer)
        assert line["samples"] == 3 and 0 <= line["sampled_right"] <= 3 and 1 <= line["distinct_chains"] <= 3
        assert 0 <= line["coherence"] <= 1 and line["n_answer_tokens"] == trace.n_answer_tokens[i]


def test_only_samples(planner, sets, tmp_path):
    settings = EvalSettings(samples=2, greedy=False)
    report = evaluate_benchmarks(planner, sets, settings, tmp_path)
    assert "accuracy % [95 %]" not in report.rows()[0] and "pass@2 % [95 %]" in report.rows()[0]
    assert "| problems | 7 |" in report.to_markdown()
    again = evaluate_benchmarks(planner, sets, settings, tmp_path)
    assert again.to_markdown() == report.to_markdown()


# --- cut off ---


@pytest.mark.parametrize("call", [1, 2, 6, 9, 13])
def test_a_run_goes_on_where_it_was_cut_off(planner, sets, whole, tmp_path, monkeypatch, call):
    """A batch of two problems takes three calls here: one greedy, two for its samples (three to a problem)."""
    with monkeypatch.context() as patch:
        cut = Failing(planner, patch, lambda calls, rows: calls == call, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            evaluate_benchmarks(planner, sets, SETTINGS, tmp_path)
    path = tmp_path / "gsm8k.outcomes.jsonl"
    done = len(path.read_text().splitlines()) if path.is_file() else 0
    assert not (tmp_path / "report.md").is_file() and (done == 0) == (call < 6)
    if done:  # and the machine stopped in the middle of a line
        with path.open("a") as file:
            file.write('{"position": 5, "id": "p')
    with monkeypatch.context() as patch:
        rest = Failing(planner, patch, lambda calls, rows: False, None)
        evaluate_benchmarks(planner, sets, SETTINGS, tmp_path)
    assert kept(tmp_path) == kept(whole)
    own = tmp_path / "own.outcomes.jsonl"
    assert own.is_file() and rest.rows <= 40 - 4 * done and cut.rows + rest.rows >= 40
    with monkeypatch.context() as patch:
        idle = Failing(planner, patch, lambda calls, rows: True, AssertionError("nothing is left to do"))
        evaluate_benchmarks(planner, sets, SETTINGS, tmp_path)
    assert idle.calls == 0 and kept(tmp_path) == kept(whole)


def test_a_folder_takes_more_sets_of_the_same_run(planner, sets, whole, tmp_path, monkeypatch):
    evaluate_benchmarks(planner, {"gsm8k": sets["gsm8k"]}, SETTINGS, tmp_path)
    more = Failing(planner, monkeypatch, lambda calls, rows: False, None)
    evaluate_benchmarks(planner, sets, SETTINGS, tmp_path)
    assert more.rows == 3 * 4 and kept(tmp_path) == kept(whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": replace(SETTINGS, samples=4)}, "settings.samples = 3, not 4"),
        ({"settings": replace(SETTINGS, temperature=None)}, "settings.temperature = 1.0, not None"),
        ({"planner": lively_planner(seed=35)}, "the checkpoint first ("),
        ({"sets": {"own": PROBLEMS[:2]}}, "other problems under the name own (3 with"),
    ],
)
def test_another_run_is_refused_and_restart_begins_anew(planner, sets, tmp_path, change, words):
    first = {"planner": planner, "sets": {"own": sets["own"]}, "settings": SETTINGS, "out": tmp_path}
    evaluate_benchmarks(**first, checkpoint="first")
    with pytest.raises(ValueError) as error:
        evaluate_benchmarks(**first | change, checkpoint="second")
    assert words in str(error.value) and str(tmp_path) in str(error.value)
    assert "--restart" in str(error.value) and "another folder" in str(error.value) and "\n" not in str(error.value)
    if "planner" in change:
        assert "not of second (" in str(error.value)
    report = evaluate_benchmarks(**first | change, checkpoint="second", restart=True)
    n = len(report.evaluations["own"].outcomes)
    assert n == len((change.get("sets") or sets)["own"])
    assert len((tmp_path / "own.outcomes.jsonl").read_text().splitlines()) == n


def test_a_run_in_another_precision_is_refused(planner, sets, tmp_path):
    """Outcomes in bfloat16 and in float32 do not belong into one table."""
    evaluate_benchmarks(planner, {"own": sets["own"]}, SETTINGS, tmp_path)
    AcceleratorState._reset_state()
    try:
        assert Accelerator(mixed_precision="bf16").mixed_precision == "bf16"
        with pytest.raises(ValueError, match="settings.mixed_precision = 'no', not 'bf16'.*--restart"):
            evaluate_benchmarks(planner, {"own": sets["own"]}, SETTINGS, tmp_path)
    finally:
        AcceleratorState._reset_state()


def test_a_broken_line_in_the_middle_is_named(planner, sets, tmp_path):
    evaluate_benchmarks(planner, {"own": sets["own"]}, SETTINGS, tmp_path)
    path = tmp_path / "own.outcomes.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{}", lines[2]]) + "\n")
    with pytest.raises(ValueError, match="own.outcomes.jsonl, line 2 is no outcome"):
        evaluate_benchmarks(planner, {"own": sets["own"]}, SETTINGS, tmp_path)


def test_ctrl_c_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("atp_lite.planner.Planner.reason", pressed)
    write_jsonl(tmp_path / "few.jsonl", PROBLEMS)
    command = ["eval", "--test", str(tmp_path / "few.jsonl")]
    assert main([*command, "--out", str(tmp_path / "out")]) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"kept in {tmp_path / 'out'}: the same command goes on" in said
    assert main(command) == 130
    assert "Nothing was kept: with --out FOLDER the same command would go on" in capsys.readouterr().err


# --- out of memory ---


CPU = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"


@pytest.mark.parametrize(
    "error", [RuntimeError(CPU), MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")]
)
def test_the_batch_is_halved_until_it_fits(planner, sets, whole, tmp_path, monkeypatch, error):
    fails = Failing(planner, monkeypatch, lambda calls, rows: rows > 2, error)
    evaluate_benchmarks(planner, sets if isinstance(error, MemoryError) else {"own": sets["own"]}, BIG, tmp_path)
    if isinstance(error, MemoryError):
        # 7 -> 3 -> 1 at once in the first set; then one by one, and what was done is not done again
        assert fails.rows == (7 + 3) * 4 and fails.calls == 40 + 2
        assert (tmp_path / "report.md").read_text() == (whole / "report.md").read_text()
    else:
        assert fails.rows == 3 * 4 and fails.calls == 12 + 1
        lines = (tmp_path / "own.outcomes.jsonl").read_text().splitlines()
        assert len(lines) == len(sets["own"])


def test_samples_of_one_problem_are_split_where_they_do_not_fit(planner, sets, whole, tmp_path, monkeypatch):
    """Three at once are too many: one greedy pass, then 2 + 1 samples of each problem."""
    fails = Failing(planner, monkeypatch, lambda calls, rows: rows == 3, RuntimeError(CPU))
    evaluate_benchmarks(planner, sets, replace(SETTINGS, batch_size=4), tmp_path)
    assert fails.rows == 40
    assert (tmp_path / "report.md").read_text() == (whole / "report.md").read_text()


def test_memory_that_does_not_hold_one_problem_is_told(planner, sets, monkeypatch):
    Failing(planner, monkeypatch, lambda calls, rows: True, RuntimeError(CPU))
    with pytest.raises(ValueError, match="own: problem [012] alone does not fit .*DefaultCPUAllocator.*take"):
        evaluate_benchmarks(planner, {"own": sets["own"]}, SETTINGS)


def test_other_errors_are_not_taken_for_it(planner, sets, monkeypatch):
    fails = Failing(planner, monkeypatch, lambda calls, rows: True, RuntimeError("shapes do not match"))
    planner.model.train()
    with pytest.raises(RuntimeError, match="shapes do not match"):
        evaluate_benchmarks(planner, sets, SETTINGS)
    assert fails.calls == 1 and planner.model.training
    planner.model.eval()


def test_blocks_are_whole_problems_where_one_fits():
    jobs = [(i, s) for i in (4, 7, 9) for s in range(3)]
    assert block(jobs, 7, 3) == jobs[:6] and block(jobs, 100, 3) == jobs and block(jobs, 3, 3) == jobs[:3]
    assert block(jobs, 2, 3) == jobs[:2] and block(jobs[2:], 2, 3) == jobs[2:3], "then what is left of the problem"


# --- sets, tolerance, table ---


def test_every_set_has_its_own_tolerance(planner, sets):
    answers = {o.id: o.answer for o in evaluate(planner, sets["gsm8k"]).outcomes if o.correct}
    near = [replace(p, answer=str(int(p.answer)) + ".0000001") for p in sets["gsm8k"] if p.id in answers]
    near = [p for p in near if abs(float(p.answer)) >= 1]
    assert near
    report = evaluate_benchmarks(planner, {"gsm-hard": near, "gsm8k": near})
    assert [e.accuracy.mean for e in report.evaluations.values()] == [1.0, 0.0]
    assert "gsm-hard: right within a share of 1e-06 of the reference." in report.to_markdown()
    same = evaluate_benchmarks(planner, {"gsm8k": near}, EvalSettings(relative=1e-3))
    assert same.evaluations["gsm8k"].accuracy.mean == 1.0


@pytest.fixture
def mirror(tmp_path) -> Path:
    """A folder with a few made rows of every benchmark, in the words of toy arithmetic."""
    for n, name in enumerate(("gsm8k", "gsm_hard", "svamp", "multiarith"), start=1):
        chained = name == "gsm8k"
        rows = [replace(p, steps=p.steps if chained else (), id=f"{name}-{i}") for i, p in enumerate(PROBLEMS[:n])]
        write_jsonl(tmp_path / "mirror" / f"{name}_test.jsonl", rows)
    return tmp_path / "mirror"


def test_benchmarks_come_from_a_mirror(mirror):
    found = benchmark_sets(["gsm8k", "GSM-hard"], BenchmarkSettings(mirror=mirror))
    assert [(s.name, s.size) for s in found] == [("gsm8k", "1 of 1319"), ("gsm_hard", "2 of 1319")]
    assert ProblemSet("svamp", PROBLEMS * 60).size == "420" and ProblemSet("own", PROBLEMS).size == "7"
    own = read_set(f"my-set={mirror / 'svamp_test.jsonl'}")
    assert own.name == "my-set" and own.problems == read_jsonl(mirror / "svamp_test.jsonl") and own.benchmark is None
    assert read_set(str(mirror / "svamp_test.jsonl")).name == "svamp_test"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda m: benchmark_sets(["gsm9k"]), "'gsm9k' is no benchmark: choose from gsm8k, "),
        (lambda m: benchmark_sets(["gsm8k", "gsm8k-aug"], BenchmarkSettings(mirror=m)), "one and the same test split"),
        (lambda m: benchmark_sets(["gsm8k", "svamp"], BenchmarkSettings(revision="1")), "belongs to one repository"),
        (
            lambda m: benchmark_sets(["gsm8k", "svamp"], BenchmarkSettings(mirror=m / "svamp_test.jsonl")),
            "is one file for 2 benchmarks",
        ),
        (lambda m: ProblemSet("a/b", PROBLEMS), "'a/b' cannot name a test set"),
        (lambda m: ProblemSet("mean", PROBLEMS), "mean is taken"),
        (lambda m: ProblemSet("a", []), "the test set a holds no problem"),
        (lambda m: evaluate_benchmarks(lively_planner(), []), "give at least one"),
        (lambda m: evaluate_benchmarks(lively_planner(), [ProblemSet("a", PROBLEMS)] * 2), "a name of its own"),
    ],
)
def test_sets_that_make_no_sense_are_refused(mirror, make, words):
    with pytest.raises(ValueError) as error:
        make(mirror)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_the_mean_of_sets_by_hand():
    one = wilson(8, 10)
    assert mean_of_sets([one]) == pytest.approx(one)
    # means 0.5 and 0.75; below sqrt(0.3^2 + 0.4^2) / 2 = 0.25, above sqrt(0.05^2 + 0.12^2) / 2 = 0.065
    found = mean_of_sets([Estimate(0.5, 0.2, 0.55, 10), Estimate(0.75, 0.35, 0.87, 30)])
    assert (found.mean, found.low, found.high, found.n) == pytest.approx((0.625, 0.375, 0.69, 40))


def test_throughput_by_hand():
    costs = [
        {"pass": "greedy", "trajectories": 4, "tokens": 30, "seconds": 1.5},
        {"pass": "sampled", "trajectories": 8, "tokens": 60, "seconds": 4.0},
        {"pass": "greedy", "trajectories": 2, "tokens": 15, "seconds": 0.5},
    ]
    found = throughput(costs)
    assert found["wall_seconds"] == 6.0
    assert found["greedy"]["problems_per_second"] == 3.0 and found["greedy"]["tokens_per_second"] == 22.5
    assert found["sampled"]["trajectories_per_second"] == 2.0 and found["sampled"]["tokens_per_second"] == 15.0
    assert throughput([]) == {"wall_seconds": 0}


def test_the_papers_figures_have_the_papers_mean():
    assert sum(r.accuracy for r in PAPER.values()) / 4 == pytest.approx(PAPER_MEAN)
    assert {name for name, r in PAPER.items() if not r.mark} == {"multiarith"}


def test_the_command_makes_one_table(mirror, tmp_path, planner, capsys):
    planner.save_pretrained(tmp_path / "checkpoint")
    command = ["eval", str(tmp_path / "checkpoint"), "--benchmarks", "gsm8k", "gsm-hard", "svamp", "multiarith"]
    command += ["--benchmark.mirror", str(mirror), "--settings.samples", "2", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    said, text = capsys.readouterr().out, (tmp_path / "out/report.md").read_text()
    assert said.startswith(text)
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.split("\n\n")[0].splitlines()]
    assert table[0] == [
        "test set", "problems", "accuracy % [95 %]", "paper %", "pass@2 % [95 %]", "latents", "answer tokens",
        "coherence %",
    ]  # fmt: skip
    assert [row[:2] for row in table[2:]] == [
        ["gsm8k", "1 of 1319"], ["gsm_hard", "2 of 1319"], ["svamp", "3 of 300"], ["multiarith", "4 of 180"],
        ["mean", ""],
    ]  # fmt: skip
    assert [row[3] for row in table[2:]] == ["42.3 ?", "9.9 ~", "44.2 ?", "94.4", "47.7"]
    for note in ("it reports 8.4 tokens per problem", "not certain", "what the paper's mean implies"):
        assert note in text
    report = json.loads((tmp_path / "out/report.json").read_text())
    found = evaluate(planner, read_jsonl(mirror / "multiarith_test.jsonl")).summary()
    assert report["sets"]["multiarith"]["metrics"]["latents"]["mean"] == pytest.approx(found["latents"].mean, abs=1e-6)
    assert table[5][5] == f"{found['latents'].mean:.2f}" and report["table"][3]["latents"] == table[5][5]
    assert "stop" in report["sets"]["gsm8k"]["metrics"], "its problems have chains"
    assert not {"stop", "step_match"} & set(report["sets"]["svamp"]["metrics"]) and "stop" not in report["mean"]
    means = [report["sets"][name]["metrics"]["latents"]["mean"] for name in report["sets"]]
    assert report["mean"]["latents"]["mean"] == pytest.approx(sum(means) / 4, abs=1e-6)
    assert report["throughput"]["svamp"]["greedy"]["trajectories"] == 3
    changed = [*command, "--settings.seed", "1"]
    assert main(changed) == 2
    assert "settings.seed = 0, not 1: give --restart" in capsys.readouterr().err
    assert main([*changed, "--restart"]) == 0


def test_files_and_a_benchmark_stand_in_one_table(mirror, tmp_path, planner, capsys):
    planner.save_pretrained(tmp_path / "checkpoint")
    file = mirror / "svamp_test.jsonl"
    command = ["eval", str(tmp_path / "checkpoint"), "--tests", f"gsm-hard={file}", f"b={file}", "--test", str(file)]
    assert main([*command, "--benchmarks", "gsm8k", "--benchmark.mirror", str(mirror)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:7]] == ["| gsm8k", "| gsm-hard", "| b", "| svamp_test", "| mean"]
    assert "| 42.3 ? |" in lines[2] and "| 9.9 ~ |" in lines[3]
    assert "47.7" not in lines[6], "the paper's mean is of other sets"


@pytest.mark.skipif(not (SHARED / "svamp_test.jsonl").is_file(), reason="needs shared/benchmarks beside the repository")
def test_sizes_of_the_real_files():
    found = benchmark_sets(["svamp"], BenchmarkSettings(mirror=SHARED))
    assert found[0].size == "300"
    assert read_set(f"multiarith={SHARED / 'multiarith_test_head50.jsonl'}").size == "50 of 180"


# --- without a network ---

OFFLINE = """
import sys
from atp_lite.cli.main import main
for line in sys.argv[1:]:
    print(main(line.split()), flush=True)
    print("--", file=sys.stderr, flush=True)
"""


def test_without_a_network_commands_fail_in_one_line_that_names_the_remedy(tmp_path):
    """And with a mirror they do not need one: `data`, here, and above `eval`."""
    rows = [Problem(f"{n} and 1?", (f"{n}+1={n + 1}",), str(n + 1), f"id-{n}") for n in range(40)]
    write_jsonl(tmp_path / "gsm8k_train.jsonl", rows)
    write_jsonl(tmp_path / "gsm8k_test.jsonl", [*rows[:2], rows[0]])
    commands = {
        "eval --benchmarks gsm8k svamp": ["openai/gsm8k", "gsm8k_test.jsonl", "--benchmark.mirror"],
        "sft --domain word-problems --init data/checkpoints/cot": ["openai/gsm8k", "gsm8k_train.jsonl"],
        "rl --domain word-problems --benchmark.name svamp": ["ChilleD/SVAMP", "svamp_train.jsonl"],
        "data --domain word-problems --benchmark.name gsm8k_aug": ["zen-E/GSM8k-Aug", "--benchmark.mirror"],
        "sft --backbone some/model": ["some/model", "hf download some/model --local-dir FOLDER"],
        f"data --domain word-problems --benchmark.mirror {tmp_path} --out {tmp_path / 'data'}": [],
    }
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, *commands],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    errors = done.stderr.split("--\n")
    assert len(errors) == len(commands) + 1, done.stderr
    for error, words in zip(errors, commands.values(), strict=False):
        assert len(error.splitlines()) == (1 if words else 0), error
        for word in words:
            assert error.startswith("atp-lite: ") and word in error
    lines = done.stdout.splitlines()
    assert lines[:5] == ["2"] * 5 and lines[-1] == "0" and "1 questions of test are repeats" in lines
    written = {split: read_jsonl(tmp_path / "data" / f"{split}.jsonl") for split in ("train", "validation", "test")}
    assert len(written["train"]) + len(written["validation"]) == 38 and len(written["test"]) == 3
    assert not (tmp_path / "data/rl.jsonl").exists()
