"""The RL loop, top to bottom. One iteration:

 1. questions are drawn, anew each time; every process takes its part of them;
 2. rollout: G trajectories (latents and answer) are sampled per question, and the latents decoded to text; with
    `dynamic_sampling` questions that teach nothing make way for others;
 3. rewards are computed, credit is assigned to actions, and advantages are normalised within each group;
 4. log-probabilities are recomputed in one teacher-forced pass, and a step is taken on the estimator's loss.

Steps 2 to 4 are `grpo` in `rl/objectives.py`; the controls use the same questions in another way.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from accelerate import Accelerator

from atp_lite.domains import Problem, data_hash
from atp_lite.engine.distributed import rank_shard
from atp_lite.engine.run import check_disjoint
from atp_lite.evaluation import EvalSettings, evaluate
from atp_lite.planner import Planner
from atp_lite.rl.learner import Learner
from atp_lite.rl.registries import OBJECTIVES
from atp_lite.rl.settings import RLSettings


def train_rl(
    planner: Planner,
    questions: Sequence[Problem],
    validation: Sequence[Problem],
    settings: RLSettings,
    folder: str | os.PathLike[str],
    resume: bool = False,
    rehearse: Sequence[Problem] = (),
    restart: bool = False,
) -> Planner:
    """Train the planner in place on questions with answers (chains are not read); return the best on validation.

    rehearse: problems with chains, which are imitated beside every update where `settings.rehearsal` is above 0.

    Writes to `folder` what `TrainingRun` says; the averaged weights are validated and kept.

    Started by `accelerate launch`, every process takes whole groups: its part of the questions, all G trajectories of
    each, drawn with noise of its own. Given the same trajectories, the update is that of one process
    (atp_lite/engine/distributed.py says why). The main process alone writes; its metrics are means over the processes.

    Raises:
        ValueError: the folder holds another run, or one that is neither resumed nor dropped (`begin_run`).
        ValueError: a validation question is also trained on, the checkpoint cannot be explored, there is nothing to
            rehearse, or the processes cannot share the questions evenly.
        KeyboardInterrupt: passed on after the state was saved.
    """
    rehearsed = rehearse if settings.rehearsal else ()
    check_disjoint((p.question for p in (*questions, *rehearsed)), (p.question for p in validation))
    if settings.questions > len(questions):
        raise ValueError(f"{settings.questions} questions per iteration, but there are {len(questions)}: take fewer")
    world = Accelerator().num_processes
    if len(rank_shard(Accelerator(), range(settings.questions), "questions")) % settings.mini_batches:
        raise ValueError(
            f"{settings.questions} questions over {world} processes do not split into {settings.mini_batches} equal "
            "mini-batches: take a multiple of both"
        )
    data = {"questions": questions, "validation problems": validation, "rehearsed problems": rehearsed}
    fingerprint = {name: data_hash(problems) for name, problems in data.items()}
    learner = Learner(planner, settings, folder, resume, rehearsed, questions, restart, fingerprint)
    learner.choose_sigma(list(questions)[:256])
    objective = OBJECTIVES[settings.objective]
    with learner.run as run:
        if run.done == 0:
            validate(learner, validation)
            run.keep(settings.keep_every)
        for i in run.steps():
            own = rank_shard(run.accelerator, learner.drawn(i), "questions")
            learner.tokens = 0
            metrics = objective.iterate(learner, own, i)
            run.finish_step(tokens=int(run.sum({"tokens": learner.tokens})["tokens"]))
            run.log(**run.mean(metrics))
            run.keep(settings.keep_every)
            if run.due(settings.eval_every):
                validate(learner, validation)
                run.save_state()
    return Planner.from_pretrained(run.folder / "best")


def validate(learner: Learner, validation: Sequence[Problem]) -> None:
    """Evaluate the averaged weights, greedily, and save them if they are the best so far."""
    result = evaluate(learner.run.evaluated, validation, EvalSettings(learner.settings.eval_batch))
    learner.run.validate({name: estimate.mean for name, estimate in result.summary().items()})
