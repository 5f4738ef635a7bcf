"""The RL loop: rollouts, updates, controls; exact resume."""

import json
import random
import signal
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from small import PROBLEMS, assert_same_run, lively_planner, made_trace, tiny_planner

from atp_lite.domains import Problem, read_expression
from atp_lite.engine.log import read_metrics
from atp_lite.engine.run import TrainingRun
from atp_lite.methods import METHODS
from atp_lite.model import Gaussian, total_loss
from atp_lite.planner import Planner
from atp_lite.rl import (
    ADVANTAGES,
    CREDIT,
    ESTIMATORS,
    OBJECTIVES,
    REWARDS,
    Estimate,
    RLSettings,
    Samples,
    answer_cross_entropy,
    clipped_surrogate,
    group_advantages,
    mean_sigma,
    policy_log_probs,
    split_credit,
    train_rl,
    verified_chains,
)
from atp_lite.rl.learner import Learner
from atp_lite.rl.metrics import rollout_metrics
from atp_lite.rl.objectives import improve_policy
from atp_lite.rl.surrogates import clipped

QUESTIONS = [read_expression(f"{a}+{b}") for a in range(1, 5) for b in range(5, 8)]
QUESTIONS += [read_expression(f"({a}+{b})*2") for a in range(1, 4) for b in range(5, 8)]
VALIDATION = [read_expression(text) for text in ("9-2", "8-3", "(8-3)*2")]
SETTINGS = RLSettings(
    iterations=6,
    questions=4,
    group_size=4,
    mini_batches=2,
    epochs=2,
    lr=1e-3,
    warmup_steps=2,
    eval_every=2,
    learn_stop=True,
    rewards={"length": 1.0, "format": 0.5},  # these differ between trajectories of an untrained planner
)


def trained(folder, settings=SETTINGS, resume=False, planner=None):
    planner = lively_planner() if planner is None else planner
    return train_rl(planner, QUESTIONS, VALIDATION, settings, folder, resume=resume)


def learner_of(folder, settings=SETTINGS, sigma=0.3, planner=None):
    return Learner(planner or lively_planner(), replace(settings, sigma=sigma), folder)


def iterate(learner, problems, iteration=0):
    return OBJECTIVES[learner.settings.objective].iterate(learner, problems, iteration)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    trained(folder)
    return folder


# --- the loop ---


