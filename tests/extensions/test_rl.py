"""Reward, advantage, credit, estimator and objective: one file each, of which nothing in the package knows."""

from dataclasses import replace

import best_of_group  # noqa: F401
import better_steps  # noqa: F401
import new_steps  # noqa: F401  (importing one registers it)
import own_steps  # noqa: F401
import pytest
import ranks  # noqa: F401
import reinforce  # noqa: F401
import torch
from small import PROBLEMS, lively_planner, made_trace

from atp_lite.domains import DOMAINS
from atp_lite.engine.log import read_metrics
from atp_lite.rl import ADVANTAGES, CREDIT, REWARDS, RLSettings, Samples, train_rl
from atp_lite.rl.learner import Learner
from atp_lite.rl.objectives import improve_policy

SETTINGS = RLSettings(
    iterations=1, questions=2, group_size=3, eval_every=1, warmup_steps=0, lr=1e-3, sigma=0.3, rewards={"length": 1.0}
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "choice",
    [
        {"rewards": {"new-steps": 1.0, "length": 0.1}},
        {"advantage": "ranks"},
        {"credit": "own-steps"},
        {"estimator": "reinforce"},
        {"estimator": "reinforce", "credit": "own-steps", "epochs": 2, "accumulate": 2},
        {"estimator": "better-steps"},
        {"objective": "best-of-group"},
    ],
    ids=str,
)
def test_each_is_chosen_by_its_name_and_takes_a_step(tmp_path, choice):
    planner = lively_planner()
    before = {name: value.clone() for name, value in planner.model.state_dict().items()}
    train_rl(planner, PROBLEMS[:4], PROBLEMS[4:], replace(SETTINGS, **choice), tmp_path)
    after = planner.model.state_dict()
    moved = {name.split(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}
    assert "latent_head" in moved and "decoder" not in moved
    line = read_metrics(tmp_path / "metrics.jsonl")[1]
    assert line["grad_norm"] > 0 and all(value == value for value in line.values())
    assert ("reward_new-steps" in line) == ("rewards" in choice)


def test_the_reward_by_hand():
    trace = made_trace(["7", "7", ""], [["3+4=7", "3+4=7", "x", "3+4=7"], ["a", "b"], []])
    assert REWARDS["new-steps"](trace, trace.problems).tolist() == [0.5, 1.0, 0.0]


def test_the_advantage_by_hand():
    rewards = torch.tensor([1.0, 100.0, 1.0, 0.0, 2.0, 2.0, 2.0, 2.0])
    expected = [0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0]
    assert ADVANTAGES["ranks"](rewards, 4).tolist() == pytest.approx(expected)


def test_the_credit_by_hand():
    trace = made_trace(["8", "9"], [["3+4=7", "7+1=9"], ["1+1=3"]], n_latents=[4, 2], group_size=2)
    trace.domain, trace.step_tokens = DOMAINS["arithmetic"], torch.zeros(2, 2, 3)  # two steps of two latents each
    found = CREDIT["own-steps"](trace, {"length": torch.tensor([2.0, 1.0])}, SETTINGS)
    assert found.tolist() == [[1, 1, -1, -1, 1, 1], [-1, -1, -1, -1, -1, -1]]


@pytest.mark.slow
def test_the_estimator_is_the_clipped_one_before_the_policy_has_moved(tmp_path):
    """At ratio 1 both have the gradient of A log pi; afterwards they part."""
    moved = {}
    for name in ("clipped", "reinforce"):
        settings = replace(SETTINGS, estimator=name, latent_weight=1.0)
        learner = Learner(lively_planner(), settings, tmp_path / name)
        trace = learner.rollout(PROBLEMS[:2])
        improve_policy(learner, Samples(trace, torch.tensor([1.0, -1.0, 0.5, 0.0, 2.0, -1.0])), measure_kl=False)
        moved[name] = {key: p.grad.clone() for key, p in learner.model.named_parameters() if p.grad is not None}
    assert moved["clipped"].keys() == moved["reinforce"].keys()
    for key, gradient in moved["clipped"].items():
        torch.testing.assert_close(moved["reinforce"][key], gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_a_gradient_can_go_through_the_decoder_which_stays_as_it_is(tmp_path):
    learner = Learner(lively_planner(), replace(SETTINGS, estimator="better-steps", lr=3e-3), tmp_path)
    decoder = {name: value.clone() for name, value in learner.model.decoder.state_dict().items()}
    samples = Samples(learner.rollout(PROBLEMS[:2]), torch.tensor([1.0, -1.0, -1.0, 1.0, -1.0, -1.0]))
    losses = [improve_policy(learner, samples, measure_kl=False)["decoder_loss"] for _ in range(8)]
    assert losses[-1] < losses[0]
    assert all(torch.equal(decoder[name], value) for name, value in learner.model.decoder.state_dict().items())
