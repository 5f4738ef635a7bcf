"""Before anything is trained: how much memory it will take, worked out from shapes."""

from atp_lab.memory_plan.formulas import (
    Memory,
    Practice,
    Shape,
    Share,
    Sizes,
    rl_update,
    rollout,
    saving,
    sft_step,
    sizes_of,
    unsharded_bytes,
    validation,
)
from atp_lab.memory_plan.lengths import (
    Corpus,
    Lengths,
    corpus_of,
    longest_practice,
    made_corpus,
    sft_shapes,
    stated_corpus,
)

__all__ = [
    "Corpus",
    "Lengths",
    "Memory",
    "Practice",
    "Shape",
    "Share",
    "Sizes",
    "corpus_of",
    "longest_practice",
    "made_corpus",
    "rl_update",
    "rollout",
    "saving",
    "sft_shapes",
    "sft_step",
    "sizes_of",
    "stated_corpus",
    "unsharded_bytes",
    "validation",
]
