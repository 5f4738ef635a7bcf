"""What training takes of a device's memory, worked out from shapes before anything is trained.

Everything here is arithmetic: parameters are counted on a model without numbers (torch's device `meta`), the rest is
sizes of tensors times how many of them live at once. The formulas are those of the LLaMA family (RMSNorm, rotary
positions, gated feed-forward layers) with torch's fused attention, which keeps no table of attention weights. For
another family they are a rough guess. `benchmarks/memory.py` compares them with what is measured (docs/memory.md).

Symbols: B rows, Q question tokens, T latents, L language tokens, A answer tokens, G trajectories of a question, S steps
of W tokens, V vocabulary, d width of the model, a width of all its query heads, k width of its key heads, f inner width
of a feed-forward layer, r rank of LoRA; b bytes of a number.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from transformers import PreTrainedModel

from atp_lite.engine.sharding import fsdp_layers
from atp_lite.model import LatentReasoner
from atp_lite.model.heads import MixtureHead

FLOAT32 = 4
"""Bytes of a number in losses, attention masks and norms, whatever the weights are."""
IN_A_LATENT, IN_A_REPLAY = 16, 14
"""Numbers of width d that heads and losses keep of one latent. SFT: 6 in the latent head and the draw, 4 in the trace
(hidden, mu, logvar, latent), 2 in the stop head, 2 in the KL, 2 in what the decoder reads. RL: 5 in the latent head, 2
its results, 2 in the stop head, 5 in the log-probability."""
IN_A_POSTERIOR = 8
"""Numbers of width d that the step encoder keeps of a word of a step, and of a latent."""
MOMENTS = 2
"""AdamW keeps two numbers for each that learns."""


@dataclass(frozen=True)
class LM:
    """The sizes of a causal LM that decide what it keeps."""

    vocab: int
    width: int
    layers: int
    heads: int
    queries: int
    """a, heads times their width."""
    keys: int
    """k, key heads times their width."""
    inner: int
    number: int
    """b, bytes of a weight."""
    learns: bool
    """Its own weights learn, not only LoRA matrices beside them."""
    rank: int
    """r, 0 without LoRA."""
    recomputed: bool
    """Its feed-forward layers are worked out again on the way back (`checkpoint_mlps`)."""

    @classmethod
    def of(cls, lm: PreTrainedModel, rank: int = 0, recomputed: bool = False) -> LM:
        """The sizes of this model; rank: of the LoRA matrices in it."""
        config = lm.config
        width, heads = config.hidden_size, config.num_attention_heads
        head = getattr(config, "head_dim", None) or width // heads
        return cls(
            vocab=config.vocab_size,
            width=width,
            layers=config.num_hidden_layers,
            heads=heads,
            queries=heads * head,
            keys=(getattr(config, "num_key_value_heads", None) or heads) * head,
            inner=getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * width,
            number=lm.dtype.itemsize,
            learns=any(p.requires_grad for name, p in lm.named_parameters() if "norm" in name),
            rank=rank,
            recomputed=recomputed,
        )

    def norm(self) -> int:
        """Bytes that a norm keeps of one position: its input in float32, what it returns, and where its weight learns
        what that was multiplied by."""
        return FLOAT32 * (self.width + 1) + self.number * self.width * (2 if self.learns else 1)

    def position(self) -> int:
        """Bytes kept of one position on its way through all layers, but for keys and values:

            layers * (2 norms + b (2 a + 4 f + 7 r) + 4 heads) + 1 norm

        2 a: the queries and what attention returns. 4 f: both halves of the feed-forward layer, the activation of one,
        their product; none where they are worked out again. 7 r: what the first LoRA matrix beside each of seven
        linear layers returns. heads: a log-sum of each head.
        """
        inner = 0 if self.recomputed else 4 * self.inner
        layer = 2 * self.norm() + self.number * (2 * self.queries + inner + 7 * self.rank) + FLOAT32 * self.heads
        return self.layers * layer + self.norm()

    def attended(self, rows: int, new: int, past: int = 0, masked: bool = False) -> int:
        """Bytes of keys and values that `new` positions after `past` others keep for the way back:

            rows * layers * 2 b (past + new) k

        Every pass writes the whole cache anew, so a loop of T steps keeps it T times. Where there is a mask, groups of
        queries that share a key get a copy of it each, so k becomes a, and every layer keeps the mask as numbers.
        """
        length = past + new
        width = self.queries if masked and new > 1 else self.keys
        mask = FLOAT32 * new * length if masked else 0
        return rows * self.layers * (2 * self.number * length * width + mask)

    def cache(self, rows: int, length: int) -> int:
        """Bytes of the KV cache: rows * layers * 2 b length k."""
        return rows * self.layers * 2 * self.number * length * self.keys

    def operations(self, positions: float, written: float) -> float:
        """Floating point operations of a forward pass over positions of which `written` are scored, 2 a weight:

            2 (layers (2 d a + 2 d k + 3 d f) positions + V d written)

        Attention itself, small beside that in texts of some hundred tokens, is left out.
        """
        layer = 2 * self.width * (self.queries + self.keys) + 3 * self.width * self.inner
        return 2 * (self.layers * layer * positions + self.vocab * self.width * written)

    def on_the_way(self, positions: int) -> int:
        """Bytes that come and go inside one layer, forward without gradients or on the way back: b (3 f + 2 d) each."""
        return positions * self.number * (3 * self.inner + 2 * self.width)


@dataclass(frozen=True)
class Sizes:
    """A latent reasoner's parts, in bytes unless it says otherwise."""

    backbone: LM
    decoder: LM | None
    c: int
    """Latents of a step."""
    weights: int
    learned: int
    """Weights that learn."""
    decoder_learned: int
    """Of these, in the decoder."""
    counts: dict[str, int]
    """Numbers (not bytes) in backbone, heads, decoder; in `learned` those that learn."""
    components: int = 1
    """Of the latent head: each is read as text where the method has a step posterior."""
    merged: int = 0
    """Weights beside which LoRA matrices lie, and the embeddings of which rows learn; 0 without LoRA."""


