"""`LatentReasoner`: any causal language model that thinks in latents before it answers.

    q <|start-latent|>  l_1 ... l_T  <|end-latent|>  [steps still in words]  answer <eos>

Each part of the method has a file: `loop.think` is the latent loop, `losses` are the terms of supervised training,
`replay` is the one parallel pass that reinforcement learning needs; `answer` and `decode` below go on from a thought.
The symbols are those of the paper: q question, h_t hidden state, l_t latent, phi the decoder, c latents per step.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from atp_lite.model import loop, losses, replay
from atp_lite.model.distributions import Distribution
from atp_lite.model.generation import Context, generate, read
from atp_lite.model.heads import StopHead
from atp_lite.model.noise import Noise
from atp_lite.model.parts import has_own_init, new_decoder, new_latent_head, new_step_encoder
from atp_lite.model.plausible import MOST_TOKENS, check_finite, check_language_model
from atp_lite.model.trace import Answered, Decoded, Thought, later_age


class ReasonerConfig(PreTrainedConfig):
    """Everything needed to rebuild a `LatentReasoner`.

    backbone: a transformers config as a dictionary with `model_type`. decoder: what the decoder is made from (None:
    there is none), and decoder_type which one, a name of `DECODERS`; for `lm` that is a config like the backbone's.
    step_encoder: options of what turns a step's text into its latents (None: there is none), and step_encoder_type
    which one, a name of `STEP_ENCODERS`.
    latent_head, latent_head_options: what is fed back, a name of `LATENT_HEADS`, and arguments of that head.
    layout: how latents stand for steps, a name of `tokens.LAYOUTS`; with `fixed` every row thinks exactly
    `max_latents`, otherwise the stop head decides.
    latents_per_step: c. tokens_per_latent: r of the layout `compressed`.
    latent_scale: what a latent is multiplied by where it is read. A latent has a spread of about 1 per dimension (that
    of the prior); token embeddings of pretrained models often one of 0.01 to 0.1, and their first layers expect it.
    max_latents: thinking ends here at the latest (0: the model reasons in words).
    domain: what its problems are about, a name of `atp_lite.domains.DOMAINS`; None says nothing.
    """

    model_type = "latent_reasoner"
    backbone: dict[str, Any] | None = None
    decoder: dict[str, Any] | None = None
    decoder_type: str = "lm"
    step_encoder: dict[str, Any] | None = None
    step_encoder_type: str = "places"
    latent_head: str = "gaussian"
    latent_head_options: dict[str, Any] | None = None
    layout: str = "steps"
    latents_per_step: int = 1
    tokens_per_latent: int = 1
    latent_scale: float = 1.0
    max_latents: int = 0
    max_step_tokens: int = 8
    max_answer_tokens: int = 48
    start_id: int = 0
    end_id: int = 0
    eos_id: int = 0
    pad_id: int = 0
    tie_word_embeddings: bool = False
    domain: str | None = None

    @property
    def hidden_size(self) -> int:
        return int(AutoConfig.for_model(**(self.backbone or {})).hidden_size)

    def check(self) -> None:
        """Raise ValueError, naming the field, where a value has no meaning for this model."""
        check_language_model("backbone", self.backbone, self.dtype)
        check_language_model("decoder", self.decoder, self.dtype)
        self._check("max_latents", 0)
        for name in ("tokens_per_latent", "max_step_tokens", "max_answer_tokens"):
            self._check(name, 1, MOST_TOKENS)
        self._check("latents_per_step", 1, self.max_latents or None)  # at least one step can be latent
        backbone = AutoConfig.for_model(**(self.backbone or {}))
        for name in ("start_id", "end_id", "eos_id", "pad_id"):
            self._check(name, 0, int(backbone.vocab_size) - 1)
        if positions := getattr(backbone, "max_position_embeddings", None):
            self._check("max_latents", 0, positions)
        if isinstance(self.latent_scale, bool) or not 0 < self.latent_scale < float("inf"):
            raise ValueError(
                f"latent_scale is {self.latent_scale} in config.json: it must be a positive, finite number"
            )

    def _check(self, name: str, low: int, high: int | None = None) -> None:
        value = getattr(self, name)
        if type(value) is not int or value < low or (high is not None and value > high):
            limits = f"{low} or more" if high is None else f"from {low} to {high}"
            raise ValueError(f"{name} is {value!r} in config.json: it must be a whole number, {limits}")

    @property
    def latent_steps(self) -> int:
        """How many steps can be latent: the last stage of its curriculum, or a later one."""
        return self.max_latents // self.latents_per_step


class LatentReasoner(PreTrainedModel):
    """A causal LM (theta) with a latent head and a stop head, and a decoder (phi) that reads latents as text."""

    config_class = ReasonerConfig
    base_model_prefix = ""
    _supports_sdpa = True
    _supports_attention_backend = True

    def __init__(self, config: ReasonerConfig) -> None:
        super().__init__(config)
        self.backbone = AutoModelForCausalLM.from_config(AutoConfig.for_model(**(config.backbone or {})))
        size = self.backbone.config.hidden_size
        self.latent_head = new_latent_head(config, size)
        self.stop_head = StopHead(size)
        self.decoder = new_decoder(config, size)
        self.step_encoder = new_step_encoder(config, size)
        own = [part for part in (self.latent_head, self.decoder, self.step_encoder) if has_own_init(part)]
        kept = [copy.deepcopy(part.state_dict()) for part in own]
        self.post_init()  # draws all linear layers and embeddings anew
        for part, weights in zip(own, kept, strict=True):
            part.load_state_dict(weights)

    think = loop.think
    sft_losses = losses.sft_losses
    language_loss = losses.language_loss
    teacher_forced = replay.teacher_forced
    recurrent_replay = replay.recurrent_replay
    replay = replay.replay

    def save_pretrained(  # type: ignore[override]
        self, save_directory: Any, *, state_dict: dict[str, Tensor] | None = None, **how: Any
    ) -> None:
        """As every transformers model, so `push_to_hub` works too; what is written is `weights_to_save`."""
        weights = self.weights_to_save() if state_dict is None else state_dict
        super().save_pretrained(save_directory, state_dict=weights, **how)

    @classmethod
    def from_pretrained(cls, folder: Any, *args: Any, **how: Any) -> Any:  # type: ignore[override]
        """As every transformers model, but nothing is left at random: each tensor has its place, each place its tensor.

        Raises:
            ValueError: weights and configuration are not of one model; the message names a tensor or a value.
        """
        wants_info = how.pop("output_loading_info", False)
        how = {"use_safetensors": True, "ignore_mismatched_sizes": True, "output_loading_info": True} | how
        try:
            with warnings.catch_warnings(action="ignore"):  # such as of layers without weights: `check` tells them
                loaded: Any = super().from_pretrained(folder, *args, **how)
            loaded[0].config.check()
        except Exception as error:  # whatever the libraries that read it raise
            if isinstance(error, ValueError | OSError) and len(str(error)) < 500 and "\n" not in str(error):
                raise
            reason = " ".join(str(error).split())[-300:] or type(error).__name__
            raise ValueError(
                f"{folder}: config.json makes no model of these weights ({reason}); save it anew"
            ) from error
        model, info = loaded
        for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if names := sorted(map(str, info.get(what) or ())):
                raise ValueError(
                    f"{folder}: model.safetensors has {len(names)} {what.replace('_keys', '')} tensors, such as "
                    f"{names[0]}: config.json is of another model; give both files of one checkpoint"
                )
        check_finite(model, folder)
        return (model, info) if wants_info else model

    def get_input_embeddings(self) -> nn.Module:
        table: nn.Module = self.backbone.get_input_embeddings()
        return table

    def embed(self, ids: Tensor) -> Tensor:
        """ids (B, n) -> the backbone's embeddings (B, n, d). Whatever the model does begins here."""
        self.gather_weights()
        embeds: Tensor = self.get_input_embeddings()(ids)
        return embeds

    def feed(self, latent: Tensor) -> Tensor:
        """latents (..., d) -> what the backbone reads in the place of an embedding (..., d), of that size."""
        scale = self.config.latent_scale
        return latent if scale == 1.0 else scale * latent

    def encode_steps(self, steps: Tensor, mask: Tensor) -> Distribution:
        """q(l_t | s_t) of steps' token ids (B, S, W) with their mask: a distribution over latents (B, S * c, d).

        Raises:
            ValueError: the model has no step encoder.
        """
        if self.step_encoder is None:
            raise ValueError(
                "this model has no step encoder, so text cannot be turned into a thought: train one with the method "
                "atp-step (METHODS['atp-step'].start), or use a checkpoint of it"
            )
        said: Distribution = self.step_encoder(self.embed(steps), mask)
        return said

    def answer(
        self,
        thought: Thought,
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        generator: Noise = None,
    ) -> Answered:
        """Read `<|end-latent|>` after the latents and write the steps still in words and the answer.

        Continues (and uses up) the cache of `think`; greedy unless a temperature is given.
        """
        end = torch.full((len(thought), 1), self.config.end_id, device=thought.latents.device)
        context, states = read(self.backbone, self.embed(end), torch.ones_like(end), thought.take_context())
        limit = self.config.max_answer_tokens if max_tokens is None else max_tokens
        ids = self.config.eos_id, self.config.pad_id
        answer, log_probs = generate(self.backbone, context, states[:, -1], limit, *ids, temperature, generator)
        return thought.with_answer(answer, log_probs, self.config.eos_id)

    def decode(self, trace: Answered) -> Decoded:
        """Read every latent step of every row back as text, with phi.

        Raises:
            ValueError: the model has no decoder.
        """
        if self.decoder is None:
            raise ValueError(
                "this model has no decoder, so its latents cannot be read as text: train one with a decoder "
                "(ReasonerConfig.decoder), or leave decoding out"
            )
        c = self.config.latents_per_step
        n_steps = -(-trace.latents.shape[1] // c)
        latents = F.pad(trace.latents, (0, 0, 0, n_steps * c - trace.latents.shape[1]))  # (B, S * c, d)
        complete = torch.arange(1, n_steps + 1, device=latents.device) * c <= trace.n_latents[:, None]  # (B, S)
        tokens, log_probs = self.decoder.decode(
            latents, complete, self.config.max_step_tokens, self.config.eos_id, self.config.pad_id
        )
        return later_age(trace, Decoded, step_tokens=tokens, step_log_probs=log_probs)

    # Hooks of the engine, which here do nothing: the first for LoRA, the others for weights sharded over devices.

    def weights_to_save(self) -> dict[str, Tensor] | None:
        """What `save_pretrained` writes; None: the weights as they are."""
        return None

    def gather_weights(self) -> None:
        """Called before anything is read."""

    def max_steps(self, steps: int) -> int:
        """Called before a loop of a known length: how many steps the longest of all processes takes."""
        return steps

    def match_collectives(self, context: Context, last_hidden: Tensor, idle: int) -> None:
        """Called when thinking ends. context: of all rows; last_hidden (B, d); idle: steps that others took more."""


AutoConfig.register("latent_reasoner", ReasonerConfig)
AutoModel.register(ReasonerConfig, LatentReasoner)
