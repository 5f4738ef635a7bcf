"""The figures of docs/scale.md, worked out again from a public configuration and the sizes that this code gives it."""

import re
from pathlib import Path

import pytest
import torch

from atp_lite.engine.sharding import fsdp_layers
from atp_lite.model import LatentReasoner, ReasonerConfig

LLAMA_8B = dict(
    model_type="llama",
    vocab_size=128_256,
    hidden_size=4096,
    intermediate_size=14_336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    tie_word_embeddings=False,
)
HEAD_SIZE, BYTES = 128, 2  # of a key or a value; of a number in bfloat16
TURNS = 20
"""Latents of a problem (the paper's largest)."""
TOKENS = 100
"""Of a question and an answer: assumed, as for grade-school word problems."""
NODE, CLUSTER = 450e9, 50e9
"""Bytes a second that a GPU can receive: NVLink of an H100, and one 400 Gb/s link."""


def billions(value: float) -> str:
    return f"{value / 1e9:.1f}"


def figures() -> dict[str, str]:
    with torch.device("meta"):
        model = LatentReasoner(ReasonerConfig(backbone=LLAMA_8B, decoder=LLAMA_8B | {"num_hidden_layers": 2}))
    size = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    whole, layers = size(model), sum(map(size, fsdp_layers(model)))
    own = sum(map(size, fsdp_layers(model.backbone)))  # read in every turn
    rest = whole - layers
    found = {"backbone": size(model.backbone), "decoder": size(model.decoder), "all": whole, "rest": rest}
    found["layer"] = size(fsdp_layers(model)[0])
    for gpus in (8, 64):
        found[f"SFT state of {gpus}"] = 16 * whole / gpus
        rl = 16 * (whole - size(model.decoder)) + 4 * size(model.decoder) + 2 * 4 * whole  # start and average
        found[f"RL state of {gpus}"] = rl / gpus
    found |= {"state": 16 * whole, "rest gathered": 8 * rest, "rollout gathered": 2 * layers + 4 * rest}
    found |= {"bf16 weights": 2 * whole}
    token = 2 * 32 * 8 * HEAD_SIZE * BYTES
    length = TOKENS + TURNS + 1
    for trajectories in (64, 512):
        found[f"cache of {trajectories}"] = token * length * trajectories
    text = {name: billions(value) for name, value in found.items()}
    text |= {"cache of a token": f"{token:,}", "positions": str(length)}
    reads = TURNS + 2
    moved = reads * (2 * 2 * own + 4 * own)  # gathered twice in bfloat16, gradients added up in float32
    text |= {"moved": f"{moved / 1e9:.0f}"}
    text |= {f"seconds at {int(speed / 1e9)}": f"{moved / speed:.1f}" for speed in (NODE, CLUSTER)}
    text |= {"epoch": f"{7473 * length / 1e6:.1f}"}
    return text


FIGURES = figures()


def stands_in(figure: str, text: str) -> bool:
    """As a number of its own, not as a part of another."""
    return re.search(rf"(?<![0-9.,]){re.escape(figure)}(?![.,]?[0-9])", text) is not None


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_stands_in_the_plan(name):
    page = (Path(__file__).resolve().parent.parent / "docs/scale.md").read_text(encoding="utf-8")
    plan = page[page.index("## Eight billion") :]
    assert stands_in("0.2", "a layer 0.2, and") and not stands_in("0.2", "10.2 and 0.25 and 0.2,5")
    assert stands_in(FIGURES[name], plan), f"{name}: {FIGURES[name]}"


if __name__ == "__main__":
    for name, value in FIGURES.items():
        print(f"{name}: {value}")
