"""Dynamic sampling: groups without spread make way for other questions, as often as the settings allow."""

from types import SimpleNamespace

import pytest
import torch
from small import lively_planner, made_trace

from atp_lite.domains import Problem, read_expression
from atp_lite.engine.log import read_metrics
from atp_lite.rl import RLSettings, objectives, train_rl
from atp_lite.rl.learner import Learner
from atp_lite.rl.objectives import dynamically_sampled, teaching_groups

SETTINGS = RLSettings(questions=4, group_size=2, rewards={"correct": 1.0}, dynamic_sampling=2, seed=3)


def learner_with(monkeypatch, rewards: dict[str, tuple[float, float]], settings=SETTINGS, process=0, processes=1):
    """A learner whose rollout of a question pays what stands in the table, and the questions that it was asked."""
    asked = []

    def scored_rollout(learner, problems):
        asked.append([p.question for p in problems])
        rows = [p for p in problems for _ in range(2)]
        trace = made_trace([p.question for p in rows], [["1"]] * len(rows), rows, group_size=2)
        paid = torch.tensor([value for p in problems for value in rewards[p.question]])
        return trace, {"correct": paid, "format": paid / 2}, {}

    monkeypatch.setattr(objectives, "scored_rollout", scored_rollout)
    learner = SimpleNamespace(
        settings=settings,
        questions=[Problem(name, (), "1") for name in rewards],
        run=SimpleNamespace(accelerator=SimpleNamespace(process_index=process, num_processes=processes)),
        model=SimpleNamespace(config=SimpleNamespace(pad_id=0)),
    )
    learner.drawn = lambda iteration, again=0: Learner.drawn(learner, iteration, again)
    return learner, asked


def sampled(learner, iteration=0):
    trace, rewards, _ = objectives.scored_rollout(learner, learner.drawn(iteration))
    return dynamically_sampled(learner, trace, rewards, iteration)


def test_questions_of_an_iteration_are_asked_once(monkeypatch):
    learner, _ = learner_with(monkeypatch, {f"q{i}": (0, 1) for i in range(11)})
    draws = [[p.question for p in learner.drawn(5, again)] for again in range(4)]
    assert [len(draw) for draw in draws] == [4, 4, 3, 0]
    assert sorted(sum(draws, [])) == sorted(f"q{i}" for i in range(11))
    assert draws == [[p.question for p in learner.drawn(5, again)] for again in range(4)]
    assert draws[0] != [p.question for p in learner.drawn(6)]


def test_flat_groups_make_way_for_groups_that_teach(monkeypatch):
    paid = {f"q{i}": (0.0, 0.0) for i in range(12)}
    learner, asked = learner_with(monkeypatch, paid)
    first, second, third = ([p.question for p in learner.drawn(0, again)] for again in range(3))
    paid |= {first[1]: (0.0, 1.0), second[0]: (1.0, 0.0), third[1]: (0.5, 1.0)}
    trace, rewards, dropped = sampled(learner)
    assert asked == [first, second[:3], third[:2]], "as many as are missing each time"
    assert trace.answers[::2] == [first[1], second[0], first[0], third[1]], "one group still teaches nothing"
    assert rewards["correct"].tolist() == [0, 1, 1, 0, 0, 0, 0.5, 1]
    assert rewards["format"].tolist() == [0, 0.5, 0.5, 0, 0, 0, 0.25, 0.5]
    assert [p.question for p in trace.problems[::2]] == trace.answers[::2] and trace.question.shape[0] == 4
    assert dropped == 5 / 4, "five groups were drawn beyond the four that are learned from"


def test_nothing_is_drawn_again_where_every_group_teaches(monkeypatch):
    learner, asked = learner_with(monkeypatch, {f"q{i}": (0.0, 1.0) for i in range(12)})
    trace, _, dropped = sampled(learner)
    assert len(asked) == 1 and dropped == 0 and len(trace) == 8


def test_questions_may_run_out(monkeypatch):
    learner, asked = learner_with(monkeypatch, {f"q{i}": (1.0, 1.0) for i in range(5)})
    trace, _, dropped = sampled(learner)
    assert [len(names) for names in asked] == [4, 1] and dropped == 1 / 4 and len(trace) == 8


def test_processes_share_the_further_questions(monkeypatch):
    paid = {f"q{i}": (0.0, 0.0) for i in range(12)}
    further = []
    for process in range(2):
        learner, asked = learner_with(monkeypatch, paid, process=process, processes=2)
        trace, rewards, _ = objectives.scored_rollout(learner, learner.drawn(0)[2 * process :][:2])
        dynamically_sampled(learner, trace, rewards, 0)
        further += sum(asked[1:], [])
    assert len(further) == len(set(further)) == 8


def test_a_group_teaches_by_its_answers_or_its_latents():
    settings = RLSettings(group_size=2, rewards={"correct": 1.0}, latent_rewards={"chain": 1.0})
    rewards = {"correct": torch.tensor([0.0, 1, 0, 0, 0, 0]), "chain": torch.tensor([0.0, 0, 0, 1, 1, 1])}
    assert teaching_groups(rewards, settings).tolist() == [True, True, False]


def test_what_does_not_go_together():
    with pytest.raises(ValueError, match="dynamic_sampling is 1 with objective rejection: give 0 or more"):
        RLSettings(objective="rejection", dynamic_sampling=1)
    with pytest.raises(ValueError, match="dynamic_sampling is -1"):
        RLSettings(dynamic_sampling=-1)


@pytest.mark.slow
def test_a_run_with_it_says_how_many_were_dropped(tmp_path):
    questions = [read_expression(f"{a}+{b}") for a in range(1, 5) for b in range(5, 8)]
    settings = RLSettings(
        iterations=2, questions=4, group_size=2, eval_every=2, dynamic_sampling=2, rewards={"correct": 1.0}
    )
    train_rl(lively_planner(), questions, [read_expression("9-2")], settings, tmp_path)
    lines = [line for line in read_metrics(tmp_path / "metrics.jsonl") if "dropped_groups" in line]
    assert len(lines) == 2 and all(line["dropped_groups"] >= 1 - line["used_groups"] for line in lines)
