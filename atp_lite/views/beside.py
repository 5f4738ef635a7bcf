"""What the project brings to stand beside a checkpoint that is looked at: problems, rivals, its start, a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from atp_lite.domains import (
    ArithmeticSettings,
    Problem,
    StorySettings,
    generate,
    read_expression,
    read_story,
    story_words,
)
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, JOURNEY

__all__ = ["JOURNEY", "bundled_rivals", "bundled_start", "example_problems", "reads_stories"]

STORY = "Tom has 5 cards. He buys 3 more cards. He loses 2 cards. How many cards does Tom have now?"

RIVALS = ("cot", "coconut", "sim-cot")
"""Bundled checkpoints that race against a planner."""


def reads_stories(planner: Planner) -> bool:
    """Whether every word of a story is a token of the planner's."""
    known = planner.tokenizer.get_vocab()
    return all(word in known for word in story_words() if word.isalpha())


def example_problems(planner: Planner, counts: Mapping[int, int] | None = None) -> list[Problem]:
    """A worked example, then test problems of the kind that the planner reads: expressions, or stories.

    counts: number of steps -> how many; None takes the whole test set.
    """
    if reads_stories(planner):
        return [read_story(STORY), *generate(StorySettings(), "test", counts)]
    return [read_expression("(3+4)*(9-2)"), *generate(ArithmeticSettings(), "test", counts)]


def bundled_rivals(checkpoint: Path, planner: Planner) -> dict[str, Path]:
    """Folders of the bundled rivals by name, without the checkpoint itself. A planner for stories has none."""
    if reads_stories(planner):
        return {}
    folders = {name: CHECKPOINTS / name for name in RIVALS}
    return {name: folder for name, folder in folders.items() if folder.resolve() != checkpoint.resolve()}


def bundled_start(checkpoint: Path) -> Path | None:
    """The bundled checkpoint that a bundled RL checkpoint was trained from."""
    start = CHECKPOINTS / checkpoint.name.replace("-rl", "-sft")
    bundled = checkpoint.resolve().parent == CHECKPOINTS.resolve() and start.name != checkpoint.name
    return start if bundled and start.is_dir() else None
