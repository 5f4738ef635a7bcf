"""What thinking in latents costs beside plain transformers code that reads or writes as many tokens."""

from __future__ import annotations

from collections.abc import Callable

import torch
from transformers import GenerationConfig, LlamaForCausalLM

from atp_lite.methods import METHODS
from atp_lite.planner import Planner
from benchmarks.speed.clock import Ratio, compare
from benchmarks.speed.models import ANSWER, QUESTION, plain_lm, plain_step, planner, problems, sft_step

PROMISED = {(16, 6): 1.35, (8, 20): 2.8}
"""(rows, latents) -> what a training step without decoder may cost."""
PARALLEL = 1.10
"""What a training step without decoder may cost where all latents are known, whatever their number."""
GENERATION = {(32, 6): 1.25}
"""(rows, latents at most) -> what batched generation may cost."""


def sft_ratio(rows: int, latents: int, method: str = "atp-no-decoder", rounds: int = 15) -> tuple[Ratio, float]:
    """A training step of `method` against forward and backward of the plain model over as many positions.

    Returns the ratio and the positions of a row.
    """
    ours, positions = sft_step(method, rows, latents)
    promised = {"atp-no-decoder": PROMISED.get((rows, latents)), "atp-step-no-decoder": PARALLEL}
    return compare(method, ours, plain_step(rows, round(positions)), rounds, promised.get(method)), positions


def frugal_ratio(rows: int, latents: int, rounds: int = 15) -> Ratio:
    """The same against a plain model that computes logits of the answer only, as ours does."""
    ours, positions = sft_step("atp-no-decoder", rows, latents)
    name = f"training step / plain step with logits of the answer only, B={rows}, T={latents}"
    return compare(name, ours, plain_step(rows, round(positions), frugal=True), rounds)


def rival_ratios(rows: int, latents: int, rounds: int = 15) -> list[tuple[Ratio, float]]:
    """Every method by itself; ATP-Latent without its decoder first, recurrent and with the step posterior."""
    bare = ["atp-no-decoder", "atp-step-no-decoder"]
    names = [*bare, *(name for name in METHODS if name not in bare)]
    return [sft_ratio(rows, latents, name, rounds) for name in names]


def generations(
    rows: int, latents: int, owner: Planner, plain: LlamaForCausalLM, question: int = QUESTION
) -> tuple[Callable[[], None], Callable[[], None], int]:
    """think + answer, `generate` of as many tokens in all, and how many that are for each row.

    Our rows stop after 1 to `latents` latents, evenly spread; then each writes `ANSWER` tokens. The plain model writes
    the mean of that for every row.
    """
    model, plain = owner.model.eval(), plain.eval()
    n_steps = latents // model.config.latents_per_step
    batch = owner.collate(problems(rows, n_steps, question), n_steps).to(model.device)
    lengths = (torch.arange(rows) % latents + 1).to(model.device)
    model.config.eos_id = -1  # nobody ends the answer early
    new = round(lengths.float().mean().item()) + 1 + ANSWER  # latents, <|end-latent|>, answer
    how = GenerationConfig(max_new_tokens=new, min_new_tokens=new, do_sample=False, pad_token_id=0, eos_token_id=1)

    @torch.no_grad()
    def ours() -> None:
        model.answer(model.think(batch.question, batch.question_mask, lengths=lengths), max_tokens=ANSWER)

    def theirs() -> None:
        plain.generate(input_ids=batch.question, attention_mask=batch.question_mask, generation_config=how)

    return ours, theirs, new


def generation_ratio(rows: int, latents: int, rounds: int = 15) -> Ratio:
    """think + answer against `generate`: `generations`."""
    ours, theirs, _ = generations(rows, latents, planner("atp-no-decoder", latents), plain_lm())
    limit = GENERATION.get((rows, latents))
    return compare(f"batched generation, B={rows}, T=1 to {latents}", ours, theirs, rounds, limit)


@torch.no_grad()
def group_ratio(questions: int, group_size: int, latents: int, rounds: int = 15) -> Ratio:
    """Thinking G times about a question that is read once, against reading it G times."""
    owner = planner("atp-no-decoder", latents)
    batch = owner.collate(problems(questions, latents, question=128), latents)
    again, mask = (value.repeat_interleave(group_size, 0) for value in (batch.question, batch.question_mask))
    lengths = batch.n_latents
    think = owner.model.think
    return compare(
        f"group read once / G times, {questions} questions of 128 tokens, G={group_size}",
        lambda: think(batch.question, batch.question_mask, lengths=lengths, group_size=group_size),
        lambda: think(again, mask, lengths=lengths.repeat_interleave(group_size)),
        rounds,
    )


@torch.no_grad()
def replay_ratio(rows: int, latents: int, rounds: int = 15) -> Ratio:
    """All log-probabilities of a trajectory in one pass, against the recurrence that thought and wrote it."""
    owner = planner("atp-no-decoder", latents)
    owner.model.config.eos_id = -1
    batch = owner.collate(problems(rows, latents), latents)

    def reason():
        return owner.model.answer(owner.model.think(batch.question, batch.question_mask, lengths=batch.n_latents))

    trace = reason()
    return compare(
        f"parallel pass / recurrence, B={rows}, T={latents}, {ANSWER} answer tokens",
        lambda: owner.model.replay(trace),
        reason,
        rounds,
    )
