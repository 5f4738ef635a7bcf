"""Reading and writing with a KV cache: what the backbone and the decoder have in common.

A `Context` is everything a causal LM has read so far: its cache and the mask of real positions. Rows may have
holes (padding on the left of a question, latents that a shorter row did not have); position ids count real
positions only, so holes change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from atp_lite.model.decisions import argmax
from atp_lite.model.noise import Noise, choose, of_rows


@dataclass
class Context:
    """What was read: `cache` over S positions, `mask` (B, S) with 1 on real ones."""

    cache: DynamicCache
    mask: Tensor

    def select(self, rows: Tensor) -> Context:
        """Only these rows (a copy of their cache)."""
        return Context(_mapped(self.cache, lambda values: values[rows]), self.mask[rows])

    def repeat(self, times: int) -> Context:
        """Every row `times` times in a row: one question, G trajectories. Read once, shared by the group."""
        cache = _mapped(self.cache, lambda values: values.repeat_interleave(times, 0))
        return Context(cache, self.mask.repeat_interleave(times, 0))

    @staticmethod
    def merge(parts: Sequence[tuple[Tensor, Context]], n_rows: int) -> Context:
        """Contexts of disjoint rows, of different lengths, as one: shorter ones get holes on the right."""
        if len(parts) == 1:
            return parts[0][1]
        width = max(context.mask.shape[1] for _, context in parts)
        mask = parts[0][1].mask.new_zeros(n_rows, width)
        for rows, context in parts:
            mask[rows, : context.mask.shape[1]] = context.mask
        cache = DynamicCache()
        layers = zip(*(_layers(context.cache) for _, context in parts), strict=True)  # of every part
        places = [rows for rows, _ in parts]
        for i, of_parts in enumerate(layers):
            keys, values = (_merge(places, tensors, n_rows, width) for tensors in zip(*of_parts, strict=True))
            cache.update(keys, values, i)
        return Context(cache, mask)


def _layers(cache: DynamicCache) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of every layer."""
    return [cast(tuple[Tensor, Tensor], (layer.keys, layer.values)) for layer in cast(list[DynamicLayer], cache.layers)]


def _mapped(cache: DynamicCache, function: Callable[[Tensor], Tensor]) -> DynamicCache:
    """A cache with `function` applied to all keys and values."""
    mapped = DynamicCache()
    for i, (keys, values) in enumerate(_layers(cache)):
        mapped.update(function(keys), function(values), i)
    return mapped


def _merge(places: Sequence[Tensor], parts: Sequence[Tensor], n_rows: int, width: int) -> Tensor:
    first = parts[0]
    merged = first.new_zeros(n_rows, first.shape[1], width, first.shape[3])
    for rows, part in zip(places, parts, strict=True):
        merged = merged.index_copy(0, rows, torch.nn.functional.pad(part, (0, 0, 0, width - part.shape[2])))
    return merged


def read(
    lm: PreTrainedModel, embeds: Tensor, mask: Tensor, context: Context | None = None, every_layer: bool = False
) -> tuple[Context, Tensor]:
    """Let `lm` read `embeds` (B, n, d) with `mask` (B, n) after `context`; return the longer context and the
    last hidden states (B, n, d), or with `every_layer` those of the embeddings and every layer (L + 1, B, n, d).

    The context that was passed in must not be used again: its cache grows in place.

    Raises:
        ValueError: rows with holes are longer than the window of a model that looks back only so far. It counts the
            holes, so a row would see less than it does alone.
    """
    full_mask = mask if context is None else torch.cat([context.mask, mask], dim=1)  # (B, S + n)
    if unpadded := bool(full_mask.all()):  # no holes anywhere: nothing to count, and no mask to build
        positions = torch.arange(full_mask.shape[1], device=mask.device)[None, -mask.shape[1] :]  # (1, n)
    else:
        window = getattr(lm.config, "sliding_window", None)
        if window is not None and full_mask.shape[1] > window:
            raise ValueError(
                f"a padded batch of {full_mask.shape[1]} positions does not fit into the window of {window} that "
                f"{lm.config.model_type} looks back: leave out longer questions, or take them one at a time"
            )
        positions = (full_mask.cumsum(1) - 1).clamp(min=0)[:, -mask.shape[1] :]  # (B, n)
    output = lm.base_model(
        inputs_embeds=embeds,
        attention_mask=None if unpadded else full_mask,
        position_ids=positions,
        past_key_values=DynamicCache() if context is None else context.cache,
        use_cache=True,
        output_hidden_states=every_layer,
    )
    states = torch.stack(output.hidden_states) if every_layer else output.last_hidden_state
    return Context(output.past_key_values, full_mask), states


def to_logits(lm: PreTrainedModel, hidden: Tensor) -> Tensor:
    """Last hidden states (..., d) -> logits (..., V), as the model's own forward pass makes them.

    Gemma 2 and its kin cap them: c tanh(z / c). `from_backbone` refuses models that do anything else to them.
    """
    logits: Tensor = lm.get_output_embeddings()(hidden)
    cap = getattr(lm.config, "final_logit_softcapping", None)
    return logits if cap is None else cap * torch.tanh(logits / cap)


def generate(
    lm: PreTrainedModel,
    context: Context,
    hidden: Tensor,
    max_tokens: int,
    eos_id: int,
    pad_id: int,
    temperature: float | None = None,
    generator: Noise = None,
) -> tuple[Tensor, Tensor]:
    """Write up to `max_tokens` tokens after `context`, whose last hidden state is `hidden` (B, d).

    Greedy when `temperature` is None, otherwise sampled from softmax(logits / temperature). A row ends with its
    `eos_id`; once half of the rows have ended, the others go on alone.

    Returns:
        tokens (B, A) with `pad_id` after the end token, and their log-probabilities (B, A), 0 on padding. The
        log-probability is that of the distribution drawn from (temperature 1 when greedy).
    """
    if temperature is not None and temperature <= 0:
        raise ValueError(f"temperature is {temperature}: give one above 0, or None for the likeliest token")
    n_rows = hidden.shape[0]
    embed = lm.get_input_embeddings()
    tokens = torch.full((n_rows, max_tokens), pad_id, dtype=torch.long, device=hidden.device)
    log_probs = hidden.new_zeros(n_rows, max_tokens)
    rows = torch.arange(n_rows, device=hidden.device)  # the rows still in the batch
    alive = torch.ones_like(rows, dtype=torch.bool)  # of those, the ones still writing
    for i in range(max_tokens):
        logits = to_logits(lm, hidden).float()  # (b, V)
        if temperature is None:
            token = argmax(logits)
        else:
            logits = logits / temperature
            token = choose(logits, of_rows(generator, rows))
        score = logits.gather(1, token[:, None])[:, 0] - logits.logsumexp(-1)  # (b,)
        tokens[rows[alive], i] = token[alive]
        log_probs[rows[alive], i] = score[alive].to(log_probs.dtype)
        alive = alive & (token != eos_id)
        n_alive = int(alive.sum())
        if n_alive == 0 or i + 1 == max_tokens:
            tokens, log_probs = tokens[:, : i + 1], log_probs[:, : i + 1]
            break
        if 2 * n_alive <= len(rows):
            context, rows, token, alive = context.select(alive), rows[alive], token[alive], alive[alive]
        context, states = read(lm, embed(token)[:, None], alive[:, None].long(), context)
        hidden = states[:, -1]
    return tokens, log_probs
