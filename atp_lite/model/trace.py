"""`Trace`: everything that happened while the model reasoned about a batch, held once, read by all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from atp_lite.domains import UNNAMED, Domain, Problem
from atp_lite.model.generation import Context


@dataclass
class Trace:
    """What the model thought and wrote. B rows, T latents at most, d wide, A answer tokens, S = T / c steps.

    When G trajectories share a question, the question stands once: row b of everything else belongs to row
    b // group_size of `question`.
    """

    question: Tensor
    """(B / G, Q) token ids, left-padded, ending with `<|start-latent|>`."""
    question_mask: Tensor
    """(B / G, Q) 1 on real tokens."""
    group_size: int
    """G, trajectories per question."""
    mu: Tensor
    """(B, T, d) posterior means; 0 where a row had stopped."""
    logvar: Tensor
    """(B, T, d) log sigma^2 of the posterior."""
    latents: Tensor
    """(B, T, d) what was fed back: mu itself, or a draw."""
    latent_mask: Tensor
    """(B, T) bool, True on latents that were thought."""
    stop_logits: Tensor
    """(B, T) logit of "this latent is the last"."""
    stop_decided: Tensor
    """(B, T) bool, True where the stop head had the say: at a step's end, and not forced by the limit."""
    hidden: Tensor
    """(B, T, d) h_t, the backbone's state that produced latent t."""
    context: Context | None = None
    """What the backbone has read, up to the last latent; used up by `answer`."""
    last_hidden: Tensor | None = None
    """(B, d) the backbone's state at the end of `context`."""
    answer: Tensor | None = None
    """(B, A) tokens written after `<|end-latent|>`, pad after the end token."""
    answer_mask: Tensor | None = None
    """(B, A) bool, True up to and including the end token."""
    ended: Tensor | None = None
    """(B,) bool, True where the end token was written before the limit."""
    answer_log_probs: Tensor | None = None
    """(B, A) log-probability of each written token."""
    step_tokens: Tensor | None = None
    """(B, S, W) the decoder's text of every latent step."""
    step_log_probs: Tensor | None = None
    """(B, S, W) log-probability of each of those tokens."""
    problems: list[Problem] = field(default_factory=list)
    """(B,) the problem of each row, where known."""
    domain: Domain = UNNAMED
    """What the problems are about: it reads the steps and judges the answers."""
    steps: list[list[str]] = field(default_factory=list)
    """(B,) the steps of each row as text: decoded latents first, then those written in words."""
    answers: list[str] = field(default_factory=list)
    """(B,) the answer of each row as text."""

    def __len__(self) -> int:
        return self.latent_mask.shape[0]

    def questions(self, chosen: Tensor) -> Trace:
        """The part of the trace that belongs to these questions, with all G trajectories of each.

        chosen: (n,) indices into the B / G questions.
        """
        rows = (chosen[:, None] * self.group_size + torch.arange(self.group_size, device=chosen.device)).flatten()
        part = {}
        for name, value in vars(self).items():
            index = chosen if name in ("question", "question_mask") else rows
            if isinstance(value, Tensor):
                part[name] = value[index]
            elif isinstance(value, list):
                part[name] = [value[i] for i in index.tolist()] if value else []
        return Trace(group_size=self.group_size, domain=self.domain, **part)

    @staticmethod
    def join(parts: Sequence[Trace], pad_id: int) -> Trace:
        """Traces of different questions as one: as if they had been thought together.

        The widest sets the width. Questions are padded on the left, everything else on the right, tokens with `pad_id`.
        """
        if len(parts) == 1:
            return parts[0]
        whole = {}
        for name, first in vars(parts[0]).items():
            values = [getattr(part, name) for part in parts]
            if isinstance(first, Tensor):
                fill = pad_id if name in ("question", "answer", "step_tokens") else 0
                whole[name] = _below(values, fill, left=name.startswith("question"))
            elif isinstance(first, list):
                whole[name] = [value for part in values for value in part]
        return Trace(group_size=parts[0].group_size, domain=parts[0].domain, **whole)

    @property
    def n_latents(self) -> Tensor:
        """(B,) how many latents each row thought."""
        return self.latent_mask.sum(1)

    @property
    def sigma(self) -> Tensor:
        """(B, T, d) standard deviation of the posterior."""
        return torch.exp(0.5 * self.logvar)

    @property
    def stop_probs(self) -> Tensor:
        """(B, T) P(this latent is the last), 0 where a row had stopped."""
        return torch.sigmoid(self.stop_logits) * self.latent_mask

    @property
    def stopped(self) -> Tensor:
        """(B, T) bool, True at the last latent of each row."""
        after = torch.nn.functional.pad(self.latent_mask[:, 1:], (0, 1))
        return self.latent_mask & ~after

    @property
    def n_answer_tokens(self) -> Tensor:
        """(B,) tokens written after the latents, the end token included."""
        if self.answer_mask is None:
            raise ValueError("this trace has no answer yet: call model.answer(trace) first")
        return self.answer_mask.sum(1)


def _below(values: Sequence[Tensor], fill: int, left: bool) -> Tensor:
    """(b_i, n_i, ...) -> (sum of b_i, largest n, ...), every dimension after the first padded to the largest."""
    sizes = [max(value.shape[dim] for value in values) for dim in range(1, values[0].dim())]
    padded = []
    for value in values:
        room = [size - own for size, own in zip(sizes, value.shape[1:], strict=True)]
        pairs = [pair for n in reversed(room) for pair in ((n, 0) if left else (0, n))]  # last dimension first
        padded.append(torch.nn.functional.pad(value, pairs, value=fill))
    return torch.cat(padded)
