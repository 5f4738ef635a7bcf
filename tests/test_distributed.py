"""Two processes take the step of one: launched with accelerate, on the CPU, and compared with this process.

They are launched twice: each with the whole model, and each with a slice of every weight (FSDP).
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import distributed_worker as worker
import pytest
import torch
from families_worker import NAMES, family_runs
from once import LIMIT, made_once
from safetensors.torch import load_file, save_file
from small import PROBLEMS, lively_planner

from atp_lite.engine import distributed
from atp_lite.engine.log import read_metrics
from atp_lite.evaluation import EvalSettings, evaluate
from atp_lite.methods import METHODS, codi

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-5
PYTHON_ERROR = re.compile(r"^(?:\[rank\d+\]: )?(\w+(?:Error|Exception|Interrupt)\b.*)$", re.MULTILINE)
EXACT = (*worker.SFT_METHODS, "grpo", "answer-ce", "rejection")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


SHARDED = ("--config_file", str(HERE.parent / "configs/accelerate/fsdp-4.yaml"))


def launch(*command: str, how: tuple[str, ...] = ("--multi_gpu",)) -> subprocess.CompletedProcess:
    """Run a Python command in two processes that meet on the CPU."""
    arguments = [*how, "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"]
    arguments += ["--dynamo_backend", "no", "--main_process_port", str(free_port())]
    places = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {
        "ACCELERATE_USE_CPU": "true",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": places,
        "TOKENIZERS_PARALLELISM": "false",
    }
    return subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", *arguments, *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )


def aborted_by_gloo(done: subprocess.CompletedProcess) -> bool:
    """Whether the backend ended a launch, as it does now and then on a loaded machine, and no error of ours."""
    ours = [line for line in PYTHON_ERROR.findall(done.stderr) if "gloo" not in line.lower()]
    return done.returncode != 0 and "gloo" in done.stderr.lower() and not ours


def run_two(folder: Path, *what: str, **how) -> str:
    for attempt in (1, 2):
        try:
            done = launch(str(HERE / "distributed_worker.py"), str(folder), *what, **how)
        except subprocess.TimeoutExpired as error:
            return str(error)
        if attempt == 2 or not aborted_by_gloo(done):
            break
        warnings.warn(f"gloo aborted a launch, which is tried once more:\n{done.stderr[-2000:]}", stacklevel=2)
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    return done.stderr[-4000:] or "no word on why" if done.returncode else ""


def run_one(folder: Path) -> str:
    made = worker.runs(folder)
    made |= {f"family-{name}": values for name, values in family_runs(folder, 0, worker.same_rollout).items()}
    for name, values in made.items():
        save_file({key: value.contiguous().clone() for key, value in values.items()}, folder / f"{name}.safetensors")
    return ""


SLICES = pytest.param("sharded", marks=pytest.mark.thorough)
"""Every process holds slices of the weights (FSDP)."""


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """The folder in which two processes have left what they ended with."""
    return made_once(tmp_path_factory, "two", run_two)


@pytest.fixture(scope="module")
def sharded(tmp_path_factory) -> Path:
    """The same of two processes that hold a slice of every weight each."""
    return made_once(tmp_path_factory, "sharded", lambda folder: run_two(folder, "sharded", how=SHARDED))


@pytest.fixture(scope="module")
def one_folder(tmp_path_factory) -> Path:
    return made_once(tmp_path_factory, "one", run_one)


@pytest.fixture(scope="module")
def one(one_folder) -> dict[str, dict[str, torch.Tensor]]:
    """The same runs in this process alone."""
    return {name: load_file(one_folder / f"{name}.safetensors") for name in EXACT}


def distance(first: dict, second: dict) -> float:
    assert first.keys() == second.keys()
    return max((first[key] - second[key]).abs().max().item() for key in first)


# --- a launch that the backend gave up ---


@pytest.mark.parametrize(
    ("says", "launches"),
    [
        ("terminate called after throwing an instance of 'gloo::EnforceNotMet'\nSignal 6 (SIGABRT)", 2),
        ("[rank1]: RuntimeError: [gloo/transport/tcp/pair.cc:547] Connection closed by peer", 2),
        ("[rank0]: ValueError: no\n[rank1]: RuntimeError: [gloo/transport/tcp/pair.cc:547] Connection closed", 1),
        ("Segmentation fault", 1),
    ],
)
def test_a_launch_is_tried_once_more_only_where_gloo_itself_aborted(tmp_path, monkeypatch, says, launches):
    calls = []

    def failing(*command, **how):
        assert not list(tmp_path.iterdir()), "the second try starts from an empty folder"
        calls.append(command)
        (tmp_path / "half").mkdir()
        (tmp_path / "half/written.txt").write_text("")
        return subprocess.CompletedProcess(command, 1, "", says)

    monkeypatch.setitem(globals(), "launch", failing)
    with warnings.catch_warnings(record=True) as told:
        assert run_two(tmp_path) == says
    assert len(calls) == launches and len(told) == launches - 1
    assert all("gloo aborted a launch" in str(warning.message) for warning in told)


# --- in one process: the parts of a loss ---


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.slow
def test_parts_of_a_ragged_batch_add_up_to_its_loss_and_gradient(method, monkeypatch):
    """Each half's terms, at its share of the counts: the arithmetic of several processes, without any."""
    last = 0 if method.stages == "words" else 3
    stage = last if method.stages != "curriculum" else 2
    planner = method.start(lively_planner(), last, 8, seed=0)
    rows = sorted(planner.collate.encode(PROBLEMS[:6]), key=lambda row: len(row.steps))
    kept = []  # CODI's one statistic of the whole batch, which processes gather
    monkeypatch.setattr(codi, "all_gather_rows", lambda values, dim: kept.append(values) or kept[0])

    def gradients(parts):
        planner.model.zero_grad()
        whole, loss = method.loss_denominators(planner.collate, rows, stage), 0.0
        for part in parts:
            own = method.loss_denominators(planner.collate, part, stage)
            terms = method.losses(planner, part, stage, False, torch.Generator())
            assert set(terms) <= set(own)
            terms = {name: term * own[name] / whole[name] if own[name] else 0 * term for name, term in terms.items()}
            loss = loss + method.total(terms, 0.1)
        loss.backward()
        found = {name: p.grad.clone() for name, p in planner.model.named_parameters() if p.grad is not None}
        return loss.item(), found

    together, expected = gradients([rows])
    apart, found = gradients([rows[:2], rows[2:]])
    assert apart == pytest.approx(together, rel=1e-5)
    assert found.keys() == expected.keys()
    for name, grad in expected.items():
        torch.testing.assert_close(found[name], grad, atol=2e-6, rtol=1e-4)


