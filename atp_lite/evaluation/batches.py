"""Jobs in batches that fit into memory, and whose size decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import Tensor

from atp_lite.model.decisions import record_margins
from atp_lite.model.trace import Decoded

CLOSE = 1e-4
"""A decision by less (in logits) is made alone. Batches of other sizes moved logits of the bundled planners by 6e-6."""

Job = tuple[int, int]
"""A trajectory to be made: position of the problem, number of the sample (0 for the greedy one)."""
Row = TypeVar("Row")
Made = tuple[list[Row], int, float]
"""What was made of some jobs: a row each, the tokens that they took, and by how much the closest decision was made."""


@dataclass
class Batches:
    """Works through jobs in batches that fit into memory, and that decide nothing."""

    size: int
    """Trajectories at once: halved for good where memory runs out."""
    exact: bool = True
    """Close decisions are made alone."""

    def run_jobs(
        self, jobs: Sequence[Job], make: Callable[[list[Job]], Made[Row]], each: int = 1, name: str = "evaluate"
    ) -> tuple[list[Row], int]:
        """A row for every job, and how many tokens all of them took.

        Args:
            make: does some jobs at once, equally many of each problem.
            each: jobs of a problem.
            name: of the set, for the error.

        Raises:
            ValueError: one job alone does not fit into memory.
        """
        rows: list[Row] = []
        tokens, left = 0, list(jobs)
        while left:
            batch = block(left, self.size, each)
            failed = None
            try:
                made, written = self._settled(batch, make)
            except (RuntimeError, MemoryError) as error:
                if not isinstance(error, MemoryError) and not should_reduce_batch_size(error):
                    raise
                failed = (str(error).splitlines() or [type(error).__name__])[0][:200]
            if failed is None:  # outside of `except`, where the error would hold on to what filled the memory
                rows += made
                tokens += written
                left = left[len(batch) :]
                continue
            if len(batch) == 1:
                raise ValueError(
                    f"{name}: problem {batch[0][0]} alone does not fit into memory ({failed}): take a smaller "
                    "or bfloat16 model, a larger machine, or fewer --settings.max-latents"
                )
            self.size = len(batch) // 2
            clear_device_cache(garbage_collection=True)
        return rows, tokens

    def _settled(self, batch: list[Job], make: Callable[[list[Job]], Made[Row]]) -> tuple[list[Row], int]:
        """What `make` says of a batch; where a decision was close, of its halves, down to single jobs."""
        rows, tokens, margin = make(batch)
        if margin >= CLOSE or len(batch) == 1 or not self.exact:
            return rows, tokens
        problems = len({i for i, _ in batch})
        cut = problems // 2 * (len(batch) // problems) if problems > 1 else len(batch) // 2
        (first, before), (second, after) = self._settled(batch[:cut], make), self._settled(batch[cut:], make)
        return first + second, before + after


def block(jobs: Sequence[Job], size: int, each: int) -> list[Job]:
    """The first jobs that make a block of equally many trajectories a problem, at most `size`.

    Whole problems, of `each` trajectories, where one fits in; otherwise as much of the first problem as does.

    >>> block([(4, 0), (4, 1), (7, 0), (7, 1)], 3, each=2)
    [(4, 0), (4, 1)]
    """
    own = next((n for n, (i, _) in enumerate(jobs) if i != jobs[0][0]), len(jobs))  # what the first problem has left
    return list(jobs[: size // each * each if own == each <= size else min(own, size)])


def with_margin(reason: Callable[[], Decoded]) -> tuple[Decoded, int, float]:
    """A trace, how many tokens it took, and by how much the closest token or stop was decided."""
    with record_margins() as margins:
        trace = reason()
    margins = [*map(Tensor.float, margins), trace.stop_logits[trace.stop_decided].abs().float()]
    tokens = int(trace.n_latents.sum() + trace.n_answer_tokens.sum())
    return trace, tokens, min((part.min().item() for part in margins if part.numel()), default=float("inf"))
