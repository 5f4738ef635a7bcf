"""The latent loop, the answer and the replay against one question at a time, read again from the start."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import PROBLEMS, Reads, lively_planner, naive_reason, naive_think, tiny_planner

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.rl import policy_log_probs


@pytest.fixture(scope="module", params=[1, 2], ids=["c=1", "c=2"])
def planner(request) -> Planner:
    return lively_planner(request.param)


def ask(planner: Planner, problems=PROBLEMS):
    batch = planner.collate(problems, 0)
    return batch.question, batch.question_mask


def sampled(planner: Planner, seed: int = 0, group_size: int = 3, problems=PROBLEMS):
    return planner.reason(
        problems,
        sample=True,
        sigma=0.3,
        sample_stop=True,
        temperature=1.3,
        group_size=group_size,
        generator=torch.Generator().manual_seed(seed),
    )


def close(found, expected, tolerance=1e-5):
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


# --- batched and cached == one at a time without a cache ---


@pytest.mark.slow
def test_batched_cached_reasoning_equals_one_question_at_a_time_without_a_cache(planner):
    trace = planner.reason(PROBLEMS)
    c = planner.model.config.latents_per_step
    assert len(set(trace.n_latents.tolist())) > 2 and len(set(trace.n_answer_tokens.tolist())) > 2
    assert 8 in trace.n_latents and 8 in trace.n_answer_tokens  # some end at the limit
    for row, problem in enumerate(PROBLEMS):
        alone = naive_reason(planner, problem)
        n = len(alone["mu"])
        assert trace.n_latents[row] == n and trace.latent_mask[row].tolist() == [True] * n + [False] * (8 - n)
        close(trace.mu[row, :n], alone["mu"])
        close(trace.sigma[row, :n], alone["sigma"])
        close(trace.stop_logits[row, :n], alone["stop_logits"])
        tokens, scores = alone["answer"]
        assert trace.answer[row, : len(tokens)].tolist() == tokens
        assert trace.answer_mask[row].sum() == len(tokens) and trace.answer_mask[row, : len(tokens)].all()
        assert (trace.answer[row, len(tokens) :] == planner.model.config.pad_id).all()
        close(trace.answer_log_probs[row, : len(tokens)], torch.tensor(scores))
        assert trace.ended[row] == (tokens[-1] == planner.model.config.eos_id)
        assert len(alone["steps"]) == n // c == (trace.step_tokens[row] != 0).any(-1).sum()
        for i, (tokens, scores) in enumerate(alone["steps"]):
            assert trace.step_tokens[row, i, : len(tokens)].tolist() == tokens
            close(trace.step_log_probs[row, i, : len(tokens)], torch.tensor(scores))


@pytest.mark.slow
@settings(max_examples=5)
@given(st.permutations(range(len(PROBLEMS))), st.integers(1, len(PROBLEMS)))
def test_neighbours_in_a_batch_change_nothing(order, size):
    planner = lively_planner(2)
    everything = planner.reason(PROBLEMS)
    chosen = order[:size]
    part = planner.reason([PROBLEMS[i] for i in chosen])
    assert part.answers == [everything.answers[i] for i in chosen]
    assert part.steps == [everything.steps[i] for i in chosen]
    width = part.mu.shape[1]
    close(part.mu, everything.mu[chosen, :width])


def test_padding_changes_nothing_whatever_stands_on_it(planner):
    question, mask = ask(planner)
    wide = torch.nn.functional.pad(question, (5, 0), value=17)
    wide_mask = torch.nn.functional.pad(mask, (5, 0))
    wide = torch.where(wide_mask.bool(), wide, 17)
    with torch.no_grad():
        plain = planner.model.answer(planner.model.think(question, mask))
        padded = planner.model.answer(planner.model.think(wide, wide_mask))
    for name in ("mu", "sigma", "latents", "stop_logits", "answer_log_probs"):
        close(getattr(plain, name), getattr(padded, name))
    assert torch.equal(plain.answer, padded.answer) and torch.equal(plain.latent_mask, padded.latent_mask)


def test_given_lengths_are_kept_row_by_row(planner):
    question, mask = ask(planner)
    lengths = torch.tensor([0, 2, 4, 6, 2, 0, 4])
    with torch.no_grad():
        trace = planner.model.think(question, mask, lengths=lengths)
    assert trace.n_latents.tolist() == lengths.tolist() and not trace.stop_decided.any()
    for row, problem in enumerate(PROBLEMS):
        ids = planner.collate.encode([problem])[0].question
        if n := int(lengths[row]):
            alone = naive_think(planner.model, ids, limit=0, length=n)
            close(trace.mu[row, :n], alone["mu"].detach())
            assert (trace.mu[row, n:] == 0).all()


# --- groups ---


def test_a_group_reads_like_its_question_repeated(planner):
    question, mask = ask(planner)
    model = planner.model

    def think(group_size, *asked):
        generator = torch.Generator().manual_seed(3)
        how = dict(sample=True, sigma=0.3, sample_stop=True, generator=generator)
        with torch.no_grad():
            return model.answer(model.think(*asked, group_size=group_size, **how), temperature=1.0, generator=generator)

    group = think(3, question, mask)
    repeated = think(1, question.repeat_interleave(3, 0), mask.repeat_interleave(3, 0))
    assert len(group) == 3 * len(PROBLEMS) and group.question.shape[0] == len(PROBLEMS)
    assert len(set(group.n_latents.tolist())) > 2
    assert torch.equal(group.latent_mask, repeated.latent_mask) and torch.equal(group.answer, repeated.answer)
    for name in ("mu", "sigma", "latents", "stop_logits", "hidden", "answer_log_probs"):
        close(getattr(group, name), getattr(repeated, name))


def test_questions_of_a_trace_keep_their_groups(planner):
    trace = sampled(planner)
    part = trace.questions(torch.tensor([4, 1]))
    rows = [12, 13, 14, 3, 4, 5]
    assert torch.equal(part.question, trace.question[[4, 1]])
    for name in ("mu", "latents", "latent_mask", "answer", "answer_mask", "stop_decided", "ended"):
        assert torch.equal(getattr(part, name), getattr(trace, name)[rows]), name
    assert part.answers == [trace.answers[i] for i in rows] and part.group_size == 3
    assert [p.question for p in part.problems] == [PROBLEMS[4].question] * 3 + [PROBLEMS[1].question] * 3


# --- stopping ---


def test_each_row_stops_by_its_own_head_at_step_ends_only(planner):
    trace = planner.reason(PROBLEMS)
    c, limit = planner.model.config.latents_per_step, planner.model.config.max_latents
    for row, n in enumerate(trace.n_latents.tolist()):
        logits = trace.stop_logits[row, :n].tolist()
        wants = [t for t in range(c, limit, c) if t <= n and logits[t - 1] > 0]
        assert n == (wants[0] if wants else limit)
        decided = [t % c == 0 and t < limit for t in range(1, n + 1)]
        assert trace.stop_decided[row].tolist() == decided + [False] * (8 - n)
        assert trace.stopped[row].nonzero().flatten().tolist() == [n - 1]
    # a stop wanted inside a step is not granted
    early = (trace.stop_logits[:, 0] > 0) & trace.latent_mask[:, 0]
    assert early.any() and (trace.n_latents[early] == c).sum() == (trace.stop_logits[early, c - 1] > 0).sum()


def test_a_limit_inside_a_step_ends_thinking_and_leaves_that_step_unread():
    planner = tiny_planner(2)
    with torch.no_grad():
        planner.model.stop_head.layers[2].bias.fill_(-100.0)
    trace = planner.reason(PROBLEMS, max_latents=3)
    assert trace.n_latents.tolist() == [3] * 7 and [len(s) for s in planner.step_texts(trace)] == [1] * 7
    assert trace.stop_decided.tolist() == [[False, True, False]] * 7


def test_a_stop_is_drawn_with_its_probability():
    planner = tiny_planner(max_latents=2)
    with torch.no_grad():
        planner.model.stop_head.layers[2].weight.zero_()
        planner.model.stop_head.layers[2].bias.fill_(math.log(0.3 / 0.7))
    question, mask = ask(planner, PROBLEMS[:1])
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        trace = planner.model.think(question, mask, group_size=4000, sample_stop=True, generator=generator)
    share = (trace.n_latents == 1).float().mean().item()
    assert share == pytest.approx(0.3, abs=4 * math.sqrt(0.3 * 0.7 / 4000))


def test_a_model_in_words_thinks_no_latents(planner):
    trace = planner.reason(PROBLEMS, max_latents=0)
    assert trace.latents.shape == (7, 0, 32) and trace.n_latents.tolist() == [0] * 7
    assert trace.answer.shape[0] == 7 and planner.step_texts(trace) == [[]] * 7
    replay = planner.model.replay(trace)
    assert replay.mu.shape == (7, 0, 32) and replay.stop_logits.shape == (7, 0)


# --- what it costs ---


def test_a_finished_row_costs_nothing_and_a_question_is_read_once(planner):
    question, mask = ask(planner)
    with torch.no_grad(), Reads(planner.model.backbone) as reads:
        trace = planner.model.think(question, mask, group_size=2, sample=True, sigma=0.3)
    thinking = [(int((trace.n_latents >= t).sum()), 1) for t in range(1, int(trace.n_latents.max()) + 1)]
    assert reads == [tuple(question.shape), *thinking]
    assert len({rows for rows, _ in thinking}) > 2  # rows did leave the batch


def test_answers_cost_one_call_a_token_and_finished_rows_leave(planner):
    question, mask = ask(planner)
    with torch.no_grad():
        trace = planner.model.think(question, mask, group_size=4, sample=True, sigma=0.3)
        with Reads(planner.model.backbone) as reads:
            answered = planner.model.answer(trace, max_tokens=8)
    tokens = answered.n_answer_tokens
    assert len(reads) == tokens.max() and reads[0] == (28, 1)  # <|end-latent|>, then every token but the last
    for i, (rows, positions) in enumerate(reads[1:], start=1):
        writing = int((tokens > i).sum())
        assert positions == 1 and writing <= rows <= 2 * writing


def test_decoding_reads_all_steps_at_once(planner):
    trace = planner.reason(PROBLEMS, decode=False)
    c = planner.model.config.latents_per_step
    with Reads(planner.model.decoder.lm) as reads:
        planner.model.decode(trace)
    assert reads[0] == (int(trace.n_latents.sum()) // c, c)
    assert all(positions == 1 for _, positions in reads[1:]) and len(reads) <= 8


def test_replay_is_one_pass_over_questions_and_one_over_the_rest(planner):
    trace = sampled(planner)
    with Reads(planner.model.backbone) as reads:
        planner.model.replay(trace)
    rows, wide = trace.answer.shape[0], trace.latents.shape[1] + trace.answer.shape[1]
    assert reads == [tuple(trace.question.shape), (rows, wide)]


# --- greedy, sampled ---


def test_greedy_is_deterministic_and_takes_the_mean(planner):
    torch.manual_seed(1)
    first = planner.reason(PROBLEMS)
    torch.manual_seed(2)
    again = planner.reason(PROBLEMS)
    assert torch.equal(first.latents, first.mu) and torch.equal(first.latents, again.latents)
    assert torch.equal(first.answer, again.answer) and first.steps == again.steps


@pytest.mark.slow
def test_sampled_repeats_with_its_generator_and_only_then(planner):
    first, again, other = sampled(planner, 5), sampled(planner, 5), sampled(planner, 6)
    assert torch.equal(first.latents, again.latents) and torch.equal(first.answer, again.answer)
    assert not torch.equal(first.latents[:, 0], other.latents[:, 0])
    state = torch.get_rng_state()
    sampled(planner, 7)
    assert torch.equal(torch.get_rng_state(), state)  # every draw came from the generator


def test_latents_spread_as_asked(planner):
    question, mask = ask(planner, PROBLEMS[:1])
    for sigma in (0.5, None):
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            trace = planner.model.think(
                question, mask, group_size=2000, max_latents=1, sample=True, sigma=sigma, generator=generator
            )
        z = (trace.latents - trace.mu)[:, 0] / (trace.sigma[:, 0] if sigma is None else sigma)
        assert z.std().item() == pytest.approx(1.0, abs=0.02) and abs(z.mean().item()) < 0.02


@pytest.mark.slow
def test_answer_tokens_follow_the_softmax_at_the_temperature():
    planner = lively_planner()
    question, mask = ask(planner, PROBLEMS[:1])
    with torch.no_grad():
        greedy = planner.model.answer(planner.model.think(question, mask))
        logits = planner.model.replay(greedy).answer_logits[0, 0]
        trace = planner.model.think(question, mask, group_size=4000)
        trace = planner.model.answer(
            trace, max_tokens=1, temperature=2.0, generator=torch.Generator().manual_seed(0)
        )
    expected = torch.softmax(logits / 2.0, -1)
    counts = torch.bincount(trace.answer[:, 0], minlength=len(expected)) / 4000
    close(counts, expected, 4 * math.sqrt(0.25 / 4000))
    close(trace.answer_log_probs[:, 0], expected.log()[trace.answer[:, 0]])


# --- replay ---


@pytest.mark.parametrize("group_size", [1, 3])
def test_replay_equals_the_recurrence_that_was_sampled(planner, group_size):
    trace = sampled(planner, group_size=group_size, problems=PROBLEMS * (4 // group_size))
    assert len(set(trace.n_latents.tolist())) > 2 and len(set(trace.n_answer_tokens.tolist())) > 1
    replay = planner.model.replay(trace)
    real = trace.latent_mask
    close(replay.mu[real], trace.mu[real])
    close(replay.distribution.stddev[real], trace.sigma[real])
    close(replay.stop_logits[real], trace.stop_logits[real])
    scores = torch.log_softmax(replay.answer_logits / 1.3, -1).gather(2, trace.answer[..., None])[..., 0]
    close(scores[trace.answer_mask], trace.answer_log_probs[trace.answer_mask])
    assert (trace.answer_log_probs[~trace.answer_mask] == 0).all()
    # and with the frozen formulas: what counts is what was drawn
    found = policy_log_probs(replay, trace, 0.3, temperature=1.3, latents=False, answer=True)
    close(found.values[:, trace.latents.shape[1] :], trace.answer_log_probs)


def test_replay_sends_gradient_to_weights_and_not_through_the_latents(planner):
    trace = sampled(planner)
    replay = planner.model.replay(trace)
    head = planner.model.latent_head.mean.weight
    (grad,) = torch.autograd.grad(replay.mu[trace.latent_mask].square().sum(), head, retain_graph=True)
    assert grad.abs().sum() > 0
    (none,) = torch.autograd.grad(replay.answer_logits.sum(), head, allow_unused=True)
    assert none is None


# --- errors ---


@pytest.mark.slow
def test_errors_name_the_value_the_place_and_the_way_out(planner):
    model = planner.model
    question, mask = ask(planner)
    with torch.no_grad():
        trace = model.answer(model.think(question, mask))
        with pytest.raises(ValueError, match="answered already.*think"):
            model.answer(trace)
        with pytest.raises(ValueError, match="answered already.*think"):
            model.language_loss(trace, question, mask)
        with pytest.raises(ValueError, match=r"\(7, 16\).*padded on the left"):
            model.think(*(value.flip(1) for value in pad_to(question, mask, 16)))
    blind = tiny_planner(decoder_layers=0)
    thought = blind.reason(PROBLEMS)  # works: the decoder is not needed to answer
    assert thought.step_tokens.shape == (7, 0, 0)
    with pytest.raises(ValueError, match="no decoder.*leave decoding out"):
        blind.model.decode(thought)
    with pytest.raises(ValueError, match="empty batch"):
        planner.reason([])
    with pytest.raises(ValueError, match="temperature is 0.0.*None for the likeliest"):
        planner.reason(PROBLEMS, temperature=0.0)
    stranger = Problem("3+4", ("60+1=61",), "61")  # its label is no token, but only its question is read
    assert len(planner.reason([stranger])) == 1


def pad_to(question, mask, width):
    extra = width - question.shape[1]
    return torch.nn.functional.pad(question, (extra, 0)), torch.nn.functional.pad(mask, (extra, 0))
