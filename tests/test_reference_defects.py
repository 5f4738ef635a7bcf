"""Faults found in the authors' released code, one test each: this package must not have them."""

import copy

import pytest
import torch
from small import PROBLEMS, Reads, lively_planner, made_trace, naive_reason, tiny_planner

from atp_lite.domains import read_expression
from atp_lite.domains.coherence import coherence
from atp_lite.evaluation import EvalSettings, evaluate
from atp_lite.planner import Planner
from atp_lite.rl import (
    PolicyLogProbs,
    RLSettings,
    clipped_surrogate,
    group_advantages,
    total_reward,
    train_rl,
    used_groups,
)
from atp_lite.sft import SFTSettings, train_sft
from atp_lite.tokens import Collator, domain_tokenizer


@pytest.mark.parametrize(
    ("steps", "answer"),
    [
        (["3+4=", "7*2=14"], "7"),  # an empty result is part of every text
        (["3+4="], ""),
        ([""], "14"),
        (["1+3=4", "14+1=15"], "16"),  # `4` stands in `14`
        (["1+3=4"], "14"),
        (["7*2=14"], "4"),
    ],
)
def test_coherence_is_not_matched_by_substring(steps, answer):
    assert coherence(steps, answer).score == 0.0


def test_no_latents_at_all_are_not_coherent():
    assert coherence([], "7").score == 0.0
    trace = made_trace(["7"], [[]], [read_expression("3+4")])
    assert total_reward(trace, trace.problems, {"coherence": 1.0})[0].tolist() == [0.0]


def test_the_end_token_gets_a_gradient():
    planner = tiny_planner()
    tokenizer, model = planner.tokenizer, planner.model
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    batch = planner.collate(PROBLEMS[:2], 3)
    assert (batch.language[batch.language_mask.bool()] == tokenizer.eos_token_id).sum() == 2
    for lm, name in ((model.backbone, "enc"), (model.decoder.lm, "dec")):
        (grad,) = torch.autograd.grad(model.sft_losses(batch)[name], lm.lm_head.weight)
        # a token that is a target pulls its row towards the hidden state; one that never is only pushes it away
        untaught = tokenizer.convert_tokens_to_ids("48")
        assert grad[tokenizer.eos_token_id].norm() > 5 * grad[untaught].norm()


def test_a_tokenizer_whose_pad_is_its_end_token_is_refused():
    tokenizer = domain_tokenizer()
    tokenizer.pad_token = tokenizer.eos_token
    with pytest.raises(ValueError, match="'<eos>'.*no gradient.*add one"):
        Collator(tokenizer)


@pytest.mark.parametrize("name", ["kl", "stop"])
def test_masked_latents_count_for_nothing_in_the_loss(name):
    """The loss of a short problem beside a long one is the latent-weighted mean of both."""
    planner = lively_planner()
    short, long = PROBLEMS[0], PROBLEMS[2]
    with torch.no_grad():
        alone = [planner.model.sft_losses(planner.collate([p], 3), sample=False)[name] for p in (short, long)]
        both = planner.model.sft_losses(planner.collate([short, long], 3), sample=False)[name]
    assert both.item() == pytest.approx((1 * alone[0].item() + 3 * alone[1].item()) / 4, rel=1e-5)
    if name == "kl":
        batch = planner.collate([short, long], 3)
        trace = planner.model.think(batch.question, batch.question_mask, lengths=batch.n_latents)
        masked = trace.distribution.kl_to_prior()[~trace.latent_mask]
        assert len(masked) == 2 and (masked == 0).all()


@pytest.mark.parametrize(("rewards", "size"), [([1.0, 0.5, 2.0], 1), ([0.7, 0.7, 0.7, 0.0, 0.0, 0.0], 3)])
def test_a_group_without_spread_gives_zero_and_not_nan(rewards, size):
    advantages = group_advantages(torch.tensor(rewards), size)
    assert advantages.tolist() == [0.0] * len(rewards) and not used_groups(torch.tensor(rewards), size).any()
    values = torch.randn(len(rewards), 2, requires_grad=True)
    actions = PolicyLogProbs(values, torch.ones(len(rewards), 2, dtype=torch.bool))
    loss, _ = clipped_surrogate(actions, values.detach(), advantages)
    loss.backward()
    assert loss.item() == 0.0 and (values.grad == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["grpo", "answer-ce"])
