"""The architecture of LLaMA-3.2-1B at full size, with random weights: one step of each stage of training in 24 GB.

Not part of `make test`: `python -m pytest -n 0 -s -m large tests/test_llama_1b.py` (15 minutes on one thread).
"""

from pathlib import Path

import pytest

from benchmarks.memory import measured_apart

ROOT = Path(__file__).resolve().parent.parent
SHORT = """
kind: benchmark
benchmark: {name: gsm8k_aug}
sft:
  backbone: meta-llama/Llama-3.2-1B-Instruct
  lora: {rank: 16}
  settings: {first_stage: 1, stage_steps: [1, 1], batch_size: 4}
rl:
  init: nowhere
  lora: {rank: 16}
  settings: {questions: 2, group_size: 4}
plan:
  lengths: {problems: 1000, question: 40, steps: 2, step: 8, chain: 18, answer: 2}
"""


@pytest.mark.slow
@pytest.mark.large
@pytest.mark.parametrize("part", ["sft", "rl"])
def test_a_step_with_lora_fits_into_24_gb(part, tmp_path):
    config = tmp_path / "llama-1b-short.yaml"
    config.write_text(f"{SHORT}  architecture: {ROOT}/configs/architectures/llama-3.2-1b.json\n")
    found = measured_apart(config, part, "resident")
    print(f"\n{part}: planned {found['planned'] / 1e9:.2f} GB, resident grew by {found['resident'] / 1e9:.2f} GB, "
          f"process {found['process'] / 1e9:.2f} GB, {found['resident seconds']} s with building")  # fmt: skip
    assert found["process"] < 24e9 and found["planned"] == pytest.approx(found["resident"], rel=0.15)
