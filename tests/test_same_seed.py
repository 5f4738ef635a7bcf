"""The same seed gives the same bits in another process, whatever the order of its sets; two threads give nearly them.

Run as a program it makes data, trains and evaluates: `python tests/test_same_seed.py FOLDER THREADS`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from atp_lite.domains import DOMAINS, generate
from atp_lite.domains.problem import data_hash
from atp_lite.evaluation import EvalSettings, evaluate
from atp_lite.planner import ModelSettings, Planner
from atp_lite.rl import RLSettings, train_rl
from atp_lite.sft import SFTSettings, train_sft

BOUND = 1e-4
"""The largest difference of a weight after a few steps, one thread against two."""


def work(folder: Path, threads: int) -> None:
    """Data of every domain, four steps of SFT, two iterations of RL and an evaluation with samples, in `folder`."""
    torch.set_num_threads(threads)
    made = {
        f"{name}-{split}": data_hash(generate(DOMAINS[name].default_settings(), split, {2: 20, 3: 20}))
        for name in ("arithmetic", "stories", "routes")
        for split in ("train", "rl", "validation", "test")
    }
    problems = generate(DOMAINS["arithmetic"].default_settings(), "train", {2: 60, 3: 60})
    planner = Planner.fresh("arithmetic", ModelSettings(hidden_size=64, layers=2, heads=2, intermediate_size=256))
    sft = SFTSettings(first_stage=2, stage_steps=(2, 2), batch_size=48, warmup_steps=1, eval_every=9, trackers=())
    train_sft(planner, problems[:100], problems[100:], sft, folder / "sft")
    save_file(planner.model.state_dict(), folder / "sft.safetensors")
    rl = RLSettings(iterations=2, questions=12, group_size=4, warmup_steps=1, eval_every=9, trackers=(), sigma=0.5)
    train_rl(planner, problems[:100], problems[100:], rl, folder / "rl")
    save_file(planner.model.state_dict(), folder / "rl.safetensors")
    summary = evaluate(planner, problems[:50], EvalSettings(samples=3, sigma=0.5)).summary()
    (folder / "said.json").write_text(json.dumps([made, {name: repr(found) for name, found in summary.items()}]))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """name -> (weights after SFT, weights after RL, what was made and what came of the evaluation)."""
    found = {}
    for name, hash_seed, threads in (("one", "1", 1), ("again", "2", 1), ("two threads", "1", 2)):
        folder = tmp_path_factory.mktemp("run")
        env = os.environ | {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": str(threads)}
        subprocess.run([sys.executable, __file__, str(folder), str(threads)], env=env, check=True, capture_output=True)
        weights = [load_file(folder / f"{stage}.safetensors") for stage in ("sft", "rl")]
        found[name] = (*weights, json.loads((folder / "said.json").read_text()))
    return found


@pytest.mark.thorough
def test_the_same_seed_gives_the_same_bits_in_another_process(ran):
    one, again = ran["one"], ran["again"]
    for before, after in zip(one[:2], again[:2], strict=True):
        assert all(torch.equal(before[name], after[name]) for name in before)
    assert one[2] == again[2] and len(set(one[2][0].values())) == 12
    assert any(not torch.equal(one[0][name], one[1][name]) for name in one[0]), "RL changes weights"


@pytest.mark.thorough
def test_two_threads_stay_within_the_bound_of_one(ran):
    one, two = ran["one"], ran["two threads"]
    assert one[2][0] == two[2][0], "data"
    for before, after in zip(one[:2], two[:2], strict=True):
        assert max((before[name] - after[name]).abs().max().item() for name in before) <= BOUND


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
