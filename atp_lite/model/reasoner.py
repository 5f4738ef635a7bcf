"""`LatentReasoner`: any causal language model that thinks in latents before it answers.

    q <|start-latent|>  l_1 ... l_T  <|end-latent|>  [steps still in words]  answer <eos>

Read it in this order: `think` is the latent loop (the only one in the package), `answer` and `decode` continue from
it, `sft_losses` are the four terms of supervised training, `replay` is the one parallel pass that reinforcement
learning needs. The symbols are those of the paper: q question, h_t hidden state, mu_t and sigma_t of latent l_t,
phi the decoder, c latents per step.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from atp_lite.engine.lora import has_lora, merged_state
from atp_lite.engine.sharding import gather_rest, keep_step, turns
from atp_lite.model.generation import Context, read, to_logits, write
from atp_lite.model.heads import LATENT_HEADS, StopHead
from atp_lite.model.noise import Noise, of_rows, uniform
from atp_lite.model.pretrained import BackboneSettings, build
from atp_lite.model.recurrence import one_weight_gradient
from atp_lite.model.trace import Trace
from atp_lite.model.vae import StepDecoder, kl_divergence, reparameterise
from atp_lite.tokens import Batch


class ReasonerConfig(PreTrainedConfig):
    """Everything needed to rebuild a `LatentReasoner`.

    backbone, decoder: transformers configs as dictionaries with `model_type` (`decoder` may be None).
    latent_head: what is fed back, a name of `LATENT_HEADS`. layout: how latents stand for steps, a name of
    `tokens.LAYOUTS`; with `fixed` every row thinks exactly `max_latents`, otherwise the stop head decides.
    latents_per_step: c. tokens_per_latent: r of the layout `compressed`.
    latent_scale: what a latent is multiplied by where it is read. A latent has a spread of about 1 per dimension (that
    of the prior); token embeddings of pretrained models often one of 0.01 to 0.1, and their first layers expect it.
    max_latents: thinking ends here at the latest (0: the model reasons in words).
    domain: what its problems are about, a name of `atp_lite.domains.DOMAINS`; None says nothing.
    """

    model_type = "latent_reasoner"
    backbone: dict | None = None
    decoder: dict | None = None
    latent_head: str = "gaussian"
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
        return AutoConfig.for_model(**self.backbone).hidden_size


@dataclass
class Losses:
    """The four terms of L_SFT, each a scalar: language, decoder, stop (nats per token), KL (nats per latent)."""

    enc: Tensor
    dec: Tensor
    stop: Tensor
    kl: Tensor

    def total(self, beta: float) -> Tensor:
        """L_SFT = L_Enc + L_Dec + L_Stop + beta * L_KL."""
        return self.enc + self.dec + self.stop + beta * self.kl


@dataclass
class Replay:
    """The policy's view of trajectories that were sampled before, with gradient. B rows, T latents, A tokens."""

    mu: Tensor
    """(B, T, d) mean of each latent given the sampled ones before it."""
    logvar: Tensor
    """(B, T, d)"""
    stop_logits: Tensor
    """(B, T)"""
    answer_logits: Tensor
    """(B, A, V) of each answer token given the ones before it."""