def test_processes_that_cannot_see_each_other_are_refused(monkeypatch):
    for name, value in {"WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(distributed, "Accelerator", lambda: SimpleNamespace(num_processes=1))
    with pytest.raises(ValueError, match="2 processes were launched.*set ACCELERATE_USE_CPU=true"):
        distributed.prepare_model(torch.nn.Linear(1, 1))


def test_one_process_in_the_place_of_several_is_told(monkeypatch):
    """What `accelerate launch --cpu --num_processes 2` leaves in the environment of the one process it starts."""
    for name, value in {"ACCELERATE_USE_CPU": "True", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    with pytest.warns(UserWarning, match="starts one process.*--multi_gpu"):
        distributed.prepare_model(torch.nn.Linear(1, 1))


def test_weights_that_learn_in_bfloat16_are_told_of():
    model = lively_planner().model.to(torch.bfloat16)
    with pytest.warns(UserWarning, match="trained weights are bfloat16.*--mixed_precision bf16"):
        distributed.prepare_model(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        distributed.prepare_model(model, learns=False)
        distributed.prepare_model(model.requires_grad_(False))
        distributed.prepare_model(lively_planner().model)


def test_gradients_are_added_and_none_stays_none():
    """Beside a process that holds 10, 20, 30 for the first parameter, a gradient for the third, and none otherwise."""
    first, second, third, frozen = (torch.nn.Parameter(torch.zeros(n)) for n in (3, 2, 1, 1))
    frozen.requires_grad_(False)
    first.grad = torch.tensor([1.0, 2.0, 3.0])
    other = torch.tensor([1.0, 0.0, 1.0, 10.0, 20.0, 30.0, 0.0, 0.0, 4.0])  # who holds one, then the gradients
    fake = SimpleNamespace(num_processes=2, reduce=lambda flat, how: flat + other)
    distributed.all_reduce_gradients(fake, [first, second, third, frozen])
    assert first.grad.tolist() == [11.0, 22.0, 33.0] and third.grad.tolist() == [4.0]
    assert second.grad is None and frozen.grad is None


# --- in two processes ---


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_two_processes_end_with_the_parameters_of_one(one, two, name):
    assert distance(one[name], load_file(two / f"{name}-0.safetensors")) < TOLERANCE


@pytest.mark.thorough
@pytest.mark.parametrize("name", [*worker.SFT_METHODS, "grpo"])
def test_two_processes_with_slices_end_with_the_parameters_of_one(one, sharded, name):
    """On ragged batches, so that one process has more latents to think than the other."""
    first, second = (load_file(sharded / f"{name}-{rank}.safetensors") for rank in (0, 1))
    assert distance(first, second) == 0.0
    assert distance(one[name], first) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["two", SLICES])
@pytest.mark.parametrize("name", NAMES)
def test_two_processes_have_the_gradients_of_one_in_every_family(one_folder, name, kind, request):
    """Of a supervised step in parts of a padded batch, and of an update of RL."""
    folder = request.getfixturevalue(kind)
    alone = load_file(one_folder / f"family-{name}.safetensors")
    first, second = (load_file(folder / f"family-{name}-{rank}.safetensors") for rank in (0, 1))
    assert distance(first, second) == 0.0
    for part in ("sft.", "rl."):
        own = {key: value for key, value in alone.items() if key.startswith(part)}
        found = {key: value for key, value in first.items() if key.startswith(part)}
        largest = max(value.abs().max().item() for value in own.values())
        assert largest > 0.1 and distance(own, found) < TOLERANCE * max(1.0, largest), part


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EXACT, "noisy", "resumed", "begin-apart"])
def test_both_processes_end_with_the_same_parameters(two, name):
    first, second = (load_file(two / f"{name}-{rank}.safetensors") for rank in (0, 1))
    assert distance(first, second) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["atp", "grpo"])
