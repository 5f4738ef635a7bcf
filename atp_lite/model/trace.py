"""What happened while the model reasoned about a batch, held once, read by all.

A trace has three ages, and each knows all that the one before it knew:

    Thought   model.think   the latents, and where each row stopped
    Answered  model.answer  and the tokens of the answer
    Decoded   model.decode  and every step as text
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import torch
from torch import Tensor

from atp_lite.domains import UNNAMED, Domain, Problem
from atp_lite.model.distributions import Distribution
from atp_lite.model.generation import Context


@dataclass
class Thought:
    """What the model thought. B rows, T latents at most, d wide.

    When G trajectories share a question, the question stands once: row b of everything else belongs to row
    b // group_size of `question`.
    """

    question: Tensor
    """(B / G, Q) token ids, left-padded, ending with `<|start-latent|>`."""
    question_mask: Tensor
    """(B / G, Q) 1 on real tokens."""
    group_size: int
    """G, trajectories per question."""
    distribution: Distribution
    """(B, T, d) what the latent head said before each latent; all 0 where a row had stopped."""
    latents: Tensor
    """(B, T, d) what was fed back: the mode of the distribution, or a draw."""
    latent_mask: Tensor
    """(B, T) bool, True on latents that were thought."""
    stop_logits: Tensor
    """(B, T) logit of "this latent is the last"."""
    stop_decided: Tensor
    """(B, T) bool, True where the stop head had the say: at a step's end, and not forced by the limit."""
    hidden: Tensor
    """(B, T, d) h_t, the backbone's state that produced latent t."""
    context: Context | None
    """What the backbone has read, up to the last latent; None once it was used up by what was read after it."""
    problems: list[Problem] = field(default_factory=list, kw_only=True)
    """(B,) the problem of each row, where known."""
    domain: Domain = field(default=UNNAMED, kw_only=True)
    """What the problems are about: it reads the steps and judges the answers."""
    fixed_length: bool = field(default=False, kw_only=True)
    """Whether every row was given the same number of latents, whatever it needs (the layout `fixed`)."""

    def __len__(self) -> int:
        return self.latent_mask.shape[0]

    @property
    def mu(self) -> Tensor:
        """(B, T, d) the latents that are thought without sampling."""
        return self.distribution.mode

    @property
    def sigma(self) -> Tensor:
        """(B, T, d) standard deviation of each latent."""
        return self.distribution.stddev

    @property
    def n_latents(self) -> Tensor:
        """(B,) how many latents each row thought."""
        return self.latent_mask.sum(1)

    @property
    def stop_probs(self) -> Tensor:
        """(B, T) P(this latent is the last), 0 where a row had stopped."""
        return torch.sigmoid(self.stop_logits) * self.latent_mask

    @property
    def stopped(self) -> Tensor:
        """(B, T) bool, True at the last latent of each row."""
        return is_last(self.latent_mask)

    def take_context(self) -> Context:
        """The context, which is used up by whatever is read next.

        Raises:
            ValueError: it was taken before.
        """
        if self.context is None:
            raise ValueError("this trace was answered already: its cache is used up; call think() again")
        context, self.context = self.context, None
        return context

    def with_answer(self, answer: Tensor, log_probs: Tensor, eos_id: int) -> Answered:
        """The answered trace, from the tokens written (B, A) and their log-probabilities; a row ends with `eos_id`."""
        is_end = answer == eos_id
        mask = is_end.int().cumsum(1) - is_end.int() == 0  # (B, A)
        ended = is_end.any(1)
        return later_age(self, Answered, answer=answer, answer_mask=mask, ended=ended, answer_log_probs=log_probs)

    def questions(self, chosen: Tensor) -> Self:
        """The part of the trace that belongs to these questions, with all G trajectories of each; without a context.

        chosen: (n,) indices into the B / G questions.
        """
        rows = (chosen[:, None] * self.group_size + torch.arange(self.group_size, device=chosen.device)).flatten()

        def part(name: str, value: Any) -> Any:
            if isinstance(value, list):
                return [value[i] for i in rows.tolist()] if value else []
            return value[chosen if name.startswith("question") else rows]

        return self._rebuilt({name: part(name, value) for name, value in self._per_row().items()})

    @classmethod
    def join(cls, parts: Sequence[Self], pad_id: int) -> Self:
        """Traces of different questions as one: as if they had been thought together; without a context.

        The widest sets the width. Questions are padded on the left, everything else on the right, tokens with `pad_id`.
        """
        if len(parts) == 1:
            return parts[0]

        def joined(name: str, first: Any) -> Any:
            values = [getattr(part, name) for part in parts]
            if isinstance(first, list):
                return [value for part in values for value in part]
            if isinstance(first, Distribution):
                return first.combine(values, lambda tensors: _below(tensors, 0))
            fill = pad_id if name in ("question", "answer", "step_tokens") else 0
            return _below(values, fill, left=name.startswith("question"))

        return parts[0]._rebuilt({name: joined(name, value) for name, value in parts[0]._per_row().items()})

    def _per_row(self) -> dict[str, Any]:
        """The fields that have a row for each trajectory, or each question."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor | Distribution | list)}

    def _rebuilt(self, rows: dict[str, Any]) -> Self:
        return type(self)(**(vars(self) | {"context": None} | rows))


@dataclass
class Answered(Thought):
    """A thought with its answer of A tokens at most."""

    answer: Tensor
    """(B, A) tokens written after `<|end-latent|>`, pad after the end token."""
    answer_mask: Tensor
    """(B, A) bool, True up to and including the end token."""
    ended: Tensor
    """(B,) bool, True where the end token was written before the limit."""
    answer_log_probs: Tensor
    """(B, A) log-probability of each written token."""
    answers: list[str] = field(default_factory=list, kw_only=True)
    """(B,) the answer of each row as text; the planner, which has the tokenizer, fills it in."""

    @property
    def n_answer_tokens(self) -> Tensor:
        """(B,) tokens written after the latents, the end token included."""
        return self.answer_mask.sum(1)


@dataclass
class Decoded(Answered):
    """An answered thought of which every step can be read. S = T / c steps at most."""

    step_tokens: Tensor
    """(B, S, W) the decoder's text of every latent step; (B, 0, 0) where nothing was decoded."""
    step_log_probs: Tensor
    """(B, S, W) log-probability of each of those tokens."""
    steps: list[list[str]] = field(default_factory=list, kw_only=True)
    """(B,) the steps of each row as text: decoded latents first, then those written in words; filled by the planner."""

    @property
    def chains(self) -> list[list[str]]:
        """(B,) the steps that are judged: all, but after a complete chain what spare latents read as does not count."""
        if not self.fixed_length:
            return self.steps
        rows = zip(self.problems, self.steps, strict=True)
        return [list(self.domain.complete_prefix(problem, steps)) for problem, steps in rows]


Age = TypeVar("Age", bound=Thought)

Trace = Thought
"""A trace of any age."""


def is_last(latent_mask: Tensor) -> Tensor:
    """(B, T) bool, True on latents that there are -> True on the last of each row."""
    after = torch.nn.functional.pad(latent_mask[:, 1:], (0, 1))
    return latent_mask & ~after


def _below(values: Sequence[Tensor], fill: int, left: bool = False) -> Tensor:
    """(b_i, n_i, ...) -> (sum of b_i, largest n, ...), every dimension after the first padded to the largest."""
    sizes = [max(value.shape[dim] for value in values) for dim in range(1, values[0].dim())]

    def padded(value: Tensor) -> Tensor:
        room = [size - own for size, own in zip(sizes, value.shape[1:], strict=True)]
        pairs = [pair for n in reversed(room) for pair in ((n, 0) if left else (0, n))]  # last dimension first
        return torch.nn.functional.pad(value, pairs, value=fill)

    return torch.cat([padded(value) for value in values])


def later_age(thought: Thought, age: type[Age], **more: Any) -> Age:
    """The trace as one of a later age, with what is new in it."""
    return age(**(vars(thought) | more))
