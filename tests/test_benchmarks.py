"""Benchmarks: rows as the hub has them become problems, mirrors are found, and what is missing is said in one line."""

import json
import logging
from pathlib import Path

import datasets
import huggingface_hub
import pytest

from atp_lite.domains import (
    BENCHMARKS,
    BenchmarkSettings,
    Problem,
    chain_fault,
    chain_faults,
    data_hash,
    iterate_benchmark,
    load_benchmark,
    normalise_question,
    overlap,
    parse_number,
    without_overlap,
    write_jsonl,
)
from atp_lite.domains.files import annotated_steps

SHARED = Path(__file__).resolve().parents[2] / "shared" / "benchmarks"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs shared/benchmarks beside the repository")

ROWS = {
    "gsm8k": [
        {
            "question": " Kim bakes 6 trays of 8 rolls and sells 1,000 more. How many? ",
            "answer": "She bakes 6*8=<<6*8=48>>48.\nIn all <<48+1,000=1048>>1,048.\n#### 1,048",
        },
        {"question": "Half of 3?", "answer": "Half is <<3*.5=1.5>>1.5.\n#### 1.5"},
        {"question": "None left?", "answer": "There is nothing to work out.\n#### -4"},
    ],
    "gsm8k_aug": [{"question": "Six boxes of 8?", "cot": "<<6*8=48>> <<48/2=24>>", "answer": "24"}],
    "gsm_hard": [
        {"input": "Big eggs?", "code": "def solution():\n    return 1", "target": -9867630.0},
        {"input": "Noise?", "code": "", "target": 3244047.0999999996},
        {"input": "Beyond?", "code": "", "target": 1.5e16},
    ],
    "svamp": [
        {
            "ID": "chal-7",
            "Body": "Rob has 8 jars and gives 3 away",
            "Question": "How many are left?",
            "Equation": "( 8.0 - 3.0 )",
            "Answer": "5.0",
            "Type": "Subtraction",
        }
    ],
    "multiarith": [{"question": " Ada had  4 cups.\nShe broke 1. How many? ", "final_ans": "3"}],
}


@pytest.fixture
def hub(monkeypatch):
    """`datasets.load_dataset` that gives hand-written rows and remembers how it was asked."""
    asked = []

    def load_dataset(path, name=None, **how):
        asked.append({"path": path, "name": name} | how)
        (rows,) = [ROWS[key] for key, benchmark in BENCHMARKS.items() if benchmark.hub == path]
        return rows

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def test_rows_of_the_hub_become_problems(hub):
    assert load_benchmark(BenchmarkSettings("gsm8k", "test")) == [
        Problem(
            "Kim bakes 6 trays of 8 rolls and sells 1,000 more. How many?",
            ("6*8=48", "48+1,000=1048"),
            "1048",
            "gsm8k-test-0000",
            "gsm8k/test",
        ),
        Problem("Half of 3?", ("3*.5=1.5",), "1.5", "gsm8k-test-0001", "gsm8k/test"),
        Problem("None left?", (), "-4", "gsm8k-test-0002", "gsm8k/test"),
    ]
    assert load_benchmark(BenchmarkSettings("gsm8k_aug", "validation")) == [
        Problem("Six boxes of 8?", ("6*8=48", "48/2=24"), "24", "gsm8k-aug-validation-0000", "gsm8k-aug/validation")
    ]
    hard = load_benchmark(BenchmarkSettings("gsm_hard", "test"))
    assert [p.answer for p in hard] == ["-9867630", "3244047.0999999996", "15000000000000000"]
    assert hard[0] == Problem("Big eggs?", (), "-9867630", "gsm-hard-test-0000", "gsm-hard/test")
    assert load_benchmark(BenchmarkSettings("svamp", "test")) == [
        Problem("Rob has 8 jars and gives 3 away. How many are left?", (), "5", "svamp-chal-7", "svamp/test")
    ]
    assert load_benchmark(BenchmarkSettings("multiarith", "test")) == [
        Problem("Ada had 4 cups. She broke 1. How many?", (), "3", "multiarith-test-0000", "multiarith/test")
    ]