def test_without_the_sum_of_gradients_they_would_differ(one, two, name):
    """So the tests above can fail: each process alone goes somewhere else."""
    first, second = (load_file(two / f"{name}-apart-{rank}.safetensors") for rank in (0, 1))
    assert distance(first, second) > 100 * TOLERANCE
    assert distance(one[name], first) > 100 * TOLERANCE


@pytest.mark.slow
def test_the_runs_went_somewhere(one):
    start = dict(lively_planner().model.state_dict())
    for name in ("atp", "grpo", "answer-ce", "rejection"):
        ended = {key: value for key, value in one[name].items() if key in start}
        assert distance(start, ended) > 50 * TOLERANCE, name


@pytest.mark.slow
def test_processes_draw_noise_of_their_own(two):
    """With sampled latents nothing says that two processes equal one, only that they are in step."""
    quiet, noisy = (load_file(two / f"{name}-0.safetensors") for name in ("atp", "noisy"))
    assert distance(quiet, noisy) > 100 * TOLERANCE
    noise = json.loads((two / "noise-0.json").read_text()), json.loads((two / "noise-1.json").read_text())
    main, other = noise
    assert main["steps"][0] == torch.rand(3, generator=torch.Generator().manual_seed(0)).tolist()
    assert len({tuple(draw) for draw in main["steps"] + other["steps"]}) == 4
    assert main["again"] != main["steps"][1] and other["again"] == other["steps"][1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["two", SLICES])
