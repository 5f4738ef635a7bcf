"""The latent loop: the only one in the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from atp_lite.model.generation import Context, read
from atp_lite.model.noise import Noise, of_rows, uniform
from atp_lite.model.trace import Thought

if TYPE_CHECKING:
    from atp_lite.model.reasoner import LatentReasoner


class ActiveRows:
    """The rows of a batch that still generate latents. A finished row is dropped and costs no further compute."""

    def __init__(self, context: Context, hidden: Tensor) -> None:
        self.context, self.hidden = context, hidden  # (b, d): the state that produces the next latent
        self.n_rows = len(hidden)
        self.rows = torch.arange(self.n_rows, device=hidden.device)  # (b,) places in the whole batch
        self.retired: list[tuple[Tensor, Context, Tensor]] = []

    def retire_finished(self, done: Tensor) -> None:
        """Drop the rows where `done` (b,) is True; their cache and last hidden state are kept."""
        if done.all():
            self.retired.append((self.rows, self.context, self.hidden))
            self.rows = self.rows[:0]
        elif done.any():
            self.retired.append((self.rows[done], self.context.select(done), self.hidden[done]))
            self.rows, self.context, self.hidden = self.rows[~done], self.context.select(~done), self.hidden[~done]

    def scatter(self, values: Tensor) -> Tensor:
        """(b, ...) of the active rows -> (B, ...) with zeros elsewhere."""
        return scatter_rows(values, self.rows, self.n_rows)

    def merge_retired(self) -> tuple[Context, Tensor]:
        """The merged cache of all rows, and their last hidden states (B, d)."""
        states = [scatter_rows(hidden, rows, self.n_rows) for rows, _, hidden in self.retired]
        context = Context.merge([(rows, context) for rows, context, _ in self.retired], self.n_rows)
        return context, torch.stack(states).sum(0) if len(states) > 1 else states[0]


def think(
    model: LatentReasoner,
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
    noise_of: Thought | None = None,
    generator: Noise = None,
) -> Thought:
    """The latent loop: h_t -> q(l_t | h_t) -> l_t, fed back as the next input, until the row stops.

    The question is read once, whatever the group size.

    Args:
        question, question_mask: (B, Q), left-padded, ending with `<|start-latent|>`.
        lengths: (B,) number of latents per row (from the label in training), or (B * G,) one for each trajectory; None:
            the stop head decides, at the end of a step only (every c latents).
        max_latents: the limit where the stop head decides; None: the configuration's.
        group_size: G trajectories per question; every (B, ...) of the trace then is (B * G, ...).
        sample: draw l_t from the head's distribution instead of taking its mode.
        sigma: one standard deviation for every draw, instead of the head's own.
        sample_stop: draw the stop decision too, instead of stopping where P(stop) > 1/2.
        edits: t (counted from 1) -> what is fed back in the place of l_t, (d,) for all rows or (B, d). The
            distribution stays what the head said; everything after t is thought anew from the edit.
        noise_of: a trace of these B * G rows, with the noise of which latents are drawn (`Distribution.redraw`); the
            gradient flows through them, into all that led to them.
        generator: random source; `RowNoise` gives each of the B * G rows an independent stream.

    Raises:
        ValueError: fewer than one trajectory per question, or questions that are not padded on the left.
    """
    if group_size < 1:
        raise ValueError(f"group_size is {group_size}: think at least one trajectory per question")
    if question_mask.shape != question.shape or not question_mask[:, -1].all():
        raise ValueError(
            f"question {tuple(question.shape)} and mask {tuple(question_mask.shape)} must have one shape, padded on "
            "the left, so that every row's last token is <|start-latent|>"
        )
    context, states = read(model.backbone, model.embed(question), question_mask)
    hidden = states[:, -1]  # (B, d) at <|start-latent|>: this is h_1
    if group_size > 1:
        context, hidden = context.repeat(group_size), hidden.repeat_interleave(group_size, 0)
    active = ActiveRows(context, hidden)
    columns: list[tuple[Any, ...]] = []  # distribution, latents, hidden, thought, decided of every t, all (B, ...)
    limit = model.config.max_latents if max_latents is None else max_latents
    if lengths is not None:
        if len(lengths) == len(question):
            lengths = lengths.repeat_interleave(group_size, 0)
        limit = int(lengths.max())
    planned = 0 if lengths is None else model.max_steps(limit)  # of all processes, where they share the weights
    stops = lengths is None and model.config.layout != "fixed"  # may a row stop before the limit?

    active.retire_finished(torch.full_like(active.rows, limit == 0).bool() if lengths is None else lengths == 0)
    while len(rows := active.rows):
        t = len(columns) + 1
        distribution = model.latent_head(active.hidden)  # q(l_t | h_t), of (b, d)
        latent = distribution.mode
        if sample:
            policy = distribution if sigma is None else distribution.with_stddev(sigma)
            latent = policy.draw(of_rows(generator, rows))
        if noise_of is not None:
            latent = distribution.redraw(noise_of.latents[rows, t - 1], noise_of.distribution[rows, t - 1])
        if edits is not None and t in edits:
            latent = edits[t].to(latent).expand(active.n_rows, -1)[rows]
        decides = stops and t < limit and t % model.config.latents_per_step == 0
        thought = torch.ones_like(rows, dtype=torch.bool)
        row = (latent, active.hidden, thought, thought & decides)
        columns.append((distribution.map(active.scatter), *map(active.scatter, row)))

        stop_logit = model.stop_head(active.hidden) if decides else None  # (b,)
        embed = model.feed(latent)[:, None]  # (b, 1, d)
        active.context, states = read(model.backbone, embed, thought[:, None].long(), active.context)
        active.hidden = states[:, -1]  # (b, d): h_{t+1}
        if lengths is not None:
            active.retire_finished(lengths[rows] == t)
        elif t == limit:
            active.retire_finished(thought)
        elif stop_logit is not None and sample_stop:
            chance = uniform(len(rows), rows.device, of_rows(generator, rows))
            active.retire_finished(chance < torch.sigmoid(stop_logit))
        elif stop_logit is not None:
            active.retire_finished(stop_logit > 0)

    length = len(columns)  # T
    context, last_hidden = active.merge_retired()
    model.match_collectives(context, last_hidden, idle=max(planned - length, 0))
    nothing = torch.zeros_like(hidden[:, 0], dtype=torch.bool)
    blank = (model.latent_head(hidden), hidden, hidden, nothing, nothing)
    distributions, *rest = zip(*(columns or [blank]), strict=True)
    latents, hiddens, mask, decided = (torch.stack(column, 1)[:, :length] for column in rest)
    said = distributions[0].combine(distributions, lambda tensors: torch.stack(tensors, 1)[:, :length])
    stop_logits = model.stop_head(hiddens) * mask  # (B, T), of all latents at once
    return Thought(question, question_mask, group_size, said, latents, mask, stop_logits, decided, hiddens, context)


def scatter_rows(values: Tensor, rows: Tensor, n_rows: int) -> Tensor:
    """(b, ...) of some rows -> (B, ...) with zeros elsewhere."""
    if len(rows) == n_rows:
        return values
    return values.new_zeros(n_rows, *values.shape[1:]).index_copy(0, rows, values)
