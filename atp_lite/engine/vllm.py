"""Answers written by vLLM, which reads question and latents as prompt embeddings: for long answers on a GPU.

    writer = VLLMWriter(planner.model, "exported")
    trace = planner.finish(planner.think(problems), answer=writer)

The planner thinks; vLLM (an engine for text) writes what comes after `<|end-latent|>`, rows joining and leaving at any
time. It cannot think: a latent needs the latent head and the stop head between two forward passes.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

from atp_lite.model import Answered, LatentReasoner, Thought
from atp_lite.model.noise import Noise


def prompt_embeds(model: LatentReasoner, thought: Thought) -> list[Tensor]:
    """What the backbone has read of every row when it begins to answer, (n_b, d) each, without padding.

    Question, `<|start-latent|>`, latents and `<|end-latent|>`; n_b counts the row's own positions.
    """
    questions = model.embed(thought.question)  # (B / G, Q, d)
    end = model.embed(torch.tensor([model.config.end_id], device=questions.device))  # (1, d)
    latents = model.feed(thought.latents)
    rows = []
    for b in range(len(thought)):
        q = b // thought.group_size
        question = questions[q, thought.question_mask[q].bool()]
        rows.append(torch.cat([question, latents[b, thought.latent_mask[b]], end]))
    return rows


class VLLMWriter:
    """Writes answers in the place of `LatentReasoner.answer`, with the same arguments and the same result.

    Args:
        model: its backbone is written to `folder` as it is now; make a new writer after training.
        options: arguments of `vllm.LLM`, such as `gpu_memory_utilization`.

    Raises:
        ValueError: vllm is not installed.
    """

    def __init__(self, model: LatentReasoner, folder: str | os.PathLike[str], **options: Any) -> None:
        try:
            import vllm
        except ImportError as error:
            raise ValueError(
                "vllm is missing: install it (it brings its own torch, so in an environment of its own), or leave "
                "answers to the planner"
            ) from error
        self.model, self.sampling = model, vllm.SamplingParams
        model.backbone.save_pretrained(folder)
        dtype = str(model.dtype).removeprefix("torch.")
        # log-probabilities of the distribution that is drawn from, as ours are
        how = dict(dtype=dtype, enable_prompt_embeds=True, skip_tokenizer_init=True, logprobs_mode="processed_logprobs")
        self.engine = vllm.LLM(model=os.fspath(folder), **(how | options))

    @torch.no_grad()
    def __call__(
        self,
        thought: Thought,
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        generator: Noise = None,
    ) -> Answered:
        """The thought with its answer; greedy unless a temperature is given.

        generator: its initial seed becomes vLLM's, which draws its own noise.

        Raises:
            ValueError: the generator has a stream for each row.
        """
        config = self.model.config
        if not (generator is None or isinstance(generator, torch.Generator)):
            raise ValueError("vLLM draws its own noise, not a stream for each row: give one torch.Generator, or none")
        settings = self.sampling(
            temperature=0.0 if temperature is None else temperature,
            max_tokens=config.max_answer_tokens if max_tokens is None else max_tokens,
            stop_token_ids=[config.eos_id],
            seed=None if generator is None else generator.initial_seed(),
            logprobs=0,  # of the token that was taken
            detokenize=False,
        )
        prompts = [{"prompt_embeds": row.cpu()} for row in prompt_embeds(self.model, thought)]
        written = [output.outputs[0] for output in self.engine.generate(prompts, settings, use_tqdm=False)]
        width = max(len(row.token_ids) for row in written)
        answer = thought.question.new_full((len(written), width), config.pad_id)
        log_probs = thought.latents.new_zeros(len(written), width)
        for b, row in enumerate(written):
            ids = list(row.token_ids)
            answer[b, : len(ids)] = answer.new_tensor(ids)
            scores = [of[token].logprob for token, of in zip(ids, row.logprobs, strict=True)]
            log_probs[b, : len(ids)] = log_probs.new_tensor(scores)
        return thought.with_answer(answer, log_probs, config.eos_id)
