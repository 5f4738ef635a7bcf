"""What test_distributed.py runs twice: in its own process, and in two that `accelerate launch` starts.

    python -m accelerate.commands.launch ... tests/distributed_worker.py FOLDER [sharded]

Every run is three steps. FOLDER/RUN-RANK.safetensors are the parameters (and averaged weights) that process RANK ends
with; a run named `...-apart` leaves out the sum of the gradients.
"""

import json
import random
import signal
import sys
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import gather_object
from families_worker import family_runs
from safetensors.torch import save_file
from small import PROBLEMS, lively_planner, tiny_planner

import atp_lite.engine.run as engine_run
import atp_lite.rl.loop as rl_loop
import atp_lite.sft.loop as sft_loop
from atp_lite.cli.main import main as cli
from atp_lite.domains import Problem, read_expression, write_jsonl
from atp_lite.engine.distributed import scale_to_global_mean, seed_rank_noise
from atp_lite.engine.state import full_tensor
from atp_lite.evaluation import EvalSettings, evaluate, evaluate_benchmarks
from atp_lite.methods import METHODS
from atp_lite.model import LatentReasoner
from atp_lite.rl import RLSettings, train_rl
from atp_lite.rl.learner import Learner
from atp_lite.sft import SFTSettings, train_sft

VALIDATION = [read_expression(text) for text in ("9-3", "8-3", "(8-3)*2", "7+2", "7*3-1")]
QUESTIONS = [read_expression(f"{a}+{b}") for a in range(1, 4) for b in range(5, 8)] + PROBLEMS[1:5]
SFT = SFTSettings(
    stage_steps=(1, 2), batch_size=6, lr=1e-3, warmup_steps=1, weight_decay=1.0, sample=False, eval_every=3
)
RL = RLSettings(
    iterations=3,
    questions=4,
    group_size=4,
    epochs=2,
    lr=1e-3,
    warmup_steps=1,
    eval_every=3,
    learn_stop=True,
    kl_weight=0.1,
    ema=0.5,
    rewards={"length": 1.0, "format": 0.5},
)
SFT_METHODS = ("atp", "sim-cot", "codi", "colar", "atp-step")


class RaggedPlan(sft_loop.BatchPlan):
    """Every batch holds problems of every length, short ones first: the first process gets less to learn than the last.

    Toy batches are of one shape, which would hide a mean of means.
    """

    def batch(self, step: int):
        order = random.Random(step).sample(self.problems, self.batch_size)
        return sorted(order, key=lambda row: (len(row.steps), len(row.question)))


def same_rollout(learner, problems):
    """The trajectories of this process's questions out of those that one process draws for the questions of all."""
    everybody = gather_object(list(problems))
    first = Accelerator().process_index * len(problems)
    learner.draws, tokens = getattr(learner, "draws", 0) + 1, learner.tokens
    with patch.object(learner.run, "generator", torch.Generator().manual_seed(learner.draws)):
        trace = ROLLOUT(learner, everybody)
    own = trace.questions(torch.arange(first, first + len(problems)))
    learner.tokens = tokens + int(own.question_mask.sum() + own.latent_mask.sum() + own.answer_mask.sum())
    return own


ROLLOUT = Learner.rollout


@contextmanager
def apart():
    """Leave out the sum of the gradients, as a loop without synchronisation does."""
    with patch.object(engine_run, "all_reduce_gradients", lambda *_: None):
        yield


def weights(model) -> dict[str, torch.Tensor]:
    """All parameters, put together where they are sharded."""
    return {name: full_tensor(value) for name, value in model.state_dict().items()}


def sft_run(folder: Path, method: str, settings: SFTSettings = SFT) -> dict[str, torch.Tensor]:
    """Parameters after three steps of SFT on ragged batches."""
    if METHODS[method].stages == "single":
        settings = replace(settings, first_stage=3, stage_steps=(3,))
    if method == "atp-step":  # Adam makes much of the gradients in its encoder that are rounding alone
        settings = replace(settings, lr=1e-4)
    planner = METHODS[method].start(lively_planner(), settings.curriculum.last_stage, 8, seed=0)
    with patch.object(sft_loop, "BatchPlan", RaggedPlan):
        train_sft(planner, PROBLEMS, VALIDATION, replace(settings, method=method), folder)
    return weights(planner.model)


