"""The commands of `atp-lite`: where each one lives. Nothing heavy is imported before a command is chosen."""

from __future__ import annotations

from importlib import import_module
from typing import Any

COMMANDS = {
    "tour": ("atp_lite.cli.training:Tour", "everything below, once, small, with a report"),
    "data": ("atp_lite.cli.training:Data", "write problems as JSONL"),
    "augment": ("atp_lite.cli.training:Augment", "word problems with other numbers, and chains worked out anew"),
    "sft": ("atp_lite.cli.training:SFT", "chain of thought, then latents, along a curriculum"),
    "rl": ("atp_lite.cli.training:RL", "reinforcement learning from a latent checkpoint"),
    "eval": ("atp_lite.cli.using:Eval", "accuracy, tokens, decoded steps, pass@k, with intervals"),
    "causes": ("atp_lite.cli.using:Causes", "whether later steps and answers follow from thoughts, by replacing them"),
    "plan": ("atp_lab.memory_plan.plan:Plan", "what a settings file takes, before it is run"),
    "solve": ("atp_lite.cli.using:Solve", "one expression or story, thought by thought"),
    "explore": ("atp_lite.cli.using:Explore", "the explorers as a page in the browser"),
    "export-explorer": ("atp_lite.cli.using:ExportExplorer", "an explorer as one HTML file that works offline"),
    "live": ("atp_lite.cli.using:Live", "planners that think in a page of their own: a site, or one HTML file"),
    "compare": ("atp_lab.compare.command:Compare", "a grid of methods, regimes and seeds from one file"),
    "checkpoints": ("atp_lab.bundle:Checkpoints", "train the bundled checkpoints anew"),
    "doctor": ("atp_lite.doctor:main", "check the installation"),
}
"""Name -> `module:class`, a dataclass of settings with a `run` method that returns the exit status; what it does."""


def load(name: str) -> Any:
    """The class of a command (`doctor`: the function)."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    return getattr(import_module(module), attribute)
