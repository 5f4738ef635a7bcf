"""Intervals and pass@k against scipy, published values and counting; outcomes by hand."""

import itertools
import json
import math
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from small import PROBLEMS, lively_planner, tiny_planner, told_trace

from atp_lite.domains import DOMAINS, Problem, same_answer, same_number
from atp_lite.evaluation.evaluate import EvalSettings, evaluate, mean_interval, outcomes, pass_at_k, wilson


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)  # the last is the worked example of Newcombe 1998, table I
def test_wilson_gives_published_values(hits, n, low, high):
    found = wilson(hits, n)
    assert (found.mean, found.n) == (hits / n, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(1, 500), st.data())
def test_wilson_equals_scipy(n, data):
    hits = data.draw(st.integers(0, n))
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    found = wilson(hits, n)
    assert found.low == pytest.approx(expected.low, abs=1e-9)
    assert found.high == pytest.approx(expected.high, abs=1e-9)


def test_mean_interval_by_hand():
    # mean 2, sample variance ((1)^2 + 0 + (1)^2) / 2 = 1
    found = mean_interval([1, 2, 3])
    assert found.mean == 2 and found.high - 2 == pytest.approx(1.959964 / math.sqrt(3))
    assert found.high - 2 == pytest.approx(2 - found.low)
    assert mean_interval([5.0]).low == 5.0


@given(st.integers(1, 7), st.data())
def test_pass_at_k_equals_counting_every_choice(n, data):
    right, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    draws = list(itertools.combinations([True] * right + [False] * (n - right), k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_errors_name_the_numbers():
    for wrong in (lambda: wilson(3, 2), lambda: wilson(0, 0), lambda: wilson(-1, 4)):
        with pytest.raises(ValueError, match="hits of"):
            wrong()
    for n, right, k in ((4, 2, 5), (4, 5, 1), (4, 2, 0)):
        with pytest.raises(ValueError, match=f"pass@{k} from {n} samples"):
            pass_at_k(n, right, k)
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])
    with pytest.raises(ValueError, match="no problems"):
        evaluate(tiny_planner(), [])


# --- outcomes ---

TWO = Problem("(3+4)*2", ("3+4=7", "7*2=14"), "14", id="two")


def test_an_outcome_by_hand():
    trace = told_trace(
        answers=["14.0", "15", "14"],
        steps=[["3+4=7", "7*2=14"], ["3+4=7", "3+4=7", "8+7=16"], ["7*2=14"]],
        problems=[TWO] * 3,
    )
    first, second, third = outcomes(trace)
    assert first.correct and first.stop_right and first.id == "two"
    assert (first.coherence, first.right_steps, first.matched_steps) == (1.0, 1.0, 1.0)
    assert (first.n_steps, first.n_latents, first.n_answer_tokens) == (2, 2, 2)
    assert not second.correct and not second.stop_right
    # both 3+4=7 are used by the third step; it is wrong, and its 16 is not 15; one reference step is matched once
    assert second.coherence == pytest.approx(2 / 3) and second.right_steps == pytest.approx(2 / 3)
    assert second.matched_steps == pytest.approx(1 / 3)
    assert third.correct and not third.stop_right and third.matched_steps == 1.0


def test_steps_in_words_count_as_steps_and_c_latents_as_one():
    words = told_trace(["14"], [["3+4=7", "7*2=14"]], [TWO], n_latents=[2])  # one latent step, one in words
    (found,) = outcomes(words, latents_per_step=2)
    assert found.n_latents == 2 and found.stop_right
    (alone,) = outcomes(told_trace(["14"], [["3+4=7"]], [TWO], n_latents=[2]), latents_per_step=2)
    assert not alone.stop_right


# --- evaluate ---


@pytest.fixture(scope="module")
def planner():
    return lively_planner()


def labelled(planner) -> list[Problem]:
    """The problems, some of them with what this planner happens to answer as their reference."""
    trace = planner.reason(PROBLEMS)
    numbers = [i for i, answer in enumerate(trace.answers) if same_number(answer, answer)]
    assert 0 < len(numbers) < len(PROBLEMS)
    return [
        Problem(p.question, p.steps, trace.answers[i] if i in numbers else "1", id=str(i))
        for i, p in enumerate(PROBLEMS)
    ]


