"""`Planner`: a `LatentReasoner` with its tokenizer, from problems to a `Trace` with text."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import torch
import transformers
from huggingface_hub import HfApi
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from atp_lite.domains import DOMAINS, UNNAMED, Domain, Problem
from atp_lite.engine.manifest import check_manifest, write_manifest
from atp_lite.engine.pretrained import BackboneSettings, from_backbone, latent_tokenizer
from atp_lite.engine.settings import NonFiniteError, require_between, require_positive
from atp_lite.engine.sharding import unsharded_copy
from atp_lite.model import (
    DECODERS,
    LATENT_HEADS,
    STEP_ENCODERS,
    Answered,
    Decoded,
    LatentReasoner,
    ReasonerConfig,
    Thought,
)
from atp_lite.model.noise import Noise
from atp_lite.model.plausible import check_types
from atp_lite.model.trace import later_age
from atp_lite.registry import check_registered
from atp_lite.resources import find
from atp_lite.tokens import Collator, domain_tokenizer, split_language

POSITIONS = 256
"""Of a toy planner: the longest question, its thoughts and its answer together."""


@dataclass(frozen=True)
class ModelSettings:
    """The size of a toy planner. The defaults give 0.3 million parameters."""

    hidden_size: int = 64
    """d, the width of the backbone, of a latent and of the decoder."""
    layers: int = 4
    """Transformer layers of the backbone."""
    heads: int = 4
    """Attention heads per layer."""
    intermediate_size: int = 192
    """Width of the feed-forward layers."""
    latent_head: Annotated[str, LATENT_HEADS] = "gaussian"
    """What is fed back."""
    latent_head_options: dict[str, int | float | str] = field(default_factory=dict)
    """Arguments of that head, such as the number of `components` of a mixture."""
    decoder: Annotated[str, DECODERS] = "lm"
    """What reads latents as text; lm is a small LLaMA."""
    step_encoder: Annotated[str, STEP_ENCODERS] = "places"
    """What turns a step's text into latents, for the method atp-step."""
    decoder_layers: int = 1
    """Transformer layers of the decoder phi; 0 trains without a decoder."""
    latents_per_step: int = 1
    """c, latents that carry one step (paper: 2)."""
    max_latents: int = 8
    """The most latents the model thinks before it must answer; with `sft --init` those of the checkpoint, if more."""
    initializer_range: float = 0.1
    """Standard deviation of fresh embeddings and linear layers."""

    def __post_init__(self) -> None:
        require_positive(self, "hidden_size", "layers", "heads", "intermediate_size", "latents_per_step")
        check_registered(self)
        require_between(self, "[0, inf)", "decoder_layers")
        require_between(self, f"[0, {POSITIONS}]", "max_latents")
        require_between(self, "(0, 100]", "initializer_range")
        if self.hidden_size % (2 * self.heads):
            raise ValueError(
                f"hidden_size is {self.hidden_size} with {self.heads} heads: take a multiple of {2 * self.heads}, so "
                "that every head has an even width"
            )
        if 0 < self.max_latents < self.latents_per_step:
            raise ValueError(
                f"max_latents is {self.max_latents}, and a step takes {self.latents_per_step} (latents_per_step): give "
                "as many at least, or 0 for a model that reasons in words"
            )


