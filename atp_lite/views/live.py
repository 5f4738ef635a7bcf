"""A toy checkpoint as data that a page can think with: `web/` has the engine, `assets/engine.js` is what it builds.

The engine reads one position at a time in JavaScript, so it is made for the toys: LLaMA backbones with word-level
tokenizers. Weights travel as float16.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import numpy as np
from transformers import PreTrainedConfig

from atp_lite.planner import Planner

MOST_PARAMETERS = 3_000_000
"""What a page can hold and still think at once: 6 MB of float16."""

_LLAMA = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps")
_PLANNER = (
    *("latent_head", "layout", "latents_per_step", "latent_scale", "max_latents", "max_step_tokens"),
    *("max_answer_tokens", "start_id", "end_id", "eos_id", "pad_id", "domain"),
)
_HEADS = ("gaussian", "mixture", "hidden", "projector", "filler")
_STEP_ENCODERS = ("places", "pooled")


def pack(planner: Planner) -> dict[str, Any]:
    """What `Planner.load` of the engine reads, ready for `json.dumps`: `Checkpoint` in `web/src/checkpoint.ts`.

    Raises:
        ValueError: the planner is too large for a page, or has a part that the engine does not know.
    """
    config = planner.model.config
    parameters = sum(p.numel() for p in planner.model.parameters())
    if parameters > MOST_PARAMETERS:
        raise ValueError(
            f"this planner has {parameters:,} parameters, a page thinks with {MOST_PARAMETERS:,} at most: "
            "`atp-lite explore` shows larger ones"
        )
    _check("latent head", config.latent_head, _HEADS)
    if config.decoder is not None:
        _check("decoder", config.decoder_type, ("lm",))
    if config.step_encoder is not None:
        _check("step encoder", config.step_encoder_type, _STEP_ENCODERS)
    decoder = planner.model.decoder
    weights = {name: tensor.detach().cpu().numpy() for name, tensor in planner.model.state_dict().items()}
    data = b"".join(np.ascontiguousarray(values, "<f2").tobytes() for values in weights.values())
    return {
        "config": {
            **{name: getattr(config, name) for name in _PLANNER},
            "backbone": _llama(planner.model.backbone.config),
            "decoder": None if decoder is None or decoder.lm is None else _llama(decoder.lm.config),
            "step_encoder": None if config.step_encoder is None else config.step_encoder_type,
        },
        "tokenizer": _tokenizer(planner),
        "tensors": [[name, list(values.shape)] for name, values in weights.items()],
        "data": base64.b64encode(data).decode(),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _check(part: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"a page cannot think with the {part} {name!r}: it knows {', '.join(known)}")


def _llama(config: PreTrainedConfig) -> dict[str, Any]:
    """The part of a LLaMA's configuration that the engine reads."""
    _check("backbone", config.model_type, ("llama",))
    _check("activation", config.hidden_act, ("silu",))
    _check("rotary embedding", config.rope_parameters["rope_type"], ("default",))
    if config.attention_bias or config.mlp_bias:
        raise ValueError("a page cannot think with a LLaMA whose linear layers have biases: make one without")
    return {**{name: getattr(config, name) for name in _LLAMA}, "rope_theta": config.rope_parameters["rope_theta"]}


def _tokenizer(planner: Planner) -> dict[str, Any]:
    """Vocabulary, how text is cut and how tokens are joined, of a tokenizer that `tokens._word_level` made."""
    fast = getattr(planner.tokenizer, "backend_tokenizer", None)
    file = json.loads(fast.to_str()) if fast is not None else {"model": {"type": type(planner.tokenizer).__name__}}
    _check("tokenizer", file["model"]["type"], ("WordLevel",))
    glue = [part["pattern"]["Regex"] for part in file["decoder"].get("decoders", []) if part["type"] == "Replace"]
    return {
        "vocabulary": file["model"]["vocab"],
        "pieces": file["pre_tokenizer"]["pretokenizers"][1]["pattern"]["Regex"],
        "glue": glue[0] if glue else None,
    }
