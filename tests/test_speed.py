"""Guard rails on speed, as ratios within one process; the full benchmark is `python -m benchmarks.speed`."""

from pathlib import Path

import pytest

from benchmarks.evidence import fill
from benchmarks.speed import page
from benchmarks.speed.__main__ import broken
from benchmarks.speed.growth import plain_operations, think_operations
from benchmarks.speed.ratios import generation_ratio, sft_ratio


@pytest.mark.slow
@pytest.mark.parametrize("method", ["atp-no-decoder", "atp", "atp-step-no-decoder"])
def test_sft_step_costs_at_most_twice_plain_training(method):
    ratio, positions = sft_ratio(16, 6, method, rounds=9)
    assert positions == 32 + 6 + 1 + 16, "the plain model reads as many: question, latents, <|end-latent|>, answer"
    assert ratio.median <= 2.0


@pytest.mark.slow
def test_batched_generation_costs_at_most_a_third_more_than_generate():
    assert generation_ratio(32, 6, rounds=9).median <= 1.3


def test_the_page_carries_the_kept_numbers_and_they_keep_what_is_promised(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    numbers = page.load()
    text = page.PAGE.read_text()
    assert text.count("<!-- table ") == len(page.tables(numbers))
    assert fill(text, page.tables(numbers)) == text, "run python -m benchmarks.speed --draw"
    assert broken(numbers) == []
    numbers["rl"][0]["decode"] = 0.2
    numbers["other"][2]["median"] = 9.0
    assert len(broken(numbers)) == 2


def test_operations_by_hand():
    """One position after none: 4 layers of (4 x 256^2 + 3 x 256 x 688) multiply-adds, attention to itself; logits."""
    layer = 2 * (4 * 256 * 256 + 3 * 256 * 688) + 4 * 256
    assert plain_operations(1) == 4 * layer + 2 * 256 * 4096
    more = think_operations(32, 7) - think_operations(32, 6)
    assert more == pytest.approx(4 * (layer + 4 * 256 * (32 + 6 + 16)) + 10 * 256 * 256, rel=1e-9)