def rl_run(folder: Path, settings: RLSettings = RL) -> dict[str, torch.Tensor]:
    """Parameters and averaged weights after three iterations of RL, six updates, on trajectories given to all alike."""
    kept = {}

    class SameRollout(Learner):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            kept["run"] = self.run

        rollout = same_rollout

    planner = lively_planner()
    with patch.object(rl_loop, "Learner", SameRollout):
        train_rl(planner, QUESTIONS, VALIDATION, settings, folder)
    average = weights(kept["run"].average.module)
    return weights(planner.model) | {f"average.{name}": value for name, value in average.items()}


def runs(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Everything that must come out the same, by name."""
    made = {method: sft_run(folder / method, method) for method in SFT_METHODS}
    made["grpo"] = rl_run(folder / "grpo")
    with (
        patch("atp_lite.model.distributions.reparameterise", lambda mu, *_: mu),
        patch("atp_lite.rl.objectives.verified_chains", lambda trace, rng: trace.problems[:: trace.group_size]),
    ):  # without noise, and with the labels as verified chains
        for control in ("answer-ce", "rejection"):
            made[control] = rl_run(folder / control, replace(RL, objective=control, lr=3e-4))
    return made


def keep(folder: Path, rank: int, made: dict[str, dict[str, torch.Tensor]]) -> None:
    for name, values in made.items():
        copies = {key: value.contiguous().clone() for key, value in values.items()}
        save_file(copies, folder / f"{name}-{rank}.safetensors")


def families(folder: Path, rank: int) -> None:
    made = family_runs(folder, rank, same_rollout)
    keep(folder, rank, {f"family-{name}": values for name, values in made.items()})


def evaluated(folder: Path, rank: int) -> None:
    result = evaluate(lively_planner(), QUESTIONS, EvalSettings(samples=2))
    (folder / f"eval-{rank}.json").write_text(
        json.dumps({"records": [record.to_json() for record in result.records], "sigma": result.sigma})
    )


def refused(folder: Path, rank: int, calls: dict) -> None:
    said = {}
    for name, call in calls.items():
        try:
            call()
        except ValueError as error:
            said[name] = str(error)
    (folder / f"refused-{rank}.json").write_text(json.dumps(said))


def in_bfloat16(folder: Path) -> None:
    """Comes last: what `--mixed_precision bf16` does to every `Accelerator` from here on."""
    AcceleratorState._reset_state()
    assert Accelerator(mixed_precision="bf16").mixed_precision == "bf16"
    sft_run(folder / "bf16", "atp")
    rl_run(folder / "bf16-rl", replace(RL, iterations=1))


def main(folder: Path) -> None:
    rank = Accelerator().process_index
    made = runs(folder)
    with apart():
        made["atp-apart"] = sft_run(folder / "atp-apart", "atp")
        made["grpo-apart"] = rl_run(folder / "grpo-apart")
    made["noisy"] = sft_run(folder / "noisy", "atp", replace(SFT, sample=True))
    made["resumed"] = interrupted_run(folder / "resumed", replace(SFT, sample=True), rank)
    made["begin-apart"] = begin_apart(folder / "begin-apart", rank)
    keep(folder, rank, made)
    evaluated(folder, rank)
    suite(folder / "suite")
    (folder / f"noise-{rank}.json").write_text(json.dumps(noise()))
    commands(folder, rank)
    families(folder, rank)
    calls = {
        "batch": lambda: sft_run(folder / "refused", "atp", replace(SFT, batch_size=5)),
        "questions": lambda: rl_run(folder / "refused", replace(RL, questions=5)),
        "mini-batches": lambda: rl_run(folder / "refused", replace(RL, mini_batches=4)),
        "term": lambda: scale_to_global_mean(Accelerator(), {"enc": 1, "new": 1}, lambda: {"enc": 3}),
    }
    refused(folder, rank, calls)
    in_bfloat16(folder)


def sharded(folder: Path) -> None:
    """The same where every process holds a slice of each weight."""
    rank = Accelerator().process_index
    made = {method: sft_run(folder / method, method) for method in SFT_METHODS}
    made["grpo"] = rl_run(folder / "grpo")
    made["noisy"] = sft_run(folder / "noisy", "atp", replace(SFT, sample=True))
    made["resumed"] = interrupted_run(folder / "resumed", replace(SFT, sample=True), rank)
    keep(folder, rank, made)
    evaluated(folder, rank)
    commands(folder, rank)
    families(folder, rank)
    calls = {
        "answer-ce": lambda: rl_run(folder / "refused", replace(RL, objective="answer-ce")),
        "no steps": lambda: train_sft(lively_planner(), [*PROBLEMS, Problem("1+1", (), "2")], VALIDATION, SFT, folder),
    }
    refused(folder, rank, calls)
    in_bfloat16(folder)


def suite(folder: Path) -> None:
    """Two test sets, cut off in the second batch of the first one, and gone on with."""
    sets, settings = {"many": QUESTIONS, "few": VALIDATION}, EvalSettings(batch_size=2, samples=2, temperature=1.0)
    planner, calls = lively_planner(), []
    reason = planner.reason

    def pressed(*arguments, **named):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return reason(*arguments, **named)

    with patch.object(planner, "reason", pressed), suppress(KeyboardInterrupt):
        evaluate_benchmarks(planner, sets, settings, folder)
    Accelerator().wait_for_everyone()
    refused = ""
    try:
        evaluate_benchmarks(planner, sets, replace(settings, seed=1), folder)
    except ValueError as error:
        refused = str(error)
    evaluate_benchmarks(planner, sets, settings, folder)
    (folder / f"refused-{Accelerator().process_index}.txt").write_text(refused)


def interrupted_run(folder: Path, settings: SFTSettings, rank: int) -> dict[str, torch.Tensor]:
    """Ctrl-C in the second step reaches only the second process; then the run goes on from what was saved."""
    losses, calls = LatentReasoner.sft_losses, []

    def pressed(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2 and rank == 1:
            signal.raise_signal(signal.SIGINT)
        return losses(*args, **kwargs)

    planner = lively_planner()
    with patch.object(sft_loop, "BatchPlan", RaggedPlan):
        with patch.object(LatentReasoner, "sft_losses", pressed):
            try:
                train_sft(planner, PROBLEMS, VALIDATION, settings, folder)
            except KeyboardInterrupt:
                Accelerator().wait_for_everyone()  # as a new start would: the main process has written the state
                assert len(calls) == 2, "every process stops after the same step"
        assert json.loads((folder / "state/progress.json").read_text())["step"] == 2
        planner = lively_planner()
        train_sft(planner, PROBLEMS, VALIDATION, settings, folder, resume=True)
    return weights(planner.model)


def noise() -> dict[str, list]:
    """What a process draws in two steps, and in the second one again, as if resumed there without its generator."""
    accelerator, generator, steps = Accelerator(), torch.Generator().manual_seed(0), []
    for step in (0, 1):
        seed_rank_noise(accelerator, generator, 0, step)
        steps.append(torch.rand(3, generator=generator).tolist())
    seed_rank_noise(accelerator, generator, 0, 1)
    return {"steps": steps, "again": torch.rand(3, generator=generator).tolist()}


def commands(folder: Path, rank: int) -> None:
    """Two steps of `atp-lite sft`, one of `atp-lite rl`, and `atp-lite eval`; what they print goes to said-RANK.txt."""
    sets = {"train": PROBLEMS, "questions": QUESTIONS, "validation": VALIDATION}
    if rank == 0:
        for name, problems in sets.items():
            write_jsonl(folder / f"{name}.jsonl", problems)
    Accelerator().wait_for_everyone()
    train, questions, validation = ([f"--{name}", str(folder / f"{name}.jsonl")] for name in sets)
    sft, rl = folder / "command-sft", folder / "command-rl"
    lines = [
        ["sft", "--out", str(sft), *train, *validation, "--model.hidden-size", "16"],
        ["rl", "--out", str(rl), "--init", str(sft / "best"), *questions, *validation, "--settings.sigma", "0.3"],
        ["eval", str(rl / "best"), "--test", validation[1], "--out", str(folder / "command-eval")],
    ]
    lines[0] += ["--settings.batch-size", "2", "--settings.stage-steps", "2"]
    lines[1] += ["--settings.questions", "4", "--settings.group-size", "2", "--settings.iterations", "1"]
    with (folder / f"said-{rank}.txt").open("w") as said, redirect_stdout(said):
        for line in lines:
            assert cli(line) == 0, line


def begin_apart(folder: Path, rank: int) -> dict[str, torch.Tensor]:
    """Processes that were given different weights begin with those of the main one."""
    planner = tiny_planner(seed=rank)
    train_sft(planner, PROBLEMS, VALIDATION, replace(SFT, stage_steps=(1,), batch_size=2), folder)
    return weights(planner.model)


if __name__ == "__main__":
    torch.set_num_threads(1)
    (sharded if sys.argv[2:] == ["sharded"] else main)(Path(sys.argv[1]))