def test_the_hub_is_asked_for_the_right_thing(hub, tmp_path):
    load_benchmark(BenchmarkSettings("gsm8k", "test", cache=tmp_path, revision="abc", streaming=True))
    load_benchmark(BenchmarkSettings("gsm_hard", "test"))
    common = {"cache_dir": None, "revision": None, "streaming": False}
    assert hub == [
        {"path": "openai/gsm8k", "name": "main", "split": "test", "cache_dir": str(tmp_path), "revision": "abc"}
        | {"streaming": True},
        {"path": "reasoning-machines/gsm-hard", "name": None, "split": "train"} | common,
    ]
    assert [b.hub for b in BENCHMARKS.values()][3:] == ["ChilleD/SVAMP", "ChilleD/MultiArith"]


def test_only_as_many_rows_as_asked_for_are_read(hub, monkeypatch):
    def endless(*_, **__):
        while True:
            yield ROWS["gsm8k"][1]

    monkeypatch.setattr(datasets, "load_dataset", endless)
    assert len(load_benchmark(BenchmarkSettings("gsm8k", "train", streaming=True, limit=5))) == 5


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_itself_reads_such_rows_and_keeps_them(monkeypatch, tmp_path, streaming):
    """The real library, with a folder in the place of the hub: once for its cache, once row by row."""
    (tmp_path / "hub").mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in ROWS["gsm8k_aug"])
    (tmp_path / "hub" / "train.jsonl").write_text(lines, encoding="utf-8")
    benchmark = BENCHMARKS["gsm8k_aug"]
    folder = type(benchmark)(str(tmp_path / "hub"), None, benchmark.splits, benchmark.read)
    monkeypatch.setitem(BENCHMARKS, "gsm8k_aug", folder)
    cache = tmp_path / "cache"
    (problem,) = load_benchmark(BenchmarkSettings("gsm8k_aug", "train", cache=cache, streaming=streaming))
    assert (problem.steps, problem.answer) == (("6*8=48", "48/2=24"), "24")
    assert bool(list(cache.rglob("*.arrow"))) == (not streaming)


def test_annotations_are_taken_as_they_stand():
    assert annotated_steps("a <<16-3-4=9>>9 and << 8=8 >> <<>> <<3/4=3/4>> <open") == ("16-3-4=9", "8=8", "3/4=3/4")


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("gsm8k", {"question": "q"}, ["openai/gsm8k", "row 0", "'answer'", "found: question"]),
        ("gsm8k", {"question": "q", "answer": "so 5"}, ["row 0", "'so 5'", "####", "main"]),
        ("gsm8k", {"question": "q", "answer": "#### many"}, ["row 0", "'many'", "no number"]),
        ("svamp", {"Body": "b"}, ["ChilleD/SVAMP", "'Question'", "revision"]),
    ],
)
def test_a_row_that_cannot_be_read_is_named(monkeypatch, name, row, words):
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: [row])
    with pytest.raises(ValueError) as error:
        load_benchmark(BenchmarkSettings(name, "test"))
    for word in words:
        assert word in str(error.value)


# --- chains ---

CHAINS = {
    None: Problem("q", ("16-3-4=9", "9*2=18"), "18", "whole"),
    "without steps": Problem("q", (), "18", "bare"),
    "with an unreadable step": Problem("q", ("9 eggs=9",), "9", "words"),
    "with a wrong step": Problem("q", ("9*2=19",), "19", "wrong"),
    "ending before the answer": Problem("q", ("4*1=4",), "36", "short"),
}


def test_every_fault_of_a_chain_has_a_name():
    assert {fault: chain_fault(problem) for fault, problem in CHAINS.items()} == {fault: fault for fault in CHAINS}
    assert chain_faults(CHAINS.values()) == {fault: [problem.id] for fault, problem in CHAINS.items() if fault}