@pytest.mark.slow
def test_every_iteration_is_logged_and_something_is_learned(uninterrupted):
    lines = read_metrics(uninterrupted / "metrics.jsonl")
    assert [line["step"] for line in lines] == [0, 1, 2, 2, 3, 4, 4, 5, 6, 6]
    assert any(line.get("used_groups", 0) > 0 for line in lines)
    state = load_file(uninterrupted / "state/state.safetensors")
    fresh = lively_planner().model.state_dict()
    for key, value in fresh.items():
        frozen = key.startswith("decoder.") or key == "latent_head.log_variance.weight"
        frozen |= key == "latent_head.log_variance.bias"  # no sigma of the head is in the policy
        assert torch.equal(state[f"model/{key}"], value) == frozen, key


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(uninterrupted, tmp_path):
    torch.manual_seed(123)
    random.seed(123)
    trained(tmp_path)
    assert_same_run(uninterrupted, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_resumed_run_equals_an_uninterrupted_one(uninterrupted, tmp_path, monkeypatch, when):
    rollout, calls = Learner.rollout, []

    def pressed(self, *args):
        calls.append(1)
        if len(calls) == 4 and when == "before":
            raise KeyboardInterrupt
        trace = rollout(self, *args)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGINT)  # in the middle of an iteration: noise was drawn, nothing learned
        return trace

    monkeypatch.setattr(Learner, "rollout", pressed)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path)
    monkeypatch.undo()
    assert json.loads((tmp_path / "state/progress.json").read_text())["step"] in (3, 4)
    trained(tmp_path, resume=True)
    assert_same_run(uninterrupted, tmp_path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_question_trained_on_may_not_validate(tmp_path):
    with pytest.raises(ValueError, match=r"1 questions are in train and in validation, such as 9-2"):
        train_rl(lively_planner(), [*QUESTIONS, VALIDATION[0]], VALIDATION, SETTINGS, tmp_path)
    with pytest.raises(ValueError, match="4 questions per iteration, but there are 3: take fewer"):
        train_rl(lively_planner(), QUESTIONS[:3], VALIDATION, SETTINGS, tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(questions=5), "5 questions do not split into 2"),
        (dict(group_size=1), "group_size is 1.*2 or more"),
        (dict(sigma=0.0), "sigma is 0.0.*positive one to explore"),
        (dict(sigma=-0.1, learn_latents=False), "sigma is -0.1"),
        (dict(temperature=0.0), "temperature is 0.0"),
        (dict(eval_every=0), "eval_every is 0: give 1 or more"),
        (dict(mini_batches=0), "mini_batches is 0: give 1 or more"),
        (dict(epochs=0), "epochs is 0: give 1 or more"),
        (dict(learn_latents=False, learn_answer=False, learn_stop=False), "nothing would learn"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SETTINGS, **changes)


def test_a_planner_without_latents_cannot_explore(tmp_path):
    with pytest.raises(ValueError, match="thinks no latents"):
        trained(tmp_path, planner=tiny_planner(max_latents=0))


@pytest.mark.parametrize("sigma", ["mean", "learned"])
def test_points_have_no_sigma_of_their_own_to_explore_with(tmp_path, sigma):
    points = METHODS["atp-point"].start(tiny_planner(), 3)
    with pytest.raises(ValueError, match="no sigma to explore with: give one"):
        trained(tmp_path, replace(SETTINGS, sigma=sigma, iterations=1), planner=points)


@pytest.mark.slow
def test_a_planner_without_a_decoder_can_still_learn(tmp_path):
    settings = replace(SETTINGS, iterations=1, rewards={"correct": 1.0, "length": 0.1})
    assert trained(tmp_path, settings, planner=tiny_planner(decoder_layers=0)).model.decoder is None


# --- one iteration ---


@pytest.mark.slow
def test_with_sigma_0_only_answers_are_drawn_and_learn(tmp_path, monkeypatch):
    """The way to give a method whose latents are points the same second stage."""
    settings = replace(SETTINGS, sigma=0.0, learn_latents=False, learn_stop=False, kl_weight=0.1)
    rollout, seen = Learner.rollout, []
    monkeypatch.setattr(Learner, "rollout", lambda self, problems: seen.append(rollout(self, problems)) or seen[-1])
    planner = lively_planner()
    before = {name: value.clone() for name, value in planner.model.state_dict().items()}
    trained(tmp_path, settings, planner=planner)
    assert all(torch.equal(trace.latents, trace.mu) for trace in seen)
    assert any(len(set(trace.answers)) > 1 for trace in seen), "answers are still drawn"
    after = planner.model.state_dict()
    assert all(value.isfinite().all() for value in after.values())
    assert not torch.equal(after["backbone.lm_head.weight"], before["backbone.lm_head.weight"])
    assert all(line["kl"] >= 0 for line in read_metrics(tmp_path / "metrics.jsonl") if "kl" in line)


def test_mean_sigma_is_the_mean_over_latents_and_dimensions():
    planner = lively_planner()
    trace = planner.reason(PROBLEMS)
    values = [trace.sigma[row, t] for row in range(7) for t in range(int(trace.n_latents[row]))]
    assert mean_sigma(planner, PROBLEMS) == pytest.approx(torch.cat(values).mean().item(), rel=1e-5)


@pytest.mark.slow
def test_the_first_look_takes_no_more_at_once_than_validation_does(tmp_path, monkeypatch):
    planner, rows = lively_planner(), []
    think, whole = planner.think, mean_sigma(planner, QUESTIONS)
    monkeypatch.setattr(planner, "think", lambda problems, **how: rows.append(len(problems)) or think(problems, **how))
    learner = learner_of(tmp_path, replace(SETTINGS, eval_batch=5), "mean", planner)
    learner.choose_sigma(QUESTIONS)
    assert rows == [5, 5, 5, 5, 1] and learner.settings.sigma == pytest.approx(whole, rel=1e-5)


@pytest.mark.slow
def test_one_update_is_one_adam_step_along_the_surrogate(tmp_path):
    settings = replace(SETTINGS, mini_batches=1, epochs=1, ema=0.0, grad_clip=1e9)
    run = learner_of(tmp_path, settings)
    twin = lively_planner()
    trace = run.rollout(QUESTIONS[:4])
    advantages = group_advantages(-trace.n_latents.float(), 4)
    assert advantages.any()
    stats = improve_policy(run, Samples(trace, advantages), measure_kl=True)
    assert stats["ratio"] == pytest.approx(1.0) and stats["kl"] == pytest.approx(0.0, abs=1e-6)
    # the same by hand: gradient of -mean A log pi (the ratio is 1), then Adam's first step lr * sign-like
    new = policy_log_probs(twin.model.replay(trace), trace, 0.3, 1.0, stop=True)
    weight = torch.ones(new.mask.shape[1])
    weight[: trace.latents.shape[1]] = settings.latent_weight
    per_trajectory = (new.values * new.mask * weight).sum(1) / new.mask.sum(1)
    (-(advantages * per_trajectory).mean()).backward()
    names = dict(twin.model.named_parameters())
    for name, parameter in run.model.named_parameters():
        grad, old = names[name].grad, names[name].detach()
        if grad is None or name.startswith("decoder."):
            continue
        expected = old - settings.lr * grad / (grad.abs() + 1e-8)
        sure = grad.abs() > 1e-4  # where Adam's sign does not hang on rounding
        torch.testing.assert_close(parameter.detach()[sure], expected[sure], atol=1e-5, rtol=1e-4)
    # ema 0 keeps the last weights
    average = run.run.average.module.state_dict()
    assert all(torch.equal(average[key], value) for key, value in run.model.state_dict().items())


def test_a_learned_sigma_gets_no_gradient_from_the_reward(tmp_path):
    run = learner_of(tmp_path, replace(SETTINGS, mini_batches=1, epochs=1), "learned")
    head = run.model.latent_head
    before = [layer.weight.detach().clone() for layer in (head.mean, head.log_variance)]
    trace = run.rollout(QUESTIONS[:4])
    assert not torch.equal(trace.latents, trace.mu)  # the head's own sigma drew them
    advantages = group_advantages(-trace.n_latents.float(), 4)
    assert advantages.any()
    improve_policy(run, Samples(trace, advantages), measure_kl=False)
    assert not torch.equal(head.mean.weight, before[0])
    assert torch.equal(head.log_variance.weight, before[1])


@pytest.mark.slow
def test_mini_batches_and_epochs_measure_against_the_rollout_policy(tmp_path, monkeypatch):
    settings = replace(SETTINGS, mini_batches=2, epochs=2, lr=1e-2)
    run = learner_of(tmp_path, settings)
    trace = run.rollout(QUESTIONS[:4])
    advantages = group_advantages(-trace.n_latents.float(), 4)
    seen = []

    def spy(new, old, *rest):
        seen.append((new.values.detach(), old))
        return clipped_surrogate(new, old, *rest)

    monkeypatch.setattr("atp_lite.rl.surrogates.clipped_surrogate", spy)
    improve_policy(run, Samples(trace, advantages), measure_kl=False)
    assert len(seen) == 4
    with torch.no_grad():  # the start of the run is the policy that made the rollout
        before = policy_log_probs(run.run.reference.replay(trace), trace, 0.3, 1.0, stop=True).values
    rows = {tuple(row.tolist()) for row in before.round(decimals=2)}
    for epoch in (seen[:2], seen[2:]):  # each epoch goes through every trajectory once
        assert {tuple(row.tolist()) for _, old in epoch for row in old.round(decimals=2)} == rows
    torch.testing.assert_close(seen[0][0], seen[0][1], atol=1e-3, rtol=1e-4)  # nothing has moved yet
    assert (seen[3][0] - seen[3][1]).abs().max() > 0.01  # by now it has


# --- less memory at a time ---


def same_trace(one, two) -> None:
    for name, value in vars(one).items():
        other = getattr(two, name)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            torch.testing.assert_close(other, value, atol=1e-5, rtol=1e-5)
        elif isinstance(value, torch.Tensor):
            assert torch.equal(other, value), name
        elif isinstance(value, Gaussian):
            torch.testing.assert_close((other.mu, other.logvar), (value.mu, value.logvar), atol=1e-5, rtol=1e-5)
        else:
            assert other == value, name


@pytest.mark.slow
def test_a_rollout_in_chunks_is_the_rollout(tmp_path, monkeypatch):
    """Sigma 0 and the likeliest tokens: nothing is drawn, so chunks of questions of 2, 2 and 1 change nothing."""
    questions = PROBLEMS[:5]
    settings = replace(SETTINGS, questions=5, mini_batches=1, group_size=2, sigma=0.0, learn_latents=False)
    quiet = replace(settings, learn_stop=False)
    reason = Planner.reason
    seen = []

    def greedy(self, problems, **how):
        seen.append(len(problems))
        return reason(self, problems, **(how | {"temperature": None}))

    monkeypatch.setattr(Planner, "reason", greedy)
    whole = learner_of(tmp_path, quiet, 0.0, lively_planner(2, seed=3)).rollout(questions)
    chunked = replace(quiet, rollout_batch=4)
    chunks = learner_of(tmp_path / "chunks", chunked, 0.0, lively_planner(2, seed=3)).rollout(questions)
    assert seen == [5, 2, 2, 1]
    assert len({len(p.question) for p in questions}) > 1 and len(set(whole.n_latents.tolist())) > 1
    assert len(set(whole.n_answer_tokens.tolist())) > 1  # so that every kind of padding is there
    same_trace(whole, chunks)
    with pytest.raises(ValueError, match="rollout_batch is 3: give a multiple of group_size, 2"):
        replace(quiet, rollout_batch=3)


@pytest.mark.slow
def test_a_chunked_run_goes_on_where_it_was_cut_off(tmp_path, monkeypatch):
    settings = replace(SETTINGS, iterations=3, rollout_batch=8, accumulate=2, eval_every=3)
    trained(tmp_path / "whole", settings)
    assert len(read_metrics(tmp_path / "whole/metrics.jsonl")) == 5
    step, calls = TrainingRun.step, []

    def pressed(self, *terms):
        calls.append(1)
        if len(calls) == 6:
            signal.raise_signal(signal.SIGINT)
        return step(self, *terms)

    monkeypatch.setattr(TrainingRun, "step", pressed)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", settings)
    assert json.loads((tmp_path / "cut/state/progress.json").read_text())["step"] == 2
    trained(tmp_path / "cut", settings, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["grpo", "answer-ce", "rejection"])
@pytest.mark.parametrize("epochs", [1, 2])
def test_parts_of_an_update_add_up_to_it(tmp_path, objective, epochs, monkeypatch):
    """The same trajectories, worked through at once and in two and three parts: the same gradients and metrics."""
    monkeypatch.setattr("atp_lite.model.distributions.reparameterise", lambda mu, *_: mu)
    monkeypatch.setattr(
        "atp_lite.rl.objectives.verified_chains", lambda trace, rng: trace.problems[:: trace.group_size]
    )
    questions = [*PROBLEMS[:4], QUESTIONS[0], QUESTIONS[15]]
    plain = replace(SETTINGS, questions=6, objective=objective, epochs=epochs, mini_batches=1, kl_weight=0.1)
    trace = learner_of(tmp_path / "rollout", plain).rollout(questions)
    found = {}
    for parts in (1, 2, 3):
        run = learner_of(tmp_path / str(parts), replace(plain, accumulate=parts))
        monkeypatch.setattr(run, "rollout", lambda _: trace)
        kept = []

        def step(run=run, kept=kept):
            kept.append(gradients(run.model))
            with torch.no_grad():  # so that the second update has ratios other than 1
                for parameter in run.model.backbone.parameters():
                    parameter.mul_(1.05)

        monkeypatch.setattr(run.run.optimizer, "step", step)
        metrics = iterate(run, questions)
        assert len(kept) == (epochs if objective == "grpo" else 1)
        found[parts] = metrics, kept[-1]
    metrics, grads = found[1]
    assert objective != "grpo" or (metrics["clip_fraction"] > 0) == (epochs == 2)
    assert max(grad.abs().max() for grad in grads.values()) > 1e-3
    for parts in (2, 3):
        assert found[parts][0] == pytest.approx(metrics, rel=1e-5, abs=1e-6)
        assert found[parts][1].keys() == grads.keys()
        for name, grad in grads.items():
            torch.testing.assert_close(found[parts][1][name], grad, atol=1e-5, rtol=1e-4, msg=name)
    with pytest.raises(ValueError, match="accumulate is 7: choose 1 to questions / mini_batches, 6"):
        replace(plain, accumulate=7)


def gradients(model) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.slow
def test_the_decoder_is_frozen_and_the_head_that_may_not_learn_too(tmp_path):
    planner = lively_planner()
    before = {key: value.clone() for key, value in planner.model.state_dict().items()}
    trained(tmp_path, replace(SETTINGS, learn_stop=False, iterations=2), planner=planner)
    after = planner.model.state_dict()
    for key, value in before.items():
        if key.startswith(("decoder.", "stop_head.")):
            assert torch.equal(after[key], value), key
    assert not torch.equal(after["backbone.lm_head.weight"], before["backbone.lm_head.weight"])


@pytest.mark.slow
def test_averaged_weights_follow_with_their_decay(tmp_path):
    run = learner_of(tmp_path, replace(SETTINGS, ema=0.75))
    key = "backbone.lm_head.weight"
    for i in range(3):
        iterate(run, QUESTIONS[4 * i : 4 * i + 4], i)
    # each iteration makes epochs * mini_batches = 4 updates; check one more against the rule
    average = run.run.average.module
    before = average.state_dict()[key].clone()
    run.run.backward(run.model.backbone.lm_head.weight.square().sum())
    run.run.step()
    expected = 0.75 * before + 0.25 * run.model.state_dict()[key]
    torch.testing.assert_close(average.state_dict()[key], expected)


@pytest.mark.slow
def test_shuffled_rewards_are_the_same_rewards_in_another_order(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setitem(CREDIT, "split", lambda *given: seen.append(given[1]) or split_credit(*given))
    for shuffle in (False, True):
        run = learner_of(tmp_path / str(shuffle), replace(SETTINGS, shuffle_rewards=shuffle))
        iterate(run, QUESTIONS[:4])
    for name in SETTINGS.rewards:
        plain, shuffled = (rewards[name] for rewards in seen)
        assert plain.sort().values.tolist() == shuffled.sort().values.tolist()
        assert len(set(plain.tolist())) == 1 or plain.tolist() != shuffled.tolist()
    pairs = [sorted(zip(*(rewards[name].tolist() for name in SETTINGS.rewards), strict=True)) for rewards in seen]
    assert pairs[0] == pairs[1]  # the rewards of one trajectory stay together


def test_rollout_metrics_by_hand():
    problem = Problem("3+4", (), "7")
    trace = made_trace(["7", "7", "8", "7"], [["3+4=7"], ["3+4=7"], ["a", "b"], ["c"]], [problem] * 4, group_size=2)
    found = rollout_metrics(trace)
    assert found["sampled_accuracy"] == 0.75 and found["n_latents"] == 1.25 and found["sigma"] == 1.0
    assert found["diversity"] == pytest.approx((1 + 2) / 4)
    assert found["sampled_coherence"] == 0.5  # the first two


# --- the controls ---


def test_verified_chains_hold_and_are_one_a_question():
    seven, eight = Problem("3+4", ("label",), "7", id="a"), Problem("(1+3)*2", ("label",), "8", id="b")
    trace = made_trace(
        answers=["7", "7", "7", "8", "8", "8"],
        steps=[
            ["3+4=7"],
            ["2+4=7"],  # wrong arithmetic
            [],  # no thought at all
            ["1+3=4", "4*2=8"],
            ["1+3=4", "9-5=4", "4*2=8"],  # a step that the question does not need
            ["1+3=4", "5+3=8"],  # 4 is used nowhere
        ],
        problems=[seven] * 3 + [eight] * 3,
        group_size=3,
    )
    kept = [verified_chains(trace, random.Random(seed)) for seed in range(20)]
    assert all([p.id for p in chains] == ["a", "b"] for chains in kept)
    assert {chains[0].steps for chains in kept} == {("3+4=7",)}
    assert {chains[1].steps for chains in kept} == {("1+3=4", "4*2=8")}
    trace.problems[3:] = [replace(eight, question="four, twice")] * 3  # no verifier: valid and coherent steps will do
    kept = [verified_chains(trace, random.Random(seed)) for seed in range(20)]
    assert {chains[1].steps for chains in kept} == {("1+3=4", "4*2=8"), ("1+3=4", "9-5=4", "4*2=8")}
    trace.answers = ["6"] * 6
    assert verified_chains(trace, random.Random(0)) == []


def test_answer_cross_entropy_is_that_of_the_true_answer_after_own_latents():
    planner = lively_planner(2)
    loss, trace = answer_cross_entropy(planner, PROBLEMS, sample=False, generator=torch.Generator())
    alone = planner.reason(PROBLEMS)
    assert torch.equal(trace.latent_mask, alone.latent_mask)  # its own stops, whatever the label's length
    total, count = 0.0, 0
    for row, problem in enumerate(PROBLEMS):
        ids = planner.collate.encode([problem])[0]
        n = int(alone.n_latents[row])
        embeds = torch.cat(
            [
                planner.model.embed(torch.tensor([ids.question])),
                alone.mu[row : row + 1, :n],
                planner.model.embed(torch.tensor([[planner.model.config.end_id, *ids.answer]])),
            ],
            dim=1,
        )
        targets = [*ids.answer, planner.model.config.eos_id]
        with torch.no_grad():
            logits = planner.model.backbone(inputs_embeds=embeds).logits[0, -len(targets) :]
        total -= torch.log_softmax(logits, -1).gather(1, torch.tensor(targets)[:, None]).sum().item()
        count += len(targets)
    assert loss.item() == pytest.approx(total / count, rel=1e-5)
    (grad,) = torch.autograd.grad(loss, planner.model.latent_head.mean.weight)
    assert grad.abs().max() > 0  # through the latents


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["rejection", "answer-ce"])
def test_controls_run_and_repeat(tmp_path, objective):
    settings = replace(SETTINGS, objective=objective, iterations=2)
    for name in ("one", "two"):
        trained(tmp_path / name, settings)
    assert_same_run(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_rejection_learns_from_what_it_kept(tmp_path, monkeypatch):
    chains = [Problem("3+4", ("3+4=7",), "7"), Problem("(3+4)*2", ("3+4=7", "7*2=14"), "14")]
    monkeypatch.setattr("atp_lite.rl.objectives.verified_chains", lambda trace, rng: chains)
    run = learner_of(tmp_path, replace(SETTINGS, objective="rejection"))
    twin = lively_planner()
    state = run.run.generator.get_state()
    trace = run.rollout(QUESTIONS[:4])
    generator = torch.Generator()
    generator.set_state(run.run.generator.get_state())
    run.run.generator.set_state(state)
    metrics = iterate(run, QUESTIONS[:4])
    losses = twin.model.sft_losses(twin.collate(chains, 2), generator=generator)
    assert metrics["loss"] == pytest.approx(total_loss(losses, 0.1 / 32).item(), rel=1e-5)
    assert metrics["kept"] == 0.5 and len(trace) == 16


# --- credit, the penalty, what is drawn and what is frozen ---


def test_latents_are_credited_with_their_own_rewards_and_answers_with_theirs():
    """Two groups of two, whose rewards rank the trajectories in opposite ways."""
    trace = made_trace(["7", "8", "7", "8"], [["a"], ["a"], ["a"], ["a"]], n_latents=[1, 2, 1, 2], group_size=2)
    rewards = {"correct": torch.tensor([1.0, 0.0, 0.0, 0.0]), "own": torch.tensor([2.0, 6.0, 6.0, 2.0])}
    settings = RLSettings(rewards={"correct": 1.0}, latent_rewards={"length": 1.0})
    found = CREDIT["split"](trace, {"correct": rewards["correct"], "length": rewards["own"]}, settings)
    of_latents, of_answers = [-1.0, 1.0, 1.0, -1.0], [1.0, -1.0, 0.0, 0.0]
    expected = [[one, one, two, two] for one, two in zip(of_latents, of_answers, strict=True)]  # T = 2, A = 2
    assert found.tolist() == expected
    whole = replace(settings, latent_rewards=None)
    assert CREDIT["split"](trace, rewards, whole).tolist() == of_answers
    assert CREDIT["trajectory"](trace, rewards, replace(whole, credit="trajectory")).tolist() == of_answers
    with pytest.raises(ValueError, match="leave out latent_rewards"):
        replace(settings, credit="trajectory")


def test_an_iteration_pays_latents_by_latent_rewards(tmp_path, monkeypatch):
    """Both rewards differ between these trajectories, and from each other."""
    seen = []
    monkeypatch.setitem(REWARDS, "token", lambda trace, problems: (trace.answer[:, 0] % 7).float())
    monkeypatch.setitem(ESTIMATORS, "spy", lambda model, samples, s: seen.append(samples) or clipped(model, samples, s))
    settings = replace(SETTINGS, epochs=1, mini_batches=1, rewards={"token": 1.0}, latent_rewards={"length": 1.0})
    iterate(learner_of(tmp_path, replace(settings, estimator="spy")), QUESTIONS[:4])
    trace, advantages = seen[0].trace, seen[0].advantages
    n_latents = trace.latents.shape[1]
    of_latents = group_advantages(-trace.n_latents.float(), 4)
    of_answers = group_advantages((trace.answer[:, 0] % 7).float(), 4)
    assert of_latents.any() and of_answers.any() and not torch.equal(of_latents, of_answers)
    torch.testing.assert_close(advantages[:, :n_latents], of_latents[:, None].expand(-1, n_latents))
    torch.testing.assert_close(advantages[:, n_latents:], of_answers[:, None].expand(-1, trace.answer.shape[1]))


def test_the_kl_to_the_start_is_a_penalty(tmp_path):
    """A policy that was pushed away and earns nothing is pulled back."""
    settings = replace(SETTINGS, epochs=1, mini_batches=1, kl_weight=0.5, lr=1e-4, grad_clip=1e9)
    learner = learner_of(tmp_path, settings)
    with torch.no_grad():
        for name, parameter in learner.model.named_parameters():
            if name.startswith("backbone."):
                parameter.mul_(1.05)
    samples = Samples(learner.rollout(QUESTIONS[:4]), torch.zeros(16))
    first = improve_policy(learner, samples, measure_kl=False)
    assert first["kl"] > 0.01 and first["loss"] == pytest.approx(0.5 * first["kl"], rel=1e-5)
    assert improve_policy(learner, samples, measure_kl=False)["kl"] < first["kl"]


@pytest.mark.slow
def test_questions_are_drawn_anew_in_every_iteration(tmp_path, monkeypatch):
    rollout, asked = Learner.rollout, []
    monkeypatch.setattr(
        Learner, "rollout", lambda self, rows: asked.append([p.question for p in rows]) or rollout(self, rows)
    )
    trained(tmp_path, replace(SETTINGS, iterations=4, eval_every=4))
    assert len({tuple(sorted(questions)) for questions in asked}) == 4
    assert all(len(set(questions)) == 4 for questions in asked)


@pytest.mark.parametrize(("objective", "learns"), [("grpo", False), ("answer-ce", False), ("rejection", True)])
def test_the_decoder_learns_in_no_objective_that_is_judged_by_it(tmp_path, objective, learns):
    """A loss that reads the decoder moves it only where the objective trains it."""
    learner = learner_of(tmp_path, replace(SETTINGS, objective=objective))
    assert {p.requires_grad for p in learner.model.decoder.parameters()} == {learns}
    before = [p.detach().clone() for p in learner.model.decoder.parameters()]
    batch = learner.planner.collate(learner.planner.collate.encode(PROBLEMS[:2]), 3)
    learner.run.backward(learner.model.sft_losses(batch, sample=False)["dec"])
    learner.run.step()
    moved = any(not torch.equal(a, b) for a, b in zip(before, learner.model.decoder.parameters(), strict=True))
    assert moved == learns


@pytest.mark.parametrize("field", ["objective", "credit", "advantage", "estimator"])
def test_a_name_that_is_not_registered_is_refused_at_once(field):
    with pytest.raises(ValueError, match=f"no {field} is called 'magic': choose from"):
        replace(SETTINGS, **{field: "magic"})


def estimating(values):
    """An estimator whose loss is this."""
    return lambda model, samples, settings: Estimate(values, {}, 1.0)


@pytest.mark.parametrize(
    ("registry", "field", "entry", "message"),
    [
        (REWARDS, "rewards", lambda trace, _: torch.zeros(3), r"reward 'own' gave \(3,\), where .* \(16,\) is needed"),
        (REWARDS, "rewards", lambda trace, _: [0.0] * 16, "reward 'own' gave list, where a tensor"),
        (REWARDS, "rewards", lambda trace, _: torch.full((16,), torch.nan), "reward 'own' gave 16 of 16 values"),
        (REWARDS, "rewards", lambda trace, _: torch.ones(16) > 0, r"reward 'own' gave torch.bool, .*call .float\(\)"),
        (ADVANTAGES, "advantage", lambda rewards, g: rewards[:2], r"advantage 'own' gave \(2,\)"),
        (ADVANTAGES, "advantage", lambda rewards, g: rewards / 0, "advantage 'own' gave .* NaN or infinite"),
        (CREDIT, "credit", lambda trace, rewards, s: torch.zeros(16, 1), r"credit 'own' gave \(16, 1\), .* \(16,\) or"),
        (ESTIMATORS, "estimator", lambda *_: torch.zeros(()), "estimator 'own' gave Tensor, where an Estimate is"),
        (ESTIMATORS, "estimator", estimating(torch.zeros(16)), r"estimator 'own' gave \(16,\), .* shape \(\) is"),
        (ESTIMATORS, "estimator", estimating(torch.tensor(torch.inf)), "estimator 'own' gave 1 of 1 values"),
    ],
)  # fmt: skip
def test_what_a_registered_function_gives_is_looked_at_once(tmp_path, monkeypatch, registry, field, entry, message):
    monkeypatch.setitem(registry, "own", entry)
    changes = {field: {"own": 1.0} if field == "rewards" else "own"}
    learner = learner_of(tmp_path, replace(SETTINGS, mini_batches=1, epochs=1, **changes))
    with pytest.raises(ValueError, match=message):
        iterate(learner, QUESTIONS[:4])
