"""Whether problems fit a planner: the words of its vocabulary, the positions of its backbone, its token limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.tokens import Collator, Encoded


def check_problems(
    planner: Planner, problems: Sequence[Problem], where: str, stage: int | None = None, answers: bool = False
) -> None:
    """Find what a planner cannot read before it is trained or evaluated.

    Args:
        where: what an error calls the source of the problems, such as a file.
        stage: the curriculum stage at which they are trained on first; None: only their questions are read, and what
            the planner thinks and answers takes positions, too.
        answers: without a stage, their answers are read as well.

    Raises:
        ValueError: a text holds a token outside the vocabulary, or a problem takes more positions than the backbone
            has; the message names the problem, both numbers and the way out.
    """
    collate = planner.collate
    if stage is None:
        problems = [replace(problem, steps=(), answer=problem.answer if answers else "") for problem in problems]
    try:
        rows = collate.encode(problems)
    except ValueError:  # which of them?
        rows = [_encoded(collate, problem, f"{where}, problem {i}") for i, problem in enumerate(problems, start=1)]
    limit = getattr(planner.model.backbone.config, "max_position_embeddings", None) or float("inf")
    config = planner.model.config
    written = config.max_latents + config.max_answer_tokens if stage is None else 0
    for i, row in enumerate(rows, start=1):
        positions = collate.count([row], stage or 0) + written - (len(row.answer) if stage is None else 0)
        if positions > limit:
            answer = f" ({config.max_answer_tokens} of them for max_answer_tokens)" if stage is None else ""
            raise ValueError(
                f"{where}, problem {i} ({row.problem.id or row.problem.question[:40]!r}): it takes {positions} "
                f"positions{answer}, and the backbone has {limit}: shorten it, leave it out, or take a longer backbone"
            )


def _encoded(collate: Collator, problem: Problem, where: str) -> Encoded:
    try:
        return collate.encode([problem])[0]
    except ValueError as error:
        raise ValueError(f"{where} ({problem.id or 'without an id'}): {error}") from error


def truncated(planner: Planner, rows: Sequence[Encoded], stage: int) -> list[str]:
    """What of these problems, at the last curriculum stage, a planner's token limits would cut: a line each."""
    words = planner.collate.words
    lengths = {"max_answer_tokens": [words(row, stage) + len(row.answer) + 1 for row in rows]}
    if planner.model.decoder is not None and stage:
        lengths["max_step_tokens"] = [max((len(step) + 1 for step in row.steps[:stage]), default=0) for row in rows]
    found = []
    for name, needed in lengths.items():
        limit = getattr(planner.model.config, name)
        if short := sum(n > limit for n in needed):
            found.append(
                f"{short} of {len(rows)} training problems need more than the {limit} tokens of {name}, and what "
                f"the planner writes would be cut: give {max(needed)} (--pretrained.{name.replace('_', '-')})"
            )
    return found