@pytest.mark.parametrize(
    ("steps", "answer"),
    [(("8=8",), "8"), ((".5*2=1",), "1.0"), (("3/4=3/4",), "0.75"), (("1/4=25%",), ".25"), (("3-5=-2",), "-2")],
)
def test_unusual_chains_are_whole(steps, answer):
    assert chain_fault(Problem("q", steps, answer)) is None


def test_broken_chains_are_dropped_when_asked_and_counted(tmp_path, caplog):
    write_jsonl(tmp_path / "gsm8k_train.jsonl", CHAINS.values())
    assert len(load_benchmark(BenchmarkSettings("gsm8k", "train", mirror=tmp_path))) == 5
    assert caplog.records == []
    with caplog.at_level(logging.WARNING):
        kept = load_benchmark(BenchmarkSettings("gsm8k", "train", mirror=tmp_path, chains="complete"))
    assert kept == [CHAINS[None]]
    assert "gsm8k, train: 4 of 5 problems dropped (1 without steps, 1 with an unreadable step" in caplog.text


# --- mirrors ---


@pytest.mark.parametrize("file", ["gsm8k_aug_valid.jsonl", "gsm8k_aug_validation.jsonl", "gsm8k_aug/validation.jsonl"])
def test_a_mirror_may_be_laid_out_in_either_way(tmp_path, file):
    write_jsonl(tmp_path / file, CHAINS.values())
    found = load_benchmark(BenchmarkSettings("gsm8k_aug", "validation", mirror=tmp_path))
    assert found == list(CHAINS.values())
    assert load_benchmark(BenchmarkSettings("svamp", "test", mirror=tmp_path / file, limit=2)) == found[:2]


def test_a_head_is_never_taken_for_the_whole(tmp_path):
    write_jsonl(tmp_path / "gsm8k_test_head50.jsonl", CHAINS.values())
    with pytest.raises(FileNotFoundError) as error:
        load_benchmark(BenchmarkSettings("gsm8k", "test", mirror=tmp_path))
    for word in ("gsm8k_test.jsonl", str(tmp_path), "holds gsm8k_test_head50.jsonl", "ask for a split that is there"):
        assert word in str(error.value)
    assert len(load_benchmark(BenchmarkSettings("gsm8k", "test_head50", mirror=tmp_path))) == 5


def test_what_is_missing_is_said_in_one_line(tmp_path, hub):
    for settings, words in (
        (BenchmarkSettings("svamp", "test", mirror=tmp_path), ["svamp_test.jsonl", "no .jsonl file"]),
        (BenchmarkSettings("svamp", "test", mirror=tmp_path / "nowhere"), ["nowhere", "svamp_test.jsonl"]),
        (BenchmarkSettings("gsm_hard", "train"), ["gsm_hard", "'train'", "choose from test"]),
    ):
        with pytest.raises((FileNotFoundError, ValueError)) as error:
            load_benchmark(settings)
        assert "\n" not in str(error.value)
        for word in words:
            assert word in str(error.value)
    for wrong in ({"name": "gsm9k"}, {"limit": 0}, {"chains": "some"}):
        with pytest.raises(ValueError, match=f"BenchmarkSettings.{next(iter(wrong))} = "):
            BenchmarkSettings(**wrong)


# --- the hub out of reach ---


def test_offline_without_a_cache_says_which_file_would_do(monkeypatch, tmp_path):
    for module in (datasets.config, huggingface_hub.constants):
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError) as error:
        next(iterate_benchmark(BenchmarkSettings("gsm8k", "test", cache=tmp_path)))
    assert str(error.value) == (
        "openai/gsm8k cannot be reached (offline) and is not in the cache: put gsm8k_test.jsonl into a folder and name "
        "it with --benchmark.mirror (in Python mirror=...), or go online once to fill the cache"
    )