def test_a_resumed_run_of_two_processes_equals_an_uninterrupted_one(kind, request):
    """To the last bit, noise of both processes included, though Ctrl-C reached only one of them."""
    two = request.getfixturevalue(kind)
    for rank in (0, 1):
        whole, resumed = (load_file(two / f"{name}-{rank}.safetensors") for name in ("noisy", "resumed"))
        assert distance(whole, resumed) == 0.0
    whole, resumed = (load_file(two / name / "state/state.safetensors") for name in ("noisy", "resumed"))
    assert distance(whole, resumed) == 0.0


@pytest.mark.thorough
def test_checkpoints_of_slices_are_whole(one_folder, sharded):
    """The files of sharded runs hold what those of one process do, tied and LoRA weights included."""
    runs = ["atp/best", "grpo/last", "grpo/state", "family-sft-gemma2/last", "family-sft-llama-lora/last"]
    for run in [*runs, "family-rl-llama-lora/state"]:
        name = "state.safetensors" if run.endswith("state") else "model.safetensors"
        ours, theirs = (load_file(folder / run / name) for folder in (one_folder, sharded))
        assert ours.keys() == theirs.keys(), run
        assert all(ours[key].shape == theirs[key].shape for key in ours), run
    ours, theirs = (load_file(folder / "grpo/state/state.safetensors") for folder in (one_folder, sharded))
    assert max((ours[key].float() - theirs[key].float()).abs().max() for key in ours) < TOLERANCE, "moments, noise"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["two", SLICES])
def test_in_bfloat16_they_learn_about_the_same(one_folder, kind, request):
    """The losses of three steps, to the two digits that bfloat16 has; weights and what is saved stay float32."""
    folder = request.getfixturevalue(kind)
    (exact,) = [line["loss"] for line in read_metrics(one_folder / "atp/metrics.jsonl") if "loss" in line]
    (rough,) = [line["loss"] for line in read_metrics(folder / "bf16/metrics.jsonl") if "loss" in line]
    assert rough != exact and rough == pytest.approx(exact, rel=0.02)
    rewards = [line["reward"] for line in read_metrics(folder / "bf16-rl/metrics.jsonl") if "reward" in line]
    assert len(rewards) == 1
    for run in ("bf16", "bf16-rl"):
        saved = load_file(folder / run / "last/model.safetensors")
        assert {value.dtype for value in saved.values()} == {torch.float32}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["two", SLICES])
def test_the_commands_can_be_launched(kind, request):
    """`accelerate launch -m atp_lite.cli sft`, then `rl` from its checkpoint, then `eval`: all speak once."""
    two = request.getfixturevalue(kind)
    said = [(two / f"said-{rank}.txt").read_text() for rank in (0, 1)]
    assert said[0].count("best on validation") == 2 and said[0].count("| accuracy, %") == 1
    assert said[1] == ""
    assert [line["step"] for line in read_metrics(two / "command-sft/metrics.jsonl")] == [2, 2]
    assert [line["step"] for line in read_metrics(two / "command-rl/metrics.jsonl")] == [0, 1, 1]
    assert len((two / "command-eval/validation.outcomes.jsonl").read_text().splitlines()) == len(worker.VALIDATION)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["two", SLICES])
