"""The model that is timed, and its problems: LLaMA, hidden size 256, 4 layers, vocabulary 4096, or one given."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from atp_lite.domains import ArithmeticSettings, Problem
from atp_lite.methods import METHODS, Method
from atp_lite.model import LatentReasoner, ReasonerConfig
from atp_lite.planner import Planner
from atp_lite.tokens import Collator, domain_tokenizer

QUESTION, ANSWER = 32, 16
"""Tokens of a question with its `<|start-latent|>`, and of an answer with its `<eos>`."""
STEP = 6
"""Tokens of a step with its `<eos>`; the decoder of a model that has learned nothing writes to this limit."""
LARGEST = 4082
"""Numbers up to it are one token each; with signs and special tokens that is a vocabulary of 4096."""
LLAMA = dict(
    model_type="llama",
    vocab_size=4096,
    hidden_size=256,
    intermediate_size=688,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=512,
    pad_token_id=0,
    bos_token_id=None,
    eos_token_id=1,
)
LAYERS = LLAMA["num_hidden_layers"]


def problems(rows: int, steps: int, question: int = QUESTION) -> list[Problem]:
    """Random sums: `question` - 1 tokens, `steps` steps of five tokens, an answer of 15."""
    draw = random.Random(0)

    def numbers(tokens: int, sign: str) -> str:
        return "".join(str(draw.randint(0, LARGEST)) if i % 2 == 0 else sign for i in range(tokens))

    return [
        Problem(
            numbers(question - 1, "+"),
            tuple(f"{numbers(3, '+')}={numbers(1, '')}" for _ in range(steps)),
            numbers(ANSWER - 1, "-"),
        )
        for _ in range(rows)
    ]


def planner(
    method: str, latents: int, decoder_layers: int = 1, llama: Mapping[str, Any] = LLAMA, latents_per_step: int = 1
) -> Planner:
    """A fresh planner for one of `METHODS` (see `method_of`), of this architecture, on torch's default device.

    latents: of a fixed layout, or the limit; a multiple of `latents_per_step`.
    """
    tokenizer = domain_tokenizer("arithmetic", ArithmeticSettings(max_value=LARGEST))
    ids = Collator(tokenizer)
    config = ReasonerConfig(
        backbone=dict(llama),
        decoder=dict(llama, num_hidden_layers=decoder_layers),
        latents_per_step=latents_per_step,
        max_latents=latents,
        max_answer_tokens=ANSWER,
        max_step_tokens=STEP,
        start_id=ids.start_id,
        end_id=ids.end_id,
        eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id,
        domain="arithmetic",
    )
    torch.manual_seed(0)
    start = Planner(LatentReasoner(config), tokenizer)
    return method_of(method).start(start, latents // latents_per_step, latents)


def method_of(name: str) -> Method:
    """One of `METHODS`, or one without its decoder: `atp-step-no-decoder`."""
    if name in METHODS:
        return METHODS[name]
    return replace(METHODS[name.removesuffix("-no-decoder")], name=name, decoder=False)


def plain_lm(llama: Mapping[str, Any] = LLAMA) -> LlamaForCausalLM:
    """The plain model, on torch's default device."""
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**llama))


Autocast = Callable[[], AbstractContextManager[None]]


def plain_step(
    rows: int,
    positions: int,
    frugal: bool = False,
    lm: LlamaForCausalLM | None = None,
    autocast: Autocast = nullcontext,
) -> Callable[[], None]:
    """Forward and backward of the plain model over rows of `positions` tokens, the loss on the answer.

    As transformers does it, logits are computed at every position; `frugal` computes those of the answer only.
    """
    lm = plain_lm() if lm is None else lm
    words = torch.randint(4, LLAMA["vocab_size"], (rows, positions), generator=torch.Generator().manual_seed(0))
    words = words.to(lm.device)
    labels = words.clone()
    labels[:, :-ANSWER] = -100

    def step() -> None:
        lm.zero_grad()
        with autocast():
            if frugal:
                logits = lm(input_ids=words, logits_to_keep=ANSWER + 1).logits[:, :-1]  # (B, A, V)
                loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), words[:, -ANSWER:].flatten())
            else:
                loss = lm(input_ids=words, labels=labels).loss
        loss.backward()

    return step


def sft_step(
    method: str,
    rows: int,
    latents: int,
    question: int = QUESTION,
    model: Planner | None = None,
    autocast: Autocast = nullcontext,
) -> tuple[Callable[[], None], float]:
    """A step of supervised training by `method` (all its losses, forward and backward), and positions read per row.

    latents: all of them, so `latents / c` steps. model: a planner that this method has started; None makes one.
    """
    how, model = method_of(method), planner(method, latents) if model is None else model
    n_steps = latents // model.model.config.latents_per_step
    encoded = model.collate.encode(problems(rows, n_steps, question))
    stage = 0 if how.stages == "words" else n_steps
    read = model.collate.count(encoded, stage) / rows
    if method == "codi":  # the teacher reads the whole chain in words
        read += model.collate.count(encoded, 0) / rows
    generator = torch.Generator(model.model.device).manual_seed(0)

    def step() -> None:
        model.model.zero_grad()
        with autocast():
            loss = how.total(how.losses(model, encoded, stage, True, generator), 1e-3)
        loss.backward()

    return step, read