class Planner:
    """A latent reasoner and the tokenizer it was trained with.

    >>> planner = Planner.from_pretrained("data/checkpoints/atp-step")    # doctest: +SKIP
    >>> planner.reason([read_expression("(3+4)*(9-2)")]).steps            # doctest: +SKIP
    [['3+4=7', '9-2=7', '7*7=49']]
    """

    def __init__(self, model: LatentReasoner, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model = model
        self.tokenizer = tokenizer
        config = model.config
        self.collate = Collator(tokenizer, config.latents_per_step, config.layout, config.tokens_per_latent)

    @property
    def domain(self) -> Domain:
        """What its problems are about: the domain that its configuration names, or one that can only compare answers.

        Raises ValueError for a domain that is not registered.
        """
        name = self.model.config.domain
        return UNNAMED if name is None else DOMAINS[name]

    @classmethod
    def fresh(
        cls,
        domain: str | None = "arithmetic",
        settings: ModelSettings | None = None,
        seed: int = 0,
        *,
        problems: Any = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
    ) -> Planner:
        """A fresh planner for a domain: a tiny LLaMA with random weights and the domain's vocabulary.

        Args:
            domain: a name of `DOMAINS`; None takes `tokenizer` and knows nothing of its problems.
            problems: settings of the domain's problems, which its vocabulary may depend on; None takes the defaults.
            tokenizer: any that `Collator` accepts, in the place of the domain's own.

        Raises:
            ValueError: there is no such domain, or it has no vocabulary.
        """
        settings = ModelSettings() if settings is None else settings
        if tokenizer is None:
            if domain is None:
                raise ValueError("a planner without a domain needs a tokenizer: name one of them")
            tokenizer = domain_tokenizer(domain, problems)
        ids = Collator(tokenizer, settings.latents_per_step)
        llama = dict(
            model_type="llama",
            vocab_size=len(tokenizer),
            hidden_size=settings.hidden_size,
            intermediate_size=settings.intermediate_size,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.heads,
            max_position_embeddings=POSITIONS,
            initializer_range=settings.initializer_range,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )
        config = ReasonerConfig(
            backbone=dict(llama, num_hidden_layers=settings.layers),
            decoder=dict(llama, num_hidden_layers=settings.decoder_layers) if settings.decoder_layers else None,
            decoder_type=settings.decoder,
            step_encoder_type=settings.step_encoder,
            latent_head=settings.latent_head,
            latent_head_options=dict(settings.latent_head_options),
            latents_per_step=settings.latents_per_step,
            max_latents=settings.max_latents,
            start_id=ids.start_id,
            end_id=ids.end_id,
            eos_id=tokenizer.eos_token_id,
            pad_id=tokenizer.pad_token_id,
            initializer_range=settings.initializer_range,
            domain=domain,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(LatentReasoner(config), tokenizer)

    @classmethod
    def from_backbone(
        cls, name_or_path: str | os.PathLike[str], settings: BackboneSettings | None = None, domain: str | None = None
    ) -> Planner:
        """A pretrained causal LM, of the hub or of a folder, as a planner that has still to learn to think.

        domain: what it will learn to think about, a name of `DOMAINS`.

        Raises:
            OSError: it cannot be loaded; the message says what to do.
        """
        settings = BackboneSettings() if settings is None else settings
        tokenizer = latent_tokenizer(name_or_path, settings.gguf_file)
        planner = cls(from_backbone(name_or_path, settings, tokenizer), tokenizer)
        planner.model.config.domain = domain
        return planner

    @classmethod
    def from_pretrained(
        cls, folder: str | os.PathLike[str], domain: str | None = None, *, verify: bool = True
    ) -> Planner:
        """Load what `save_pretrained` wrote.

        Args:
            domain: a name of `DOMAINS`, where `config.json` has none or another; None takes that of the file.
            verify: False reads a checkpoint from elsewhere that has no manifest, or one that was changed on purpose.

        Raises:
            FileNotFoundError: the message names the folder and what is missing.
            ValueError: its domain is not registered (import the module that does), a file is not the one that was
                saved (`check_manifest`), or weights and configuration do not fit (`LatentReasoner.from_pretrained`).
        """
        folder = find(folder)
        for name in ("config.json", "tokenizer.json"):
            if not (folder / name).is_file():
                raise FileNotFoundError(
                    f"{folder} is not a planner's checkpoint ({name} is missing): give a folder written by atp-lite "
                    "sft or atp-lite rl, such as data/checkpoints/atp-step"
                )
        if verify:
            check_manifest(folder)
        transformers.logging.disable_progress_bar()  # a toy loads in milliseconds
        model = LatentReasoner.from_pretrained(folder)
        check_types(model, folder)
        if not isinstance(model.config.domain, str | None):
            raise ValueError(f"{folder}: domain is {model.config.domain!r} in config.json: give a name or null")
        model.config.domain = domain or model.config.domain
        if model.config.domain is not None:
            DOMAINS.check(model.config.domain)
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            tokenizer("1")
        except Exception as error:  # whatever the libraries that read it raise
            reason = " ".join(str(error).split())[-300:] or type(error).__name__
            raise ValueError(f"{folder}: tokenizer.json makes no tokenizer ({reason}); save it anew") from error
        planner = cls(model.eval(), tokenizer)
        planner._check_tokens(folder)
        return planner

    def _check_tokens(self, folder: os.PathLike[str]) -> None:
        """Raise ValueError where the tokenizer's special tokens are not those of the configuration."""
        config, collate, tokenizer = self.model.config, self.collate, self.tokenizer
        own = collate.start_id, collate.end_id, tokenizer.eos_token_id, tokenizer.pad_token_id
        for name, token in zip(("start_id", "end_id", "eos_id", "pad_id"), own, strict=True):
            if getattr(config, name) != token:
                raise ValueError(
                    f"{folder}: {name} is {getattr(config, name)} in config.json and {token} in tokenizer.json: give "
                    "both files of one checkpoint"
                )
        most, rows = max(tokenizer.get_vocab().values()), self.model.get_input_embeddings().weight.shape[0]
        if most >= rows:
            raise ValueError(
                f"{folder}: tokenizer.json has a token {most}, and the model {rows} embeddings: give both files of one "
                "checkpoint"
            )

    def with_model(self, model: LatentReasoner) -> Planner:
        """A planner of the same tokenizer with another model."""
        return Planner(model, self.tokenizer)

    def unsharded_copy(self) -> Planner:
        """The planner to be saved. If its weights are sharded, all processes must call this; the main one may save."""
        model = unsharded_copy(self.model)
        return self if model is self.model else self.with_model(model)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Weights as safetensors, configuration and tokenizer as JSON, and their manifest. LoRA is written merged.

        Raises:
            NonFiniteError: a weight is NaN or infinite; nothing is written.
        """
        for name, value in self.model.state_dict().items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise NonFiniteError(f"the weight {name} has values that are NaN or infinite: not saved in {folder}")
        transformers.logging.disable_progress_bar()
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        write_manifest(folder)

    def push_to_hub(self, repo_id: str, *, private: bool | None = None, token: str | None = None) -> str:
        """Upload model and tokenizer as one commit to the Hugging Face hub; returns its address.

        `hf download REPO --local-dir FOLDER` brings it back, for `from_pretrained(FOLDER)`.

        Args:
            repo_id: `name/of-the-planner`; it is made where there is none.
            private: of a repository that is made; None follows the account's setting.
            token: None takes the one of `hf auth login`.

        Raises:
            OSError: the hub cannot be reached, or does not let you in; the message says what to do.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            hub = HfApi(token=token)
            try:
                repo = hub.create_repo(repo_id, private=private, exist_ok=True)
                hub.upload_folder(repo_id=repo.repo_id, folder_path=folder, commit_message="Upload planner")
            except Exception as error:  # of httpx, huggingface_hub, ...: whatever an upload can raise
                reason = " ".join(str(error).split()).removesuffix(".") or type(error).__name__
                raise OSError(
                    f"{repo_id} could not be uploaded ({reason}): be online, log in with `hf auth login`, name it "
                    "you/planner; save_pretrained(folder) keeps the planner on this machine"
                ) from error
        return str(repo)

    @torch.no_grad()
    def reason(
        self,
        problems: Sequence[Problem],
        *,
        sample: bool = False,
        sigma: float | None = None,
        sample_stop: bool = False,
        temperature: float | None = None,
        group_size: int = 1,
        max_latents: int | None = None,
        max_answer_tokens: int | None = None,
        decode: bool = True,
        generator: Noise = None,
    ) -> Decoded:
        """Think about the problems, answer them, decode the thoughts. Deterministic unless asked to sample.

        Args:
            sample, sigma, sample_stop, group_size, max_latents: as in `LatentReasoner.think`.
            temperature: None writes answers greedily.
            decode: False leaves `steps` without the latent ones (a little faster).
        """
        trace = self.think(
            problems,
            sample=sample,
            sigma=sigma,
            sample_stop=sample_stop,
            group_size=group_size,
            max_latents=max_latents,
            generator=generator,
        )
        return self.finish(
            trace, temperature=temperature, max_answer_tokens=max_answer_tokens, decode=decode, generator=generator
        )

    def think(self, problems: Sequence[Problem], group_size: int = 1, **how: Any) -> Thought:
        """`LatentReasoner.think` from problems instead of token ids; the trace knows its problems."""
        bare = [replace(problem, steps=(), answer="") for problem in problems]  # only the question is read
        batch = self.collate(self.collate.encode(bare), stage=0).to(self.model.device)
        trace = self.model.think(batch.question, batch.question_mask, group_size=group_size, **how)
        trace.problems = [problem for problem in problems for _ in range(group_size)]
        trace.domain, trace.fixed_length = self.domain, self.model.config.layout == "fixed"
        return trace

    @torch.no_grad()
    def thought(self, step: str) -> Tensor:
        """A step's text as the latents that stand for it (c, d): the mean of q(z | step).

        `think(..., edits={1: planner.thought("3+4=7")[0]})` lets the planner go on from it.

        Raises:
            ValueError: the planner has no step encoder, or a word of the step is unknown.
        """
        batch = self.collate([Problem("", (step,), "")], stage=1).to(self.model.device)
        return self.model.encode_steps(batch.steps, batch.steps_mask).mean[0]

    @torch.no_grad()
    def finish(
        self,
        thought: Thought,
        *,
        temperature: float | None = None,
        max_answer_tokens: int | None = None,
        decode: bool = True,
        generator: Noise = None,
        answer: Callable[..., Answered] | None = None,
    ) -> Decoded:
        """Answer what has been thought, decode it, and fill in the text.

        answer: who writes the answers, such as `engine.vllm.VLLMWriter`; None: the model (`LatentReasoner.answer`).
        """
        write = self.model.answer if answer is None else answer
        answered = write(thought, max_tokens=max_answer_tokens, temperature=temperature, generator=generator)
        written = [split_language(text) for text in self.collate.text(answered.answer)]
        answered.answers = [answer for _, answer in written]
        in_words = [words for words, _ in written]
        if not decode or self.model.decoder is None:
            tokens = answered.answer.new_zeros(len(answered), 0, 0)
            log_probs = answered.answer_log_probs.new_zeros(len(answered), 0, 0)
            return later_age(answered, Decoded, step_tokens=tokens, step_log_probs=log_probs, steps=in_words)
        decoded = self.model.decode(answered)
        decoded.steps = [latent + words for latent, words in zip(self.step_texts(decoded), in_words, strict=True)]
        return decoded

    def step_texts(self, trace: Decoded) -> list[list[str]]:
        """The decoder's text of every whole latent step of every row.

        A method that always thinks the same number of latents says by an empty text that it has nothing left to do:
        empty texts at the end are no steps there.
        """
        counts = (trace.n_latents // self.model.config.latents_per_step).tolist()
        n_rows, n_steps, width = trace.step_tokens.shape
        texts = self.collate.text(trace.step_tokens.reshape(n_rows * n_steps, width))
        rows = [texts[row * n_steps : row * n_steps + count] for row, count in enumerate(counts)]
        if self.model.config.layout == "fixed":
            for row in rows:
                while row and not row[-1]:
                    row.pop()
        return rows
