"""What the paper reports of ATP-Latent on LLaMA-3.2-1B-Instruct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Reported:
    """An accuracy of the paper."""

    accuracy: float
    """Percent."""
    mark: Literal["", "?", "~"] = ""
    """?: taken from a summary, not certain. ~: not given, but implied by the mean of the four."""

    def __str__(self) -> str:
        return f"{self.accuracy} {self.mark}".rstrip()


PAPER: dict[str, Reported] = {
    "gsm8k": Reported(42.3, "?"),
    "gsm_hard": Reported(9.9, "~"),
    "multiarith": Reported(94.4),
    "svamp": Reported(44.2, "?"),
}
"""Benchmark -> greedy accuracy of ATP-Latent, LLaMA-3.2-1B-Instruct trained on GSM8K-Aug (arXiv 2601.21598).

GSM8K-Aug has GSM8K's test split. Which rows of SVAMP (300 or 1000) and of MultiArith (180 or 600) the paper took is not
known here.
"""
PAPER_MEAN = 47.7
"""Mean of the four, percent."""
PAPER_TOKENS = 8.4
"""Tokens per problem, mean of the four; what it counts as a token is not known here."""