class LatentReasoner(PreTrainedModel):
    """A causal LM (theta) with a latent head and a stop head, and a decoder (phi) that reads latents as text."""

    config_class = ReasonerConfig
    base_model_prefix = ""
    _supports_sdpa = True
    _supports_attention_backend = True

    def __init__(self, config: ReasonerConfig) -> None:
        super().__init__(config)
        self.backbone = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config.backbone))
        size = self.backbone.config.hidden_size
        if config.latent_head not in LATENT_HEADS:
            raise ValueError(f"latent_head {config.latent_head!r}: choose from {', '.join(LATENT_HEADS)}")
        self.latent_head = LATENT_HEADS[config.latent_head](size)
        self.stop_head = StopHead(size)
        c = config.latents_per_step
        self.decoder = None
        if config.decoder is not None:
            self.decoder = StepDecoder(config.decoder, size, c, config.latent_scale)
        self.post_init()

    @classmethod
    def from_backbone(
        cls,
        name_or_path: str | os.PathLike[str],
        settings: BackboneSettings | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
    ) -> LatentReasoner:
        """Any pretrained causal LM as a latent reasoner; see `atp_lite.model.pretrained.build`.

        tokenizer: of `latent_tokenizer(name_or_path)`; None makes the same one.
        """
        return build(cls, name_or_path, BackboneSettings() if settings is None else settings, tokenizer)

    def save_pretrained(
        self, save_directory: str | os.PathLike[str], *, state_dict: dict[str, Tensor] | None = None, **how
    ) -> None:
        """As every transformers model; LoRA matrices are written merged. `push_to_hub` uploads what this writes."""
        if state_dict is None and has_lora(self):
            state_dict = merged_state(self)
        super().save_pretrained(save_directory, state_dict=state_dict, **how)

    def get_input_embeddings(self) -> nn.Module:
        return self.backbone.get_input_embeddings()

    def embed(self, ids: Tensor) -> Tensor:
        """ids (B, n) -> the backbone's embeddings (B, n, d). Whatever the model does begins here."""
        gather_rest(self)
        return self.backbone.get_input_embeddings()(ids)

    def feed(self, latent: Tensor) -> Tensor:
        """latents (..., d) -> what the backbone reads in the place of an embedding (..., d), of that size."""
        scale = self.config.latent_scale
        return latent if scale == 1.0 else scale * latent

    # ------------------------------------------------------------------ think

    def think(
        self,
        question: Tensor,
        question_mask: Tensor,
        *,
        lengths: Tensor | None = None,
        max_latents: int | None = None,
        group_size: int = 1,
        sample: bool = False,
        sigma: float | None = None,
        sample_stop: bool = False,
        edits: Mapping[int, Tensor] | None = None,
        generator: Noise = None,
    ) -> Trace:
        """The latent loop: h_t -> (mu_t, sigma_t) -> l_t, fed back as the next input, until the row stops.

        The question is read once, whatever the group size. A row that stops leaves the batch and costs nothing more.

        Args:
            question, question_mask: (B, Q), left-padded, ending with `<|start-latent|>`.
            lengths: (B,) latents to think per row (the label's length in training); None: the stop head decides,
                at the end of a step only (every c latents).
            max_latents: the limit where the stop head decides; None: the configuration's.
            group_size: G trajectories per question; every (B, ...) of the trace then is (B * G, ...).
            sample: draw l_t ~ N(mu_t, sigma_t^2) instead of taking the mean.
            sigma: one standard deviation for every draw, instead of the head's own.
            sample_stop: draw the stop decision too, instead of stopping where P(stop) > 1/2.
            edits: t (counted from 1) -> what is fed back in the place of l_t, (d,) for all rows or (B, d). mu_t stays
                what the head said; everything after t is thought anew from the edit.
            generator: source of every draw; `RowNoise` gives each row of (B * G) draws of its own.
        """
        if group_size < 1:
            raise ValueError(f"group_size is {group_size}: think at least one trajectory per question")
        if question_mask.shape != question.shape or not question_mask[:, -1].all():
            raise ValueError(
                f"question {tuple(question.shape)} and mask {tuple(question_mask.shape)} must have one shape, padded "
                "on the left, so that every row's last token is <|start-latent|>"
            )
        context, states = read(self.backbone, self.embed(question), question_mask)
        hidden = states[:, -1]  # (B, d) at <|start-latent|>: this is h_1
        if group_size > 1:
            context, hidden = context.repeat(group_size), hidden.repeat_interleave(group_size, 0)
        n_rows, size = hidden.shape
        limit = self.config.max_latents if max_latents is None else max_latents
        fixed = self.config.layout == "fixed"  # then nobody stops before the limit
        if lengths is not None:
            lengths = lengths.repeat_interleave(group_size, 0)
            limit = turns(self, int(lengths.max()))

        rows = torch.arange(n_rows, device=hidden.device)  # the rows that still think
        parked: list[tuple[Tensor, Context, Tensor]] = []  # those that have stopped: rows, context, last hidden state
        columns: dict[str, list[Tensor]] = {name: [] for name in THOUGHT}  # each of (B, ...), 0 where a row stopped

        def park(done: Tensor) -> None:
            nonlocal rows, context, hidden
            if done.all():
                parked.append((rows, context, hidden))
                rows = rows[:0]
            elif done.any():
                parked.append((rows[done], context.select(done), hidden[done]))
                rows, context, hidden = rows[~done], context.select(~done), hidden[~done]

        park(torch.full_like(rows, limit == 0).bool() if lengths is None else lengths == 0)
        with one_weight_gradient(self):  # T steps share their weights
            for t in range(1, limit + 1):
                mu, logvar = self.latent_head(hidden)  # (b, d)
                latent = mu
                if sample:
                    spread = logvar if sigma is None else torch.full_like(mu, sigma).log() * 2
                    latent = reparameterise(mu, spread, of_rows(generator, rows))
                if edits is not None and t in edits:
                    latent = edits[t].to(mu).expand(n_rows, size)[rows]
                stop_logit = self.stop_head(hidden) if lengths is None else mu.new_zeros(len(rows))  # (b,)
                decides = lengths is None and not fixed and t % self.config.latents_per_step == 0 and t < limit
                flag = torch.ones_like(rows, dtype=torch.bool)
                for name, value in zip(
                    THOUGHT, (hidden, mu, logvar, latent, stop_logit, flag, flag & decides), strict=True
                ):
                    columns[name].append(_widen(value, rows, n_rows))

                context, states = read(self.backbone, self.feed(latent)[:, None], flag[:, None].long(), context)
                hidden = states[:, -1]  # (b, d): h_{t+1}

                if lengths is not None:
                    park(lengths[rows] == t)
                elif t == limit:
                    park(flag)
                elif decides and sample_stop:
                    draw = uniform(len(rows), rows.device, of_rows(generator, rows))
                    park(draw < torch.sigmoid(stop_logit))
                elif decides:
                    park(stop_logit > 0)
                if len(rows) == 0:
                    break

        last_hidden = sum(_widen(part, part_rows, n_rows) for part_rows, _, part in parked)
        read_so_far = Context.merge([(part_rows, part) for part_rows, part, _ in parked], n_rows)
        keep_step(self, read_so_far, last_hidden, idle=limit - len(columns["mu"]))
        empty = {"stop_logits": hidden.new_zeros(n_rows, 0), "latent_mask": rows.new_zeros(n_rows, 0).bool()}
        empty["stop_decided"] = empty["latent_mask"]
        thought = {
            name: torch.stack(values, 1) if values else empty.get(name, hidden.new_zeros(n_rows, 0, size))
            for name, values in columns.items()
        }
        if lengths is not None:  # the stop head had no say on the way: ask it about all latents at once
            thought["stop_logits"] = self.stop_head(thought["hidden"]) * thought["latent_mask"]
        return Trace(
            question=question,
            question_mask=question_mask,
            group_size=group_size,
            context=read_so_far,
            last_hidden=last_hidden,
            **thought,
        )

    # ----------------------------------------------------------------- answer

    def answer(
        self,
        trace: Trace,
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        generator: Noise = None,
    ) -> Trace:
        """Read `<|end-latent|>` after the latents and write the steps still in words and the answer.

        Continues the cache of `think`; greedy unless a temperature is given. Fills `answer`, `answer_mask` and
        `answer_log_probs` of the trace and returns it.
        """
        if trace.context is None:
            raise ValueError("this trace was answered already: its cache is used up; call think() again")
        end = torch.full((len(trace), 1), self.config.end_id, device=trace.mu.device)
        context, states = read(self.backbone, self.embed(end), torch.ones_like(end), trace.context)
        trace.context = trace.last_hidden = None
        trace.answer, trace.answer_log_probs = write(
            self.backbone,
            context,
            states[:, -1],
            self.config.max_answer_tokens if max_tokens is None else max_tokens,
            self.config.eos_id,
            self.config.pad_id,
            temperature,
            generator,
        )
        is_end = trace.answer == self.config.eos_id
        trace.ended = is_end.any(1)
        trace.answer_mask = is_end.int().cumsum(1) - is_end.int() == 0  # (B, A)
        return trace

    def decode(self, trace: Trace) -> Trace:
        """Read every latent step of every row back as text, with phi. Fills `step_tokens`, `step_log_probs`."""
        if self.decoder is None:
            raise ValueError(
                "this model has no decoder, so its latents cannot be read as text: train one with a decoder "
                "(ReasonerConfig.decoder), or leave decoding out"
            )
        c = self.config.latents_per_step
        n_steps = -(-trace.latents.shape[1] // c)
        latents = F.pad(trace.latents, (0, 0, 0, n_steps * c - trace.latents.shape[1]))  # (B, S * c, d)
        whole = torch.arange(1, n_steps + 1, device=latents.device) * c <= trace.n_latents[:, None]  # (B, S)
        trace.step_tokens, trace.step_log_probs = self.decoder.decode(
            latents, whole, self.config.max_step_tokens, self.config.eos_id, self.config.pad_id
        )
        return trace

    # ------------------------------------------------- stage 1: the SFT losses

    def sft_losses(self, batch: Batch, *, sample: bool = True, generator: torch.Generator | None = None) -> Losses:
        """The four terms of L_SFT = L_Enc + L_Dec + L_Stop + beta L_KL, each over real positions only.

        Gradients flow through the latents from one step into the ones before it.
        """
        trace = self.think(
            batch.question, batch.question_mask, lengths=batch.n_latents, sample=sample, generator=generator
        )
        real = trace.latent_mask  # (B, T)

        # L_Enc: -log p_theta(language | q, l_1..l_T), mean over the tokens after <|end-latent|>
        enc = self.language_loss(trace, batch.language, batch.language_mask)
        if not real.any():  # a batch in words only: nothing latent to learn from
            return Losses(enc, enc.new_zeros(()), enc.new_zeros(()), enc.new_zeros(()))

        # L_Dec: -log p_phi(s_i | the c latents of step i), mean over the steps' tokens
        dec = enc.new_zeros(())
        if self.decoder is not None:
            dec = self.decoder.loss(trace.latents, batch.steps, batch.steps_mask)

        # L_Stop: -log p(continue or stop) at every latent, against the label's own length
        stop = F.binary_cross_entropy_with_logits(trace.stop_logits[real], trace.stopped[real].to(enc.dtype))

        # L_KL: KL( N(mu_t, sigma_t^2) || N(0, I) ), summed over d, mean over the latents
        kl = enc.new_zeros(())
        if self.config.latent_head == "gaussian":  # a point has no posterior to measure
            kl = kl_divergence(trace.mu[real], trace.logvar[real]).mean()
        return Losses(enc, dec, stop, kl)

    def language_loss(self, trace: Trace, language: Tensor, language_mask: Tensor) -> Tensor:
        """Mean cross-entropy, in nats per token, of `language` (B, L) after the latents of `trace`.

        `language` starts with `<|end-latent|>`, which is read and not predicted. Uses up the trace's context.
        """
        if trace.context is None:
            raise ValueError("this trace was answered already: its cache is used up; call think() again")
        inputs, targets = language[:, :-1], language[:, 1:]  # (B, L - 1)
        _, states = read(self.backbone, self.embed(inputs), language_mask[:, :-1], trace.context)
        trace.context = trace.last_hidden = None
        written = language_mask[:, 1:].bool()
        logits = to_logits(self.backbone, states[written])  # (N, V)
        return F.cross_entropy(logits.float(), targets[written])

    # ------------------------------------- stage 2: one parallel pass for GRPO

    def replay(self, trace: Trace) -> Replay:
        """mu_t, stop logits and answer logits of sampled trajectories in ONE pass, with gradient.

        The sampled latents are inputs, so no recurrence is needed. Each question is read once for its group.
        """
        context, states = read(self.backbone, self.embed(trace.question), trace.question_mask)
        first = states[:, -1].repeat_interleave(trace.group_size, 0)  # (B, d): h_1
        context = context.repeat(trace.group_size)
        end = torch.full((len(trace), 1), self.config.end_id, device=first.device)
        words = torch.cat([end, trace.answer[:, :-1]], dim=1)  # (B, A): position i writes answer token i
        words_mask = torch.cat([torch.ones_like(end).bool(), trace.answer_mask[:, :-1]], dim=1)
        embeds = torch.cat([self.feed(trace.latents.detach()), self.embed(words)], dim=1)  # (B, T + A, d)
        mask = torch.cat([trace.latent_mask, words_mask], dim=1).long()
        _, states = read(self.backbone, embeds, mask, context)
        n_latents = trace.latents.shape[1]
        hidden = torch.cat([first[:, None], states[:, :n_latents]], dim=1)[:, :n_latents]  # (B, T, d): h_1 .. h_T
        mu, logvar = self.latent_head(hidden)
        answer_logits = to_logits(self.backbone, states[:, n_latents:])  # (B, A, V)
        return Replay(mu, logvar, self.stop_head(hidden), answer_logits)


THOUGHT = ("hidden", "mu", "logvar", "latents", "stop_logits", "latent_mask", "stop_decided")
"""What the latent loop records at every t, by its name in `Trace`."""


def _widen(value: Tensor, rows: Tensor, n_rows: int) -> Tensor:
    """(b, ...) of some rows -> (B, ...) with zeros elsewhere."""
    if len(rows) == n_rows:
        return value
    return value.new_zeros(n_rows, *value.shape[1:]).index_copy(0, rows, value)


AutoConfig.register("latent_reasoner", ReasonerConfig)
AutoModel.register(ReasonerConfig, LatentReasoner)