def test_evaluate_adds_up_what_reason_finds(planner):
    problems = labelled(planner)
    trace = planner.reason(problems)
    result = evaluate(planner, problems, EvalSettings(batch_size=3))
    by_id = {o.id: o for o in result.outcomes}
    assert sorted(by_id) == [str(i) for i in range(7)]
    for i, problem in enumerate(problems):
        outcome = by_id[str(i)]
        assert outcome.answer == trace.answers[i] and outcome.steps == tuple(trace.steps[i])
        assert outcome.correct == same_number(trace.answers[i], problem.answer)
        assert outcome.n_latents == trace.n_latents[i]
        assert outcome.n_answer_tokens == trace.n_answer_tokens[i]
    metrics = result.summary()
    assert metrics["accuracy"].mean == sum(o.correct for o in result.outcomes) / 7 > 0
    assert metrics["latents"].mean == pytest.approx(trace.n_latents.float().mean().item())
    assert metrics["answer_tokens"].mean == pytest.approx(trace.n_answer_tokens.float().mean().item())
    mean_sigma = trace.sigma[trace.latent_mask].mean().item()
    assert result.sigma == pytest.approx(mean_sigma, rel=1e-5)
    by_steps = result.by_steps()
    assert {n: m["accuracy"].n for n, m in by_steps.items()} == {1: 2, 2: 2, 3: 3}
    weighted = sum(m["coherence"].mean * m["coherence"].n for m in by_steps.values()) / 7
    assert weighted == pytest.approx(metrics["coherence"].mean)


def test_pass_at_k_of_a_planner_counts_its_own_samples(planner):
    problems = labelled(planner)
    result = evaluate(planner, problems, EvalSettings(samples=4, sigma=0.02, seed=3))
    generator = torch.Generator().manual_seed(3)
    order = sorted(problems, key=lambda p: (len(p.question), len(p.steps)))
    right = [0] * 7
    for _ in range(4):
        drawn = planner.reason(order, sample=True, sigma=0.02, decode=False, generator=generator)
        for i, problem in enumerate(order):
            right[i] += same_number(drawn.answers[i], problem.answer)
    assert result.sampled == [(4, r) for r in right] and 0 < sum(right) < 28
    metrics = result.summary()
    assert metrics["sampled_accuracy"].mean == pytest.approx(sum(right) / 28)
    assert metrics["pass@4"].mean == pytest.approx(sum(r > 0 for r in right) / 7)
    assert set(metrics) >= {"pass@1", "pass@2", "pass@4"} and "pass@8" not in metrics


def test_evaluating_leaves_the_model_as_it_was(planner):
    planner.model.train()
    evaluate(planner, PROBLEMS[:2])
    assert planner.model.training
    planner.model.eval()
    evaluate(planner, PROBLEMS[:2])
    assert not planner.model.training


def test_reports_say_the_numbers(planner, tmp_path):
    result = evaluate(planner, labelled(planner))
    metrics = result.summary()
    table = result.to_markdown().splitlines()
    assert len({line.count("|") for line in table}) == 1
    assert table[2] == "| problems | 7 | 2 | 2 | 3 |"
    accuracy = metrics["accuracy"]
    cell = f"{100 * accuracy.mean:.1f} [{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}]"
    assert any(line.startswith(f"| accuracy, % | {cell} |") for line in table)
    data = json.loads(json.dumps(result.to_json()))
    assert data["metrics"]["accuracy"]["mean"] == pytest.approx(accuracy.mean, abs=1e-6)
    assert set(data["by_steps"]) == {"1", "2", "3"}
    result.write_outcomes(tmp_path / "outcomes.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "outcomes.jsonl").read_text().splitlines()]
    assert [line["answer"] for line in lines] == [o.answer for o in result.outcomes]


def test_without_decoding_no_step_metric_is_claimed(planner):
    metrics = evaluate(planner, PROBLEMS, EvalSettings(decode=False)).summary()
    assert set(metrics) == {"accuracy", "latents", "answer_tokens"}
    blind = evaluate(tiny_planner(decoder_layers=0), PROBLEMS).summary()
    assert "coherence" not in blind and "stop" not in blind


def test_what_counts_as_the_answer():
    trace = SimpleNamespace(
        domain=DOMAINS["arithmetic"],
        n_latents=torch.zeros(2), n_answer_tokens=torch.ones(2), steps=[[], []], answers=["4+9", "9.0000001"],
        problems=[Problem("4+5", ("4+5=9",), "9")] * 2,
    )  # fmt: skip
    assert [o.correct for o in outcomes(trace)] == [False, False], "the whole answer, exactly"
    last = partial(same_answer, relative=1e-6)
    assert [o.correct for o in outcomes(trace, right=last)] == [True, True]
    assert [o.correct for o in outcomes(trace, right=partial(same_number, relative=1e-6))] == [False, True]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(batch_size=0), "batch_size is 0: give 1 or more"),
        (dict(samples=-1), "samples is -1: give 0 or more"),
        (dict(sigma=-0.5), "sigma is -0.5: give 0 or more"),
        (dict(relative=float("nan")), "relative is nan"),
        (dict(temperature=0.0), "temperature is 0.0: give one above 0"),
        (dict(greedy=False), "nothing would be evaluated: give samples, or greedy"),
    ],
)
def test_settings_that_evaluate_nothing_or_for_ever_are_refused(changes, words):
    """A batch of no problems never ended; sampled with a sigma below 0, latents were no numbers."""
    with pytest.raises(ValueError, match=words):
        EvalSettings(**changes)
