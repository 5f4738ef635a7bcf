"""Signal and noise of gradients: the statistics by hand, and the page that is made from the kept numbers."""

import json
from pathlib import Path

import pytest
import torch
from small import PROBLEMS, lively_planner

from atp_lite.rl import REWARDS
from benchmarks import estimators
from benchmarks.estimators import Gradients, cosine, interval, measure, moments, snr
from benchmarks.evidence import fill

ROOT = Path(__file__).parents[1]


def test_signal_and_noise_by_hand():
    """g = (3, 4) + (1, 0), (-1, 0), (0, 0): the mean inner product of two is 25 + (-1 + 0 + 0) / 3."""
    rows = torch.tensor([[4.0, 4.0], [2.0, 4.0], [3.0, 4.0]]).double()
    gram = rows @ rows.T
    signal, noise = moments(gram, torch.ones(3).double())
    assert signal == pytest.approx(25 - 1 / 3) and noise == pytest.approx(1.0)  # (1 + 1 + 0) / (3 - 1)
    again, _ = moments(gram, torch.tensor([2.0, 1.0, 0.0]).double())
    assert again == pytest.approx(4 * 2 + 4 * 4), "a rollout that was drawn twice is no pair with itself"


@pytest.mark.slow
def test_pure_noise_has_no_signal_and_signal_is_not_made_larger_by_noise():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(24, 5000, generator=generator).double()
    found = snr(noise @ noise.T)
    assert found["low"] == 0 and found["mean"] < 0.01
    rows = noise + torch.eye(5000)[0] * 50  # ||m||^2 = 2500, the trace of the covariance 5000
    found = snr(rows @ rows.T)
    assert found["low"] < 0.5 < found["high"] and found["mean"] == pytest.approx(0.5, rel=0.1)
    many = torch.randn(400, 5000, generator=generator).double() + 50 * (
        0.6 * torch.eye(5000)[0] + 0.8 * torch.eye(5000)[1]
    )
    found = cosine(rows, many)
    assert found["mean"] == pytest.approx(0.6, abs=0.06) and found["low"] < 0.6 < found["high"]


def test_an_interval_holds_the_statistic_of_all():
    found = interval(lambda weights: float(weights[0] @ torch.arange(10).double() / weights[0].sum()), [10])
    assert found["mean"] == 4.5 and found["low"] < 3.5 and found["high"] > 5.5


def test_the_gradient_of_the_expected_reward_is_a_score_function_of_all_that_was_drawn():
    """Row by row through the parallel pass, and nothing of what does not learn."""
    gradients = Gradients(lively_planner(), PROBLEMS[:2], ["length"])
    trace, gains = gradients.rollout(0)
    gain = gains["length"]
    assert gain.any() and len(gradients.of_expected_reward(trace, gain)) == sum(p.numel() for p in gradients.parameters)
    replay = gradients.model.replay(trace)
    latents = -0.5 * ((trace.latents - replay.mu) / gradients.sigma).square().sum(-1)
    answers = replay.answer_logits.log_softmax(-1).gather(2, trace.answer[..., None])[..., 0]
    total = (latents * trace.latent_mask).sum(1) + (answers * trace.answer_mask).sum(1)
    expected = gradients.uphill(-(gain * total).mean())
    torch.testing.assert_close(gradients.of_expected_reward(trace, gain), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_every_way_is_measured_and_one_asks_no_reward(monkeypatch):
    planner = lively_planner()
    gradients = Gradients(planner, PROBLEMS[1:4], ["chain", "correct"])
    trace, _ = gradients.rollout(1)
    gains = torch.ones(len(trace)), torch.linspace(-1, 1, len(trace))
    same = {way.name: torch.equal(*(gradients.of(way, trace, gain) for gain in gains)) for way in estimators.WAYS}
    assert [name for name, is_same in same.items() if is_same] == ["true answer, through all latents"]
    with pytest.raises(ValueError, match="no try earned another reward 'correct'"):
        measure(planner, PROBLEMS[1:4], ["correct"], rounds=2, true_rounds=2)
    monkeypatch.setitem(REWARDS, "correct", lambda trace, problems: (trace.answer[:, 0] % 7).float())
    found = measure(planner, PROBLEMS[1:4], ["correct"], rounds=8, true_rounds=8)
    assert [way["reward"] for way in found["ways"]] == ["correct"] * 4
    assert all(way["seconds"] > found["rollout_seconds"] > 0 for way in found["ways"])


def test_the_page_carries_the_kept_numbers_and_says_what_they_say():
    numbers = json.loads((ROOT / estimators.NUMBERS).read_text())
    text = (ROOT / estimators.PAGE).read_text()
    made = estimators.tables(numbers)
    assert text.count("<!-- table ") == len(made)
    assert fill(text, made) == text, "run python -m benchmarks.estimators --draw"
    ways = {way["name"]: way for way in numbers["domains"]["arithmetic"]["ways"]}
    score, decoder = ways["score function of latents"], ways["through the decoder"]
    assert (
        decoder["snr"]["mean"] > 10 * score["snr"]["mean"]
        and decoder["per_second"]["low"] > score["per_second"]["high"]
    )
    assert decoder["cosine"]["low"] > 0.8
    alone, through = ways["score function of the answer alone"], ways["answer, through all latents"]
    assert alone["cosine"]["high"] < through["cosine"]["low"]
    true = ways["true answer, through all latents"]
    assert true["snr"]["low"] > max(way["snr"]["high"] for way in ways.values() if way is not true)
    assert true["cosine"]["high"] < 0.9
