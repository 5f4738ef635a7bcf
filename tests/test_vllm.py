"""Answers from prompt embeddings: those of an engine for text are those that the planner writes itself."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from small import PROBLEMS, lively_planner
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from atp_lite.engine.vllm import VLLMWriter, prompt_embeds

pytestmark = pytest.mark.slow


class PlainLM:
    """What `vllm.LLM` does with prompt embeddings, one prompt at a time, by plain transformers without a cache."""

    def __init__(self, model, dtype, enable_prompt_embeds, skip_tokenizer_init, logprobs_mode):
        assert enable_prompt_embeds and skip_tokenizer_init and logprobs_mode == "processed_logprobs"
        self.lm = AutoModelForCausalLM.from_pretrained(model, dtype=dtype)

    def generate(self, prompts, settings, use_tqdm):
        return [SimpleNamespace(outputs=[self.written(prompt["prompt_embeds"], settings)]) for prompt in prompts]

    def written(self, embeds, settings):
        assert embeds.ndim == 2 and settings.temperature == 0.0
        ids, scores = [], []
        while len(ids) < settings.max_tokens and not set(ids) & set(settings.stop_token_ids):
            logits = self.lm(inputs_embeds=embeds[None]).logits[0, -1]
            ids.append(int(logits.argmax()))
            scores.append({ids[-1]: SimpleNamespace(logprob=float(logits.log_softmax(0)[ids[-1]]))})
            embeds = torch.cat([embeds, self.lm.get_input_embeddings()(torch.tensor(ids[-1:]))])
        return SimpleNamespace(token_ids=ids, logprobs=scores)


@pytest.fixture
def engine(monkeypatch):
    """A stand-in for the package; tests with the real one need a machine that it runs on."""
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = PlainLM, SimpleNamespace
    monkeypatch.setitem(sys.modules, "vllm", module)


def same(planner, folder):
    ours = planner.finish(
        planner.think(PROBLEMS, group_size=2, sample=True, generator=torch.Generator().manual_seed(0))
    )
    thought = planner.think(PROBLEMS, group_size=2, sample=True, generator=torch.Generator().manual_seed(0))
    theirs = planner.finish(thought, answer=VLLMWriter(planner.model, folder))
    assert ours.n_answer_tokens.unique().numel() > 1 and ours.n_latents.unique().numel() > 1
    for name in ("answer", "answer_mask", "ended"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), name
    assert_close(ours.answer_log_probs, theirs.answer_log_probs, atol=1e-4, rtol=1e-3)
    assert ours.answers == theirs.answers and ours.steps == theirs.steps


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_answers_are_those_of_the_planner_whatever_is_padded(engine, tmp_path, scale):
    planner = lively_planner()
    planner.model.config.latent_scale = scale
    same(planner, tmp_path / "lm")


def test_the_real_engine_writes_what_the_planner_writes(tmp_path):
    pytest.importorskip("vllm")
    same(lively_planner(), tmp_path / "lm")


def test_embeddings_are_question_latents_and_end_of_each_row():
    planner = lively_planner()
    thought = planner.think(PROBLEMS[:2], group_size=2)
    rows = prompt_embeds(planner.model, thought)
    lengths = thought.question_mask.sum(1).repeat_interleave(2) + thought.n_latents + 1
    assert [len(row) for row in rows] == lengths.tolist()
    assert torch.equal(rows[0][-1], planner.model.embed(torch.tensor(planner.model.config.end_id)))
    assert torch.equal(rows[2][-1 - int(thought.n_latents[2]) : -1], thought.latents[2, thought.latent_mask[2]])


def test_without_the_package_or_with_a_stream_for_each_row_one_line_says_so(engine, monkeypatch, tmp_path):
    planner = lively_planner()
    writer = VLLMWriter(planner.model, tmp_path / "lm")
    with pytest.raises(ValueError, match="draws its own noise"):
        writer(planner.think(PROBLEMS[:1]), generator=object())
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ValueError, match="vllm is missing: install it"):
        VLLMWriter(planner.model, tmp_path / "lm")