NOT_FOUND = datasets.exceptions.DatasetNotFoundError


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (NOT_FOUND("Dataset 'x' is a gated dataset on the Hub. You must"), PermissionError, "HF_TOKEN"),
        (OSError("401 Client Error: Unauthorized\nfor url"), PermissionError, "hf auth login"),
        (NOT_FOUND("Dataset 'x' doesn't exist on the Hub or cannot be accessed."), FileNotFoundError, "not on the hub"),
        (TimeoutError("The read operation timed out"), ConnectionError, "go online"),
        (RuntimeError("a file is torn\nin two"), OSError, "RuntimeError: a file is torn"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_what_the_hub_refuses_is_one_line_with_a_way_out(monkeypatch, failure, kind, words, late):
    def load_dataset(*_, **__):
        if late:  # while rows are streamed
            return (row for row in [ROWS["gsm8k"][0], failure] if not _raise(row))
        raise failure

    def _raise(row):
        if isinstance(row, Exception):
            raise row

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(kind) as error:
        load_benchmark(BenchmarkSettings("gsm8k", "test", streaming=True))
    message = str(error.value)
    assert type(error.value) is kind and error.value.__cause__ is failure
    assert "\n" not in message and words in message and "openai/gsm8k" in message
    assert "gsm8k_test.jsonl" in message and "mirror=" in message


# --- overlap ---


def test_questions_are_compared_by_words_and_numbers():
    same = ["Tom’s 2 pies cost $1,000.50.  How much?", "tom's 2 PIES cost $1000.50; how much"]
    assert normalise_question(same[0]) == normalise_question(same[1]) == "toms 2 pies cost $ 1000.50 how much"
    assert normalise_question(" (3 + 4)*2") == "(3+4)*2"
    different = ["(3+4)*2", "3+4*2", "3+4-2", "1.5 l", "15 l", "1 5 l", "1,5 l", "costs 20%", "costs $20"]
    assert len({normalise_question(text) for text in different}) == 8  # "1 5" and "1,5" are one


def problem(question, name):
    return Problem(question, (), "1", name)


def test_overlap_by_hand():
    train = [problem("One egg?", "t0"), problem("Two eggs?", "t1"), problem("one  EGG", "t2")]
    valid = [problem("Two eggs!", "v0"), problem("Three eggs?", "v1")]
    test = [problem("Four eggs?", "e0")]
    splits = {"train": train, "valid": valid, "test": test}
    assert overlap(splits) == {("train", "train"): [("t0", "t2")], ("train", "valid"): [("t1", "v0")]}
    assert [p.id for p in without_overlap(train, valid, test)] == ["t0", "t2"]
    cleaned = {"train": without_overlap(train, valid, test), "valid": valid, "test": test}
    assert overlap(cleaned) == {("train", "train"): [("t0", "t2")]}


@needs_shared
def test_the_gsm8k_files_are_as_their_readme_says():
    def read(name, split):
        return load_benchmark(BenchmarkSettings(name, split, mirror=SHARED))

    train, valid = read("gsm8k", "train"), read("gsm8k_aug", "validation")
    assert (len(train), len(valid)) == (7473, 500)
    faults = {fault: len(ids) for fault, ids in chain_faults(train).items()}
    assert faults == {"without steps": 95, "ending before the answer": 377}
    assert {fault: len(ids) for fault, ids in chain_faults(valid).items()} == {
        "without steps": 6,
        "ending before the answer": 28,
    }
    shared = overlap({"train": train, "valid": valid, "test": read("gsm8k", "test_head50")})
    assert len(shared.pop(("train", "valid"))) == 500 and not shared
    rest = without_overlap(train, valid)
    assert len(rest) == 6973 and data_hash(rest) != data_hash(train)


@needs_shared
@pytest.mark.parametrize(
    ("name", "split", "rows", "chains"),
    [
        ("gsm8k", "test_head50", 50, True),
        ("gsm_hard", "test_head50", 50, False),
        ("svamp", "test", 300, False),
        ("multiarith", "test_head50", 50, False),
    ],
)
def test_every_answer_of_the_files_is_a_number(name, split, rows, chains):
    problems = load_benchmark(BenchmarkSettings(name, split, mirror=SHARED))
    assert len(problems) == rows and any(p.steps for p in problems) == chains
    for p in problems:
        parse_number(p.answer)
