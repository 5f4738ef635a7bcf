"""Intervals and pass@k against scipy, published values and counting; outcomes by hand."""

import itertools
import json
import math
import random
from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from small import PROBLEMS, lively_planner, made_trace, tiny_planner

from atp_lite.domains import Problem, generate, same_answer, same_number
from atp_lite.evaluation import EvalSettings, evaluate, mean_interval, outcomes, pass_at_k, wilson
from atp_lite.model import RowNoise
from atp_lite.model.decisions import argmax
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, REGIMES


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)  # the last is the worked example of Newcombe 1998, table I
def test_wilson_gives_published_values(hits, n, low, high):
    found = wilson(hits, n)
    assert (found.mean, found.n) == (hits / n, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@pytest.mark.slow
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
    trace = made_trace(
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
    words = made_trace(["14"], [["3+4=7", "7*2=14"]], [TWO], n_latents=[2])  # one latent step, one in words
    (found,) = outcomes(words, latents_per_step=2)
    assert found.n_latents == 2 and found.stop_right
    (alone,) = outcomes(made_trace(["14"], [["3+4=7"]], [TWO], n_latents=[2]), latents_per_step=2)
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_pass_at_k_of_a_planner_counts_its_own_samples(planner):
    problems = labelled(planner)
    result = evaluate(planner, problems, EvalSettings(samples=4, sigma=0.02, seed=3))
    right = [0] * 7
    for i, problem in enumerate(problems):
        for sample in range(4):
            noise = RowNoise([random.Random(f"3/{i}/{sample}").getrandbits(63)])
            drawn = planner.reason([problem], sample=True, sigma=0.02, decode=False, generator=noise)
            right[i] += same_number(drawn.answers[0], problem.answer)
    assert [r.sampled_right for r in result.records] == right and 0 < sum(right) < 28
    metrics = result.summary()
    assert metrics["sampled_accuracy"].mean == pytest.approx(sum(right) / 28)
    assert metrics["pass@4"].mean == pytest.approx(sum(r > 0 for r in right) / 7)
    assert set(metrics) >= {"pass@1", "pass@2", "pass@4"} and "pass@8" not in metrics


@pytest.mark.slow
def test_evaluating_leaves_the_model_as_it_was(planner):
    planner.model.train()
    evaluate(planner, PROBLEMS[:2])
    assert planner.model.training
    planner.model.eval()
    evaluate(planner, PROBLEMS[:2])
    assert not planner.model.training


@pytest.mark.slow
def test_reports_say_the_numbers(planner):
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


def test_without_decoding_no_step_metric_is_claimed(planner):
    metrics = evaluate(planner, PROBLEMS, EvalSettings(decode=False)).summary()
    assert set(metrics) == {"accuracy", "latents", "answer_tokens"}
    blind = evaluate(tiny_planner(decoder_layers=0), PROBLEMS).summary()
    assert "coherence" not in blind and "stop" not in blind


def test_what_counts_as_the_answer():
    trace = made_trace(["4+9", "9.0000001"], [[], []], [Problem("4+5", ("4+5=9",), "9")] * 2)
    assert [o.correct for o in outcomes(trace)] == [False, False], "the whole answer, exactly"
    last = partial(same_answer, relative=1e-6)
    assert [o.correct for o in outcomes(trace, right=last)] == [True, True]
    assert [o.correct for o in outcomes(trace, right=partial(same_number, relative=1e-6))] == [False, True]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(batch_size=0), "batch_size is 0: give 1 or more"),
        (dict(samples=-1), "samples is -1: give a number in .0, inf"),
        (dict(sigma=-0.5), "sigma is -0.5: give a number in .0, 100"),
        (dict(relative=float("nan")), "relative is nan"),
        (dict(temperature=0.0), "temperature is 0.0: give a number in .1e-6, 100"),
        (dict(greedy=False), "nothing would be evaluated: give samples, or greedy"),
    ],
)
def test_settings_that_evaluate_nothing_or_for_ever_are_refused(changes, words):
    """A batch of no problems never ended; sampled with a sigma below 0, latents were no numbers."""
    with pytest.raises(ValueError, match=words):
        EvalSettings(**changes)


