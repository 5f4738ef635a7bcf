"""Small planners for the tests, and the slow obvious way to think: one question, no cache, everything read again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import torch
from safetensors.torch import load_file
from torch import Tensor

from atp_lite.domains import DOMAINS, Problem, read_expression
from atp_lite.engine.log import read_metrics
from atp_lite.model import Decoded, Gaussian, LatentReasoner
from atp_lite.planner import ModelSettings, Planner

PROBLEMS = [read_expression(text) for text in ("3+4", "(3+4)*2", "(3+4)*(9-2)", "1+2+3+4", "(3+4)*2-1", "9-2", "2*3*4")]
"""One to three steps, questions of three to eleven tokens."""


def tiny_planner(c: int = 1, seed: int = 0, **changes) -> Planner:
    """Random weights, 32 wide, two layers."""
    sizes = dict(hidden_size=32, layers=2, heads=2, intermediate_size=64, latents_per_step=c)
    return Planner.fresh("arithmetic", ModelSettings(**(sizes | changes)), seed)


def lively_planner(c: int = 1, seed: int = 34) -> Planner:
    """A tiny planner whose rows stop, and end their texts, at different lengths, however fresh planners begin."""
    planner = tiny_planner(c, seed)
    model = planner.model
    model.config.max_answer_tokens = 8
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.1, generator=generator)
            elif name.endswith("bias"):
                parameter.zero_()
        model.stop_head.layers[2].weight *= 20
        for lm in (model.backbone, model.decoder.lm):
            lm.lm_head.weight[model.config.eos_id] *= 2
    return planner


class Reads:
    """What a language model is made to read: the (rows, positions) of every forward call while it is open."""

    def __init__(self, lm) -> None:
        self.lm = lm
        self.shapes: list[tuple[int, int]] = []

    def __enter__(self) -> list[tuple[int, int]]:
        def note(module, arguments, named):
            self.shapes.append(tuple(named["inputs_embeds"].shape[:2]))

        self.handle = self.lm.base_model.register_forward_pre_hook(note, with_kwargs=True)
        return self.shapes

    def __exit__(self, *_) -> None:
        self.handle.remove()


def hidden_after(lm, embeds: Tensor) -> Tensor:
    """(1, n, d) -> (n, d): no cache, no mask, positions 0 to n - 1."""
    positions = torch.arange(embeds.shape[1])[None]
    return lm.base_model(inputs_embeds=embeds, position_ids=positions, use_cache=False).last_hidden_state[0]


def naive_think(model: LatentReasoner, question: Sequence[int], limit: int, length: int | None = None) -> dict:
    """Mean latents of one question, reading the whole sequence again for each."""
    embeds = model.embed(torch.tensor([question]))
    found = {"mu": [], "sigma": [], "stop_logits": []}
    for t in range(1, (limit if length is None else length) + 1):
        hidden = hidden_after(model.backbone, embeds)[-1]
        said = model.latent_head(hidden)
        mu, stop = said.mode, model.stop_head(hidden)
        for name, value in zip(found, (mu, said.stddev, stop), strict=True):
            found[name].append(value)
        embeds = torch.cat([embeds, mu[None, None]], dim=1)
        if length is None and t % model.config.latents_per_step == 0 and stop > 0:
            break
    return {name: torch.stack(values) for name, values in found.items()} | {"embeds": embeds}


def naive_write(lm, embeds: Tensor, eos_id: int, max_tokens: int) -> tuple[list[int], list[float]]:
    """Greedy tokens after `embeds` (1, n, d) and their log-probabilities, end token included."""
    tokens, scores = [], []
    while len(tokens) < max_tokens and eos_id not in tokens:
        log_probs = torch.log_softmax(lm.lm_head(hidden_after(lm, embeds)[-1]), -1)
        tokens.append(int(log_probs.argmax()))
        scores.append(float(log_probs.max()))
        embeds = torch.cat([embeds, lm.get_input_embeddings()(torch.tensor([tokens[-1:]]))], dim=1)
    return tokens, scores


def naive_reason(planner: Planner, problem: Problem) -> dict:
    """What `planner.reason([problem])` must find, one token at a time without a cache."""
    model, config = planner.model, planner.model.config
    question = planner.collate.encode([problem])[0].question
    with torch.no_grad():
        found = naive_think(model, question, config.max_latents)
        end = model.embed(torch.tensor([[config.end_id]]))
        prompt = torch.cat([found["embeds"], end], dim=1)
        answer = naive_write(model.backbone, prompt, config.eos_id, config.max_answer_tokens)
        c, steps = config.latents_per_step, []
        for start in range(0, len(found["mu"]) - c + 1, c):
            prefix = model.decoder.bridge(found["mu"][None, start : start + c])
            steps.append(naive_write(model.decoder.lm, prefix, config.eos_id, config.max_step_tokens))
    return found | {"answer": answer, "steps": steps}


def made_trace(
    answers: Sequence[str],
    steps: Sequence[Sequence[str]],
    problems: Sequence[Problem] = (),
    ended: Sequence[bool] | None = None,
    n_latents: Sequence[int] | None = None,
    group_size: int = 1,
) -> Decoded:
    """A trace with these texts, as if a model one wide had thought and written them."""
    n = len(answers)
    counts = torch.tensor([len(own) for own in steps] if n_latents is None else n_latents)
    most = int(counts.max())
    mask = torch.arange(most) < counts[:, None]
    zeros = torch.zeros(n, most, 1)
    return Decoded(
        question=torch.zeros(n // group_size, 1, dtype=torch.long),
        question_mask=torch.ones(n // group_size, 1, dtype=torch.long),
        group_size=group_size,
        distribution=Gaussian(zeros, zeros),
        latents=zeros,
        latent_mask=mask,
        stop_logits=zeros[..., 0],
        stop_decided=mask,
        hidden=zeros,
        context=None,
        answer=torch.zeros(n, 2, dtype=torch.long),
        answer_mask=torch.ones(n, 2, dtype=torch.bool),
        ended=torch.tensor([True] * n if ended is None else list(ended)),
        answer_log_probs=torch.zeros(n, 2),
        step_tokens=torch.zeros(n, 0, 0, dtype=torch.long),
        step_log_probs=torch.zeros(n, 0, 0),
        problems=list(problems),
        domain=DOMAINS["arithmetic"],
        steps=[list(own) for own in steps],
        answers=list(answers),
    )


def timeless(values: dict) -> dict:
    return {key: value for key, value in values.items() if "seconds" not in key}


def assert_same_run(one, two):
    first, second = load_file(one / "state/state.safetensors"), load_file(two / "state/state.safetensors")
    assert first.keys() == second.keys()
    for key in first:
        assert torch.equal(first[key], second[key]), key
    lines = [[timeless(line) for line in read_metrics(run / "metrics.jsonl")] for run in (one, two)]
    assert lines[0] == lines[1] and lines[0]
    progress = [timeless(json.loads((run / "state/progress.json").read_text())) for run in (one, two)]
    assert progress[0] == progress[1]
    best = [load_file(run / "best/model.safetensors") for run in (one, two)]
    assert all(torch.equal(best[0][key], best[1][key]) for key in best[0])


def cpu_seconds(task) -> float:
    """The least CPU time of four tries."""
    tries = []
    for _ in range(4):
        start = time.process_time()
        task()
        tries.append(time.process_time() - start)
    return min(tries)