def sizes_of(model: LatentReasoner, rank: int = 0, decoder_rank: int = 0, recomputed: bool = False) -> Sizes:
    """Count a model, on any device. Its weights that do not learn must be frozen already, and LoRA put in."""

    def total(parameters) -> int:
        return sum(p.numel() * p.element_size() for p in parameters)

    heads = [model.latent_head, model.stop_head, *([] if model.step_encoder is None else [model.step_encoder])]
    decoder = [] if model.decoder is None else list(model.decoder.parameters())
    lm = None if model.decoder is None else model.decoder.lm
    learned = [p for p in model.parameters() if p.requires_grad]
    beside = [p for name, p in model.named_parameters() if name.endswith((".base_layer.weight", ".base.weight"))]
    return Sizes(
        backbone=LM.of(model.backbone, rank, recomputed),
        decoder=None if lm is None else LM.of(lm, decoder_rank, recomputed),
        c=model.config.latents_per_step,
        weights=total(model.parameters()),
        learned=total(learned),
        decoder_learned=total(p for p in decoder if p.requires_grad),
        counts={
            "backbone": sum(p.numel() for p in model.backbone.parameters()),
            "heads": sum(p.numel() for head in heads for p in head.parameters()),
            "decoder": sum(p.numel() for p in decoder),
            "learned": sum(p.numel() for p in learned),
        },
        components=model.latent_head.shape[0] if isinstance(model.latent_head, MixtureHead) else 1,
        merged=total(beside),
    )


def unsharded_bytes(model: LatentReasoner, copies: bool = False) -> dict[str, int]:
    """Bytes of weights that FSDP gathers on a device beside the shards (atp_lite/engine/sharding.py), by phase.

    learning: what belongs to no layer; and in the backward pass its gradient, two layers, one at work and the next
    being gathered, and the gradient of one; or in RL (`copies`), where that is more, the start model for the KL.
    thinking, in rollouts and validation: all weights. Counted in the dtype of the weights; a run in bfloat16 gathers
    layers in half of it.
    """

    def total(parameters, learned: bool = False) -> int:
        return sum(p.numel() * p.element_size() for p in parameters if p.requires_grad or not learned)

    layers = fsdp_layers(model)
    inside = {id(p) for layer in layers for p in layer.parameters()}
    rest = [p for p in model.parameters() if id(p) not in inside]
    largest = max(layers, key=lambda layer: total(layer.parameters()))
    one, everything = list(largest.parameters()), total(model.parameters())
    back = total(rest, learned=True) + 2 * total(one) + total(one, learned=True)
    return {"learning": total(rest) + max(back, everything if copies else 0), "thinking": everything}


@dataclass(frozen=True)
class Memory:
    """Bytes that live at one moment, by kind."""

    weights: int = 0
    copies: int = 0
    """RL: the averaged weights and those of the start; frozen ones are shared."""
    gradients: int = 0
    optimizer: int = 0
    activations: int = 0
    logits: int = 0
    """Everything as wide as the vocabulary."""
    cache: int = 0
    """Keys and values."""

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class Shape:
    """A batch of SFT: B rows, Q, T, L (`<|end-latent|>` and the end token counted), S latent steps of W tokens."""

    rows: int
    question: int
    latents: int
    language: int
    steps: int
    width: int
    padded: bool = False
    """Its rows are of different lengths (`SFTSettings.bucket`), so attention has a mask everywhere."""