def test_every_problem_is_evaluated_once(kind, request):
    two = request.getfixturevalue(kind)
    alone = evaluate(lively_planner(), worker.QUESTIONS, EvalSettings(samples=2))
    for rank in (0, 1):
        found = json.loads((two / f"eval-{rank}.json").read_text())
        expected = json.loads(json.dumps([record.to_json() for record in alone.records]))
        assert [line["position"] for line in found["records"]] == list(range(len(worker.QUESTIONS)))
        for line, other in zip(found["records"], expected, strict=True):
            assert line.pop("sigma") == pytest.approx(other.pop("sigma"), rel=1e-5)
        assert found["records"] == expected, "samples too: they do not depend on who draws them"
        assert found["sigma"] == pytest.approx(alone.sigma, rel=1e-5)


@pytest.mark.slow
def test_two_processes_fill_one_journal_with_what_one_process_finds(two, tmp_path):
    """Each problem once, samples included, though the run was cut off on the way."""
    worker.suite(tmp_path)
    for name, problems in {"many": worker.QUESTIONS, "few": worker.VALIDATION}.items():
        found, alone = (
            [json.loads(line) for line in (folder / f"{name}.outcomes.jsonl").read_text().splitlines()]
            for folder in (two / "suite", tmp_path)
        )
        assert [line["question"] for line in found] == [problem.question for problem in problems]
        for line, other in zip(found, alone, strict=True):
            assert line.pop("sigma") == pytest.approx(other.pop("sigma"), rel=1e-5)
        assert found == alone
    assert (two / "suite/report.md").read_text() == (tmp_path / "report.md").read_text()
    for rank in (0, 1):
        refused = (two / f"suite/refused-{rank}.txt").read_text()
        assert "settings.seed = 0, not 1" in refused, "every process hears of it"
    batches = [json.loads(line) for line in (two / "suite/timing.jsonl").read_text().splitlines()]
    assert sum(batch["trajectories"] for batch in batches) == 3 * (len(worker.QUESTIONS) + len(worker.VALIDATION))


@pytest.mark.slow
def test_what_cannot_be_shared_evenly_is_refused(two):
    for rank in (0, 1):
        refused = json.loads((two / f"refused-{rank}.json").read_text())
        assert "batch_size is 5, which 2 processes cannot share evenly" in refused["batch"]
        assert "questions is 5, which 2 processes cannot share evenly" in refused["questions"]
        assert "4 questions over 2 processes do not split into 4 equal mini-batches" in refused["mini-batches"]
        assert "terms ['new'] of the loss have no count" in refused["term"]
    assert not (two / "refused").exists(), "nothing is written before"


@pytest.mark.thorough
def test_what_cannot_be_sharded_is_refused(sharded):
    for rank in (0, 1):
        refused = json.loads((sharded / f"refused-{rank}.json").read_text())
        assert "answer-ce cannot be sharded" in refused["answer-ce"]
        assert "every problem needs a step" in refused["no steps"]


@pytest.mark.slow
def test_only_the_main_process_writes(two):
    """Logs have each step once, with the loss of the whole batch, and the runs left whole checkpoints."""
    lines = read_metrics(two / "grpo/metrics.jsonl")
    assert [line["step"] for line in lines] == [0, 1, 2, 3, 3]
    assert len(list((two / "grpo/tensorboard").iterdir())) == 1
    for name in ("state/state.safetensors", "best/model.safetensors", "last/model.safetensors", "settings.json"):
        assert (two / "grpo" / name).is_file(), name


@pytest.mark.slow
def test_losses_logged_are_those_of_the_whole_batch(one_folder, one, two):
    for name in ("atp", "codi", "grpo", "rejection"):
        alone, together = (read_metrics(folder / name / "metrics.jsonl") for folder in (one_folder, two))
        for key in {key for line in alone for key in line if key.startswith("loss")}:
            ours = [line[key] for line in alone if key in line]
            assert [line[key] for line in together if key in line] == pytest.approx(ours, rel=1e-4, abs=1e-6), key
        assert (
            json.loads((two / name / "state/progress.json").read_text())["tokens"]
            == (json.loads((one_folder / name / "state/progress.json").read_text())["tokens"])
        )
