"""CODI: one model is teacher in words and student in latents; before the answer, their states must agree.

Shen et al. 2025, arXiv 2502.21074.

    student  L_S = -log p(a | q, l_1 .. l_T),  l_t = MLP(h_t)
    teacher  L_T = -log p(s_1 .. s_n a | q)                                the same weights, steps in words
    distil   L_D = mean over layers |sg(h_teacher) - h_student|_1 / std(sg(h_teacher))
    L = L_S + L_T + gamma L_D

h is the state that writes the first token of the answer: after `<|end-latent|>` for the student, after the last step
for the teacher; sg stops the gradient. The embeddings below the first layer are left out: the two read different
tokens there. A single stage, T the same for every question. Simplified: gamma = 1 (the paper:
1 for GPT-2, 20 for LLaMA), and the L1 distance is a mean over the d dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from atp_lite.engine.distributed import all_gather_rows
from atp_lite.methods.method import Method
from atp_lite.model import Context, read, to_logits
from atp_lite.planner import Planner
from atp_lite.tokens import Batch, Collator, Encoded


def losses(
    planner: Planner, rows: Sequence[Encoded], stage: int, sample: bool, generator: torch.Generator
) -> dict[str, Tensor]:
    """enc: the student's answer; teacher: chain and answer in words; distil: distance of states before the answer."""
    model = planner.model
    batch = planner.collate(rows, stage).to(model.device)
    words = planner.collate(rows, 0).to(model.device)
    thought = model.think(
        batch.question, batch.question_mask, lengths=batch.n_latents, sample=sample, generator=generator
    )
    asked = model.think(words.question, words.question_mask, lengths=words.n_latents)
    student, student_states = _read_language(planner, batch, thought.take_context())
    teacher, teacher_states = _read_language(planner, words, asked.take_context())
    place = [len(row.answer) for row in rows]  # the answer and <eos> end the language
    own = _before_answer(student_states, batch, place)[1:]  # (L, B, d): below the layers stand different tokens
    taught = _before_answer(teacher_states, words, place)[1:].detach()
    spread = all_gather_rows(taught, dim=1).std(dim=(1, 2), keepdim=True).clamp(min=1e-6)  # of the global batch
    return {"enc": student, "teacher": teacher, "distil": ((own - taught).abs() / spread).mean()}


def _read_language(planner: Planner, batch: Batch, context: Context) -> tuple[Tensor, Tensor]:
    """The language's mean cross-entropy, and every layer's states (L + 1, B, n, d) while it was read."""
    model = planner.model
    inputs, written = batch.language[:, :-1], batch.language_mask[:, 1:].bool()
    _, states = read(model.backbone, model.embed(inputs), batch.language_mask[:, :-1], context, every_layer=True)
    logits = to_logits(model.backbone, states[-1][written])  # (N, V)
    return torch.nn.functional.cross_entropy(logits.float(), batch.language[:, 1:][written]), states


def _before_answer(states: Tensor, batch: Batch, answer_lengths: list[int]) -> Tensor:
    """(L + 1, B, n, d) -> (L + 1, B, d): the state that writes the first token of each row's answer."""
    lengths = batch.language_mask.sum(1)  # <|end-latent|> steps answer <eos>
    first = lengths - 1 - torch.tensor(answer_lengths, device=lengths.device)  # where the answer begins
    return states[:, torch.arange(len(batch), device=lengths.device), first - 1]


def denominators(collate: Collator, rows: Sequence[Encoded], batch: Batch) -> dict[str, int]:
    """teacher: tokens of chain and answer in words; distil: rows."""
    return {"teacher": int(collate(rows, 0).language_mask[:, 1:].sum()), "distil": len(rows)}


CODI = Method("codi", losses, latent_head="projector", layout="fixed", stages="single", own_denominators=denominators)