@dataclass(frozen=True)
class Share:
    """How a run is divided. Replicated: every device holds all weights, gradients and moments."""

    devices: int = 1
    sharded: bool = False
    """FSDP: weights, gradients and moments are divided by the number of devices; `unsharded_bytes` are gathered."""

    def of(self, size: int) -> int:
        """The part of weights, gradients or moments that lies on one device."""
        return -(-size // self.devices) if self.sharded else size

    @property
    def summing(self) -> int:
        """How many copies of the gradients there are while they are summed over devices: `all_reduce_gradients` makes
        one flat buffer and receives another."""
        return 1 if self.devices == 1 or self.sharded else 3


def sft_step(m: Sizes, shape: Shape, share: Share = Share(), accumulate: int = 1, parallel: bool = False) -> Memory:
    """The fullest moment of an optimizer step of SFT, `shape.rows` being those of one device.

    parallel: all latents are known (method atp-step), so question, latents and language are read in one pass; the
    decoder reads each step from its latents and from every component that the head gives in their place.

    Kept for the way back, in this order: the question (Q positions), T steps of the loop, the language (L - 1), the
    decoder (S B rows of c + W - 1). Cross-entropy keeps the log-probabilities of each of its positions, V numbers in
    float32; on the way back two more live beside them. The way back begins with the decoder. So the fullest moment is
    one of four: at the decoder; at the language, when the decoder's gradients are there; at the loop, when all
    gradients are; after that, when gradients are added up over devices.
    """
    rows, lm, s = -(-shape.rows // accumulate), m.backbone, shape
    thinking = lm.position() * rows * (s.question + s.latents)
    thinking += IN_A_LATENT * lm.number * lm.width * rows * s.latents
    words = rows * (s.language - 1)
    writing = lm.position() * words
    if parallel:
        writing += lm.attended(rows, s.question + s.latents + s.language - 1, masked=True)
        thinking += IN_A_POSTERIOR * lm.number * lm.width * rows * (s.steps * s.width + s.latents)
    else:
        thinking += lm.attended(rows, s.question, masked=s.padded)
        thinking += sum(lm.attended(rows, 1, s.question + t, s.padded) for t in range(s.latents))
        writing += lm.attended(rows, s.language - 1, s.question + s.latents, masked=True)
    table = FLOAT32 * words * lm.vocab
    reading = decoder_table = 0
    if m.decoder is not None and s.steps:
        texts, length = rows * s.steps, m.c + s.width - 1
        reading = m.decoder.position() * texts * length + m.decoder.attended(texts, length)
        decoder_table = FLOAT32 * texts * s.width * m.decoder.vocab
    learned, by_then = share.of(m.learned), share.of(m.decoder_learned)
    before = learned if accumulate > 1 else 0  # gradients of earlier micro-batches
    held = {"weights": share.of(m.weights), "optimizer": MOMENTS * learned}
    back = lm.on_the_way(words)
    moments = [
        Memory(**held, gradients=learned, activations=thinking),
        Memory(**held, gradients=max(before, by_then), activations=thinking + writing + back, logits=3 * table),
        Memory(**held, gradients=learned * share.summing),
    ]
    if reading:
        times = 1 + m.components if parallel else 1
        logits = table + (2 + times) * decoder_table
        activations = thinking + writing + times * reading
        moments.append(Memory(**held, gradients=before, activations=activations, logits=logits))
    return max(moments, key=lambda moment: moment.total)


@dataclass(frozen=True)
class Practice:
    """An iteration of RL on one device: Q, T and A of the longest, questions, G, number of updates."""

    questions: int
    group: int
    question: int
    latents: int
    answer: int
    width: int
    """W, the longest decoded step."""
    rollout: int | None = None
    """Trajectories thought at a time; None: all."""
    updates: int = 1
    """Mini-batches; each has `questions / updates` questions."""
    accumulate: int = 1
    """Gradient accumulation steps of an update."""
    several: bool = False
    """More than one update per rollout: then the old log-probabilities are written down first."""


TABLES_OF_AN_UPDATE = 8
"""Tensors (B, A, V) in float32 that live at once in an update that also measures the KL to the start, as the first one
and every one before a look at validation do: logits and log pi; logits of the start; and of the KL log p, log p_0, p,
log p - log p_0 and a product."""
TABLES_OF_A_LOOK = 3
"""The same where nothing is kept: logits, logits over the temperature, log-probabilities."""


def rollout(m: Sizes, p: Practice, share: Share = Share()) -> Memory:
    """The fullest moment of thinking, answering and decoding; gradients of the update before still lie there.

    Answering: the KV cache of B = questions * G rows, Q + T + 1 + A long; rows that stop at different times are cut out
    and put together again, and for that moment their caches over Q + T lie there twice, two layers three times.
    Decoding: S B texts of c + W positions and three tables (S B, V).
    """
    lm, questions = m.backbone, p.questions
    if p.rollout is not None:
        questions = min(questions, max(1, p.rollout // p.group))
    rows = questions * p.group
    held = _held(m, share) | {"gradients": share.of(m.learned)}
    return _reasoning(m, rows, questions, p.question, p.latents, p.answer, p.width, held, lm)


def rl_update(m: Sizes, p: Practice, share: Share = Share()) -> Memory:
    """The fullest moment of an update: one pass with gradients over T + A positions of B rows, after the questions.

    Questions are padded, so their attention has a mask. One moment is while the start reads the same trajectories for
    the KL, with a KV cache and without keeping anything; another is when all tables (B, A, V) of the KL are there.
    """
    lm, held = m.backbone, _held(m, share)
    learned = share.of(m.learned)
    earlier = held | {"gradients": learned if p.accumulate > 1 else 0}  # of earlier micro-batches
    questions = -(-p.questions // (p.updates * p.accumulate))
    rows, length = questions * p.group, p.latents + p.answer
    kept = lm.position() * (questions * p.question + rows * length)
    kept += lm.attended(questions, p.question, masked=True) + lm.attended(rows, length, p.question, masked=True)
    kept += IN_A_REPLAY * lm.number * lm.width * rows * p.latents
    table = FLOAT32 * rows * p.answer * lm.vocab
    look = lm.on_the_way(rows * length)
    moments = [
        Memory(**earlier, activations=kept + look, logits=3 * table, cache=lm.cache(rows, p.question + length)),
        Memory(**earlier, activations=kept, logits=TABLES_OF_AN_UPDATE * table),
        Memory(**held, gradients=learned * share.summing),
    ]
    if p.several:  # nothing is kept for the way back, all mini-batches are looked at, and old gradients still lie there
        look, tables = p.updates * look, p.updates * TABLES_OF_A_LOOK * table
        cache = lm.cache(p.updates * rows, p.question + length)
        moments.append(Memory(**held, gradients=learned, activations=look, logits=tables, cache=cache))
    return max(moments, key=lambda moment: moment.total)


def validation(m: Sizes, rows: int, p: Practice, share: Share = Share(), copies: bool = False) -> Memory:
    """The fullest moment of evaluating `rows` problems at once in the middle of a run: gradients and moments stay."""
    held = _held(m, share, copies) | {"gradients": share.of(m.learned)}
    return _reasoning(m, rows, rows, p.question, p.latents, p.answer, p.width, held, m.backbone)


def saving(m: Sizes, share: Share = Share(), copies: bool = False) -> Memory:
    """Writing the state to resume from, or a checkpoint, while everything else is there.

    The state is copied first: what learns, or without LoRA all weights (twice in RL: the averaged ones too), and the
    moments. A checkpoint is written as it lies there, but LoRA matrices are added to copies of the weights beside them.
    """
    held = _held(m, share, copies)
    own = m.learned if m.merged else m.weights
    written = max(own * (2 if copies else 1) + MOMENTS * m.learned, m.merged)
    return Memory(**held | {"copies": held["copies"] + share.of(written), "gradients": share.of(m.learned)})


def _held(m: Sizes, share: Share, copies: bool = True) -> dict[str, int]:
    """What a run holds all the time. Copies of RL: the start and the average, of what learns; slices of FSDP cannot be
    shared, so there of everything."""
    learned = share.of(m.learned)
    copied = share.of(m.weights) if share.sharded else learned
    return {
        "weights": share.of(m.weights),
        "copies": 2 * copied if copies else 0,
        "optimizer": MOMENTS * learned,
    }


def _reasoning(
    m: Sizes, rows: int, questions: int, question: int, latents: int, answer: int, width: int, held: dict, lm: LM
) -> Memory:
    parted = lm.cache(rows, question + latents) * (2 * lm.layers + 2) // lm.layers
    whole = lm.cache(rows, question + latents + 1 + answer)
    small = IN_A_LATENT // 2 * lm.number * lm.width * rows * latents
    reading = lm.on_the_way(questions * question) + FLOAT32 * questions * question**2
    moments = [
        Memory(**held, activations=reading, cache=lm.cache(questions, question)),
        Memory(**held, activations=small, logits=TABLES_OF_A_LOOK * FLOAT32 * rows * lm.vocab,
               cache=max(parted, whole)),
    ]  # fmt: skip
    if m.decoder is not None and latents:
        texts = rows * (latents // m.c)
        table = FLOAT32 * texts * m.decoder.vocab
        moments.append(
            Memory(**held, activations=small, logits=TABLES_OF_A_LOOK * table,
                   cache=m.decoder.cache(texts, m.c + width))
        )  # fmt: skip
    return max(moments, key=lambda moment: moment.total)
