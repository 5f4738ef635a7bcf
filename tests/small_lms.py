"""Tiny causal LMs with random weights and a tokenizer of their own, as if they had been pretrained."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from atp_lite.domains import Problem

FAMILIES = {
    "llama": {"num_key_value_heads": 2, "tie_word_embeddings": True},
    "llama-untied": {"model_type": "llama", "num_key_value_heads": 2, "tie_word_embeddings": False},
    "gpt2": {"n_inner": 64, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
    "qwen2": {"num_key_value_heads": 2, "tie_word_embeddings": True},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 8, "tie_word_embeddings": False},
    "mistral": {"num_key_value_heads": 2, "sliding_window": 90},
    "gemma": {"num_key_value_heads": 1, "head_dim": 8},
    "gemma2": {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 90, "query_pre_attn_scalar": 8},
    "gemma3_text": {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 90, "query_pre_attn_scalar": 8},
}
PENS = "Ann has 3 boxes of 12 pens, and gives 6 of them away. How many has she?"
PROBLEMS = [
    Problem("Tom has 3 apples and buys 4.", ("3+4=7",), "7"),
    Problem(PENS, ("3*12=36", "36-6=30"), "30"),
    Problem("9 - 2?", ("9-2=7",), "7"),
]


def own_tokenizer(folder, bos: bool):
    """A byte-level BPE as many models have: no pad token, and perhaps a token that opens every text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<bos>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([p.question for p in PROBLEMS], trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<end>")
    made.save_pretrained(folder)
    return made


def tiny_lm(family: str, folder: Path) -> Path:
    """Write an LM of a family of `FAMILIES` and its tokenizer; return the folder."""
    values = dict(FAMILIES[family])
    kind = values.pop("model_type", family)
    size = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 4, "intermediate_size": 64}
    if kind == "gpt2":
        size = {"n_embd": 32, "n_head": 4, "n_layer": 4, "n_positions": 128}
    tokenizer = own_tokenizer(folder, bos=kind in ("llama", "gemma", "gemma2"))
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None}
    config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), **size, **values, **ids)
    torch.manual_seed(1)
    lm = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for weight in lm.parameters():
            if weight.ndim == 2:
                weight.mul_(4.0)  # fresh weights say nearly the same about every token
    lm.save_pretrained(folder)
    return folder