# --- the batch size decides nothing ---


def lines(result) -> list[dict]:
    """All that became of every problem, but for the rounding of a mean of spreads."""
    return [record.to_json() | {"sigma": round(record.sigma, 4)} for record in result.records]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        (EvalSettings(), {2: 50, 3: 100, 4: 100}),
        (EvalSettings(greedy=False, samples=3, temperature=1.0, diversity=True), {2: 10, 3: 20, 4: 30}),
    ],
    ids=["greedy", "sampled"],
)
def test_the_batch_size_decides_nothing_of_a_bundled_planner(settings, counts):
    """Trained on wrong labels, so that it is often in two minds."""
    planner = Planner.from_pretrained(CHECKPOINTS / "atp-sft-noisy")
    problems = generate(REGIMES["noisy"], "test", counts)
    expected = lines(evaluate(planner, problems, replace(settings, batch_size=500)))
    for size in (64, 7, 1):
        assert lines(evaluate(planner, problems, replace(settings, batch_size=size))) == expected
    assert len({line.get("answer", line["sampled_right"]) for line in expected}) > 2


class Shaky:
    """A planner whose answers hang on the batch, where a decision is close: as rounding errors do, but always."""

    def __init__(self, planner, monkeypatch, close: set[str]) -> None:
        self.reason, self.close, self.sizes = planner.reason, close, []
        monkeypatch.setattr(planner, "reason", self)

    def __call__(self, problems, group_size=1, **named):
        trace = self.reason(problems, group_size=group_size, **named)
        self.sizes.append(len(trace))
        shaky = [p.id in self.close for p in trace.problems]
        argmax(torch.tensor([[1.0, 1.0 - (5e-5 if is_shaky else 1.0)] for is_shaky in shaky]))
        trace.answers = [str(len(trace)) if is_shaky else "0" for is_shaky in shaky]
        return trace


@pytest.mark.slow
def test_close_decisions_are_made_alone(planner, monkeypatch):
    problems = [replace(p, id=str(i)) for i, p in enumerate(PROBLEMS)]
    shaky = Shaky(planner, monkeypatch, {"2"})
    monkeypatch.setattr(planner.model.config, "max_latents", 0)
    found = evaluate(planner, problems)
    assert [o.answer for o in found.outcomes] == ["1" if i == 2 else "0" for i in range(7)]
    assert shaky.sizes[0] == 7 and shaky.sizes.count(1) <= 2 and sum(shaky.sizes) <= 7 + 7 + 4 + 2
    shaky.sizes.clear()
    drawn = evaluate(planner, [replace(p, answer="1") for p in problems], EvalSettings(samples=4, greedy=False))
    assert [r.sampled_right for r in drawn.records] == [4 if i == 2 else 0 for i in range(7)]
    assert shaky.sizes[0] == 28 and shaky.sizes.count(1) == 4, "every sample of the close problem alone"


@pytest.mark.slow
def test_a_stop_can_be_close(planner, monkeypatch):
    """The limit is a stop that nobody decides, so it is never close."""
    trace = planner.reason(PROBLEMS)
    margin = trace.stop_logits[trace.stop_decided].abs().min().item()
    sizes, reason = [], planner.reason

    def noted(problems, **named):
        sizes.append(len(problems))
        return reason(problems, **named)

    monkeypatch.setattr(planner, "reason", noted)
    monkeypatch.setattr("atp_lite.model.decisions.argmax", lambda scores: scores.argmax(-1))
    monkeypatch.setattr("atp_lite.model.generation.argmax", lambda scores: scores.argmax(-1))
    for close, divided in ((0.99 * margin, False), (1.01 * margin, True)):
        sizes.clear()
        monkeypatch.setattr("atp_lite.evaluation.batches.CLOSE", close)
        evaluate(planner, PROBLEMS)
        assert (len(sizes) > 1) == divided
