"""Speed as ratios within one process: what thinking in latents costs beside plain transformers code.

    python -m benchmarks.speed

Each ratio is the median over rounds of (ours / plain), the two timed one after the other in every round, so that a busy
machine slows both. Model: LLaMA, hidden size 256, 4 layers, vocabulary 4096; questions of 32 tokens, answers of 16.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from atp_lite.model import LatentReasoner, ReasonerConfig
from atp_lite.tokens import Batch

VOCABULARY, QUESTION, ANSWER = 4096, 32, 16
LLAMA = dict(
    model_type="llama",
    vocab_size=VOCABULARY,
    hidden_size=256,
    intermediate_size=688,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=256,
    pad_token_id=0,
    bos_token_id=None,
    eos_token_id=1,
)


@dataclass(frozen=True)
class Ratio:
    """How many times as long ours takes."""

    name: str
    median: float
    lowest: float
    highest: float


def reasoner(decoder_layers: int = 0, max_latents: int = 64) -> LatentReasoner:
    torch.manual_seed(0)
    config = ReasonerConfig(
        backbone=dict(LLAMA, num_hidden_layers=4),
        decoder=dict(LLAMA, num_hidden_layers=decoder_layers) if decoder_layers else None,
        max_latents=max_latents,
        start_id=2,
        end_id=3,
        eos_id=1,
        pad_id=0,
    )
    return LatentReasoner(config)


def random_batch(rows: int, latents: int, step_tokens: int = 6) -> Batch:
    """A batch of random tokens: `latents` latents a row, then 16 tokens of language."""
    generator = torch.Generator().manual_seed(0)

    def tokens(*shape: int) -> torch.Tensor:
        return torch.randint(4, VOCABULARY, shape, generator=generator)

    question, language, steps = tokens(rows, QUESTION), tokens(rows, ANSWER + 1), tokens(rows, latents, step_tokens)
    return Batch(
        problems=[],
        question=question,
        question_mask=torch.ones_like(question),
        n_latents=torch.full((rows,), latents),
        language=language,
        language_mask=torch.ones_like(language),
        steps=steps,
        steps_mask=torch.ones_like(steps),
    )


def compare(name: str, ours: Callable[[], None], plain: Callable[[], None], rounds: int) -> Ratio:
    ours(), plain()  # warm up
    ratios = []
    for _ in range(rounds):
        times = []
        for run in (ours, plain):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        ratios.append(times[0] / times[1])
    return Ratio(name, statistics.median(ratios), min(ratios), max(ratios))


def sft_ratio(rows: int, latents: int, decoder_layers: int = 0, rounds: int = 15) -> Ratio:
    """One SFT step (four losses, forward and backward) against a plain causal LM over as many tokens."""
    model, batch = reasoner(decoder_layers), random_batch(rows, latents)
    plain = LlamaForCausalLM(LlamaConfig(**LLAMA, num_hidden_layers=4))
    words = torch.randint(4, VOCABULARY, (rows, QUESTION + latents + ANSWER + 1))
    labels = words.clone()
    labels[:, : QUESTION + latents + 1] = -100  # the loss is on the answer, as in ours

    def ours() -> None:
        model.zero_grad()
        model.sft_losses(batch).total(1e-3).backward()

    def theirs() -> None:
        plain.zero_grad()
        plain(input_ids=words, labels=labels).loss.backward()

    extra = f", {decoder_layers}-layer decoder" if decoder_layers else ""
    return compare(f"SFT step, B={rows}, T={latents}{extra}", ours, theirs, rounds)


@torch.no_grad()
def generation_ratio(rows: int, latents: int, rounds: int = 15) -> Ratio:
    """think + answer, rows stopping at different times, against `generate` of the same number of positions a row."""
    model = reasoner().eval()
    batch = random_batch(rows, latents)
    lengths = torch.randint(1, latents + 1, (rows,), generator=torch.Generator().manual_seed(1))
    lengths[0] = latents  # the longest row thinks `latents`, so both take as many steps one after the other
    model.config.eos_id = -1  # nobody stops writing early
    plain = LlamaForCausalLM(LlamaConfig(**LLAMA, num_hidden_layers=4)).eval()
    new = latents + ANSWER
    how = GenerationConfig(max_new_tokens=new, min_new_tokens=new, do_sample=False, pad_token_id=0, eos_token_id=1)

    def ours() -> None:
        model.answer(model.think(batch.question, batch.question_mask, lengths=lengths), max_tokens=ANSWER)

    def theirs() -> None:
        plain.generate(input_ids=batch.question, attention_mask=batch.question_mask, generation_config=how)

    return compare(f"generation, B={rows}, T up to {latents}, ragged stops", ours, theirs, rounds)


def main(rounds: int = 15) -> list[Ratio]:
    torch.set_num_threads(1)
    ratios = [
        sft_ratio(16, 6, rounds=rounds),
        sft_ratio(16, 6, decoder_layers=1, rounds=rounds),
        sft_ratio(8, 20, rounds=rounds),
        generation_ratio(32, 6, rounds=rounds),
    ]
    print(f"| {'ours / plain transformers, 1 thread':<52} | median | lowest | highest |\n|---|---|---|---|")
    for ratio in ratios:
        print(f"| {ratio.name:<52} | {ratio.median:.2f} | {ratio.lowest:.2f} | {ratio.highest:.2f} |")
    return ratios


if __name__ == "__main__":
    main()
