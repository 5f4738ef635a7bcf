"""Guard rails on speed, as ratios within one process; the full benchmark is `python -m benchmarks.speed`."""

import pytest
import torch

from benchmarks.speed.ratios import generation_ratio, sft_ratio


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("method", ["atp-no-decoder", "atp"])
def test_sft_step_costs_at_most_half_more_than_plain_training(method):
    ratio, positions = sft_ratio(16, 6, method, rounds=9)
    assert positions == 32 + 6 + 1 + 16, "the plain model reads as many: question, latents, <|end-latent|>, answer"
    assert ratio.median <= 1.5


def test_batched_generation_costs_at_most_a_third_more_than_generate():
    assert generation_ratio(32, 6, rounds=9).median <= 1.3