def test_gradients_of_rl_are_added_up_before_every_step(tmp_path, monkeypatch, objective):
    """What the sum comes to in two processes is tested in test_distributed.py; here, that no step goes without it."""
    seen = []

    def add(accelerator, parameters):
        parameters = list(parameters)
        seen.append([p.detach().clone() for p in parameters])
        assert any(p.grad is not None and p.grad.abs().max() > 0 for p in parameters)  # after backward
        for p in parameters:
            p.grad = None  # as if the sum were 0: then nothing may move

    monkeypatch.setattr("atp_lite.engine.run.all_reduce_gradients", add)
    settings = RLSettings(objective=objective, iterations=2, questions=2, group_size=2, epochs=2, rewards={"length": 1})
    planner = lively_planner()
    train_rl(planner, PROBLEMS[:4], PROBLEMS[4:], settings, tmp_path)
    assert len(seen) == (4 if objective == "grpo" else 2)
    assert all(torch.equal(first, last) for first, last in zip(seen[0], planner.model.parameters(), strict=True))


def test_validation_is_not_what_is_trained_or_tested_on(tmp_path):
    train, validation = [read_expression("3+4"), read_expression("5+6")], [read_expression("3 + 4")]
    with pytest.raises(ValueError, match=r"1 questions are in train and in validation, such as 3\+4"):
        train_sft(tiny_planner(), train, validation, SFTSettings(), tmp_path)
    with pytest.raises(ValueError, match=r"1 questions are in train and in validation, such as 3\+4"):
        train_rl(tiny_planner(), train, validation, RLSettings(questions=1), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_nothing_is_sampled_at_evaluation(monkeypatch):
    planner = lively_planner()
    planner.model.train()  # whatever the mode
    traces, reason = [], Planner.reason

    def spy(self, *args, **kwargs):
        traces.append(reason(self, *args, **kwargs))
        return traces[-1]

    monkeypatch.setattr(Planner, "reason", spy)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(evaluate(planner, PROBLEMS, EvalSettings(seed=seed)).outcomes)
    assert found[0] == found[1]
    assert all(torch.equal(trace.latents, trace.mu) for trace in traces)


def test_answers_are_written_in_one_batch_with_a_cache():
    """Each question and each latent is read once, each written token at most twice, all rows in one call."""
    planner = lively_planner()
    limit = planner.model.config.max_answer_tokens
    with Reads(planner.model.backbone) as reads:
        trace = planner.reason(PROBLEMS, group_size=4, decode=False)
    question = trace.question.numel()
    latents, written = int(trace.n_latents.sum()), int(trace.n_answer_tokens.sum())
    positions = sum(rows * width for rows, width in reads)
    assert question + latents + len(trace) <= positions <= question + latents + len(trace) + 2 * written
    assert reads[0] == tuple(trace.question.shape)  # 7 questions, not 28
    assert len(reads) == 1 + trace.n_latents.max() + trace.n_answer_tokens.max() <= 1 + 8 + limit


@pytest.mark.slow
def test_positions_go_on_by_one_after_the_latents():
    """Against a model that counts 0, 1, 2, ... over question, latents and answer, one question at a time."""
    planner = lively_planner(2)
    seen = []

    def note(module, arguments, named):
        seen.append((named["position_ids"], named["attention_mask"]))

    handle = planner.model.backbone.base_model.register_forward_pre_hook(note, with_kwargs=True)
    trace = planner.reason(PROBLEMS)
    for positions, mask in seen:
        real = mask[:, -positions.shape[1] :].bool()
        counted = (mask.cumsum(1) - 1)[:, -positions.shape[1] :]
        assert torch.equal(positions[real], counted[real])
    seen.clear()
    one = planner.reason(PROBLEMS[:1])
    handle.remove()
    n = one.question.shape[1]
    assert seen[0][0].tolist() == [list(range(n))]
    assert [p.item() for p, _ in seen[1:]] == list(range(n, n + len(seen) - 1))
    alone = naive_reason(planner, PROBLEMS[4])
    n = len(alone["answer"][0])
    assert trace.answer[4, :n].tolist() == alone["answer"][0]
    torch.testing.assert_close(trace.answer_log_probs[4, :n], torch.tensor(alone["answer"][1]), atol=1e-5, rtol=1e-5)
    # and the test can fail: shifted by one, the numbers are others
    shifted = copy.deepcopy(planner)
    shifted.model.backbone.base_model.register_forward_pre_hook(
        lambda module, arguments, named: (arguments, named | {"position_ids": later(named["position_ids"])}),
        with_kwargs=True,
    )
    other = shifted.reason(PROBLEMS)
    assert not torch.allclose(other.mu[:, 1], trace.mu[:, 1], atol=1e-3)


def later(positions):
    """Off by one from the first latent on (single-token reads)."""
    return positions + 1 if positions.shape[1] == 1 else positions
