"""The benchmark for a GPU keeps what it has, whatever happens to a part; all its code runs on the CPU in tiny sizes."""

import json
import os
import sys
import time

import pytest
import torch

from atp_lab.memory_plan import sft_step, sizes_of
from benchmarks.gpu import measure
from benchmarks.gpu.__main__ import Record, main, supervise, work
from benchmarks.speed.models import LLAMA, plain_step

WORKER = """
import os, sys, time
from pathlib import Path
from benchmarks.gpu.__main__ import Record, work

def good():
    yield "one", 1

def fails():
    yield "half", 0.5
    raise ValueError("no such number")

def dies():
    yield "half", 0.5
    os._exit(9)

def hangs():
    yield "half", 0.5
    time.sleep(600)

work(Record(Path(sys.argv[1])), {part: (9.0, globals()[part]) for part in sys.argv[2:]})
"""


@pytest.mark.slow
def test_a_part_that_crashes_or_hangs_is_recorded_and_the_rest_goes_on(tmp_path, repo_root, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(repo_root))
    (tmp_path / "worker.py").write_text(WORKER)
    worker = [sys.executable, str(tmp_path / "worker.py"), str(tmp_path)]
    seconds = {"fails": 600.0, "dies": 600.0, "hangs": 1.0, "good": 600.0}
    assert supervise(worker, Record(tmp_path), seconds, limit=600, grace=1.0) == 3
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert list(found) == list(seconds) and all(part["done"] for part in found.values())
    assert found["good"]["results"] == {"one": 1} and "error" not in found["good"]
    assert found["fails"]["error"] == "ValueError: no such number"
    assert found["dies"]["error"] == "its process ended with 9" and "killed" in found["hangs"]["error"]
    assert all(found[part]["results"] == {"half": 0.5} for part in ("fails", "dies", "hangs"))
    assert "hangs: half: 0.5" in (tmp_path / "log.txt").read_text()


def test_without_time_nothing_is_begun(tmp_path):
    assert supervise(["/nowhere"], Record(tmp_path), {"one": 1.0}, limit=-1) == 1
    assert Record(tmp_path).read() == {"one": {"error": "no time was left", "done": True}}


def test_a_part_is_left_when_its_time_is_over(tmp_path):
    def slow():
        for i in range(3):
            time.sleep(0.02)
            yield str(i), i

    work(Record(tmp_path), {"slow": (0.01, slow), "next": (9, lambda: iter([("a", 1)]))})
    found = Record(tmp_path).read()
    assert found["slow"]["results"] == {"0": 0} and "stopped after 0" in found["slow"]["error"]
    assert found["next"]["results"] == {"a": 1}


@pytest.mark.thorough
def test_every_kind_of_part_runs_in_tiny_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", {**os.environ, "PYTHONPATH": os.getcwd()})
    parts = ["machine", "parity", "1B", "training"]
    monkeypatch.setattr(sys, "argv", ["gpu", *parts, "--out", str(tmp_path), "--device", "cpu", "--small", "--worker"])
    assert main() == 0
    found = Record(tmp_path).read()
    assert [part for part in parts if found[part].get("error")] == []
    exact = found["parity"]["results"]["float32"]
    assert exact["same answers"] == 1 and max(value for name, value in exact.items() if name != "same answers") < 1e-6
    rounded = found["parity"]["results"]["bfloat16"]
    assert 1e-5 < rounded["latents"] < 0.2 and rounded["gradient of the loss"] < 0.5
    sizes = found["1B"]["results"]
    for method in measure.METHOD_NAMES:
        assert 0.2 < sizes[f"{method}: SFT"]["ours / plain"] < 20
        assert sizes[f"{method}: RL"]["operations"] > 0
    assert found["training"]["results"]["trained"]["steps"] == 4


@pytest.mark.slow
def test_operations_of_a_plain_step_by_hand():
    """Layers of 4 d^2 + 3 d f multiply-adds and logits of d V a position; backward costs twice forward, but needs no
    gradient of the embeddings that are looked up. Attention on a CPU may go uncounted."""
    found = measure.measured(plain_step(2, 20), 40, measure.Given(torch.device("cpu")), 1)
    d, f, v = LLAMA["hidden_size"], LLAMA["intermediate_size"], LLAMA["vocab_size"]
    matrices = 3 * 2 * 40 * (4 * (4 * d * d + 3 * d * f) + d * v)
    assert matrices <= found["operations"] + 2 * 40 * 4 * d * d < 1.1 * matrices
    assert found["tokens a second"] == pytest.approx(40 / found["seconds"])


@pytest.mark.slow
def test_the_planned_memory_is_that_of_the_method():
    given = measure.Given(torch.device("cpu"), small=True)
    size = measure.size_of("toy", given)
    for method, parallel in (("atp", False), ("atp-step", True)):
        planned = measure.beside_plain(size, method, given)["planned memory, float32"]
        m = sizes_of(measure.fresh(size, method, given).model)
        assert planned == sft_step(m, size.shape, parallel=parallel).total
        assert planned != sft_step(m, size.shape, parallel=not parallel).total


def test_sizes_are_those_of_the_models_they_are_named_after():
    on_cpu = measure.Given(torch.device("cpu"))
    for name, layers, width in (("135M", 30, 576), ("1B", 16, 2048)):
        size = measure.size_of(name, on_cpu)
        assert (size.llama["num_hidden_layers"], size.llama["hidden_size"]) == (layers, width)
        assert size.shape.latents == 8 and size.shape.rows == 32
