"""All explorers of one checkpoint, in tabs; one that cannot be made says why."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets as widgets

from atp_lite.planner import Planner
from atp_lite.problems import ArithmeticSettings, Problem, generate, read_expression
from atp_lite.recipes import CHECKPOINTS
from atp_lite.views.explorers.base import Explorer, Message
from atp_lite.views.explorers.coherence import CoherenceExplorer
from atp_lite.views.explorers.debugger import LatentDebugger
from atp_lite.views.explorers.space import SpaceExplorer
from atp_lite.views.explorers.trajectory import TrajectoryExplorer


def some_problems() -> list[Problem]:
    """A worked example and some test problems."""
    return [read_expression("(3+4)*(9-2)"), *generate(ArithmeticSettings(), "test", {2: 20, 3: 30, 4: 30})]


class Explorers(Explorer):
    """The latent thought debugger, coherence, trajectories and space quality of one planner, a tab each.

    A tab is made when it is first opened.

    Args:
        planner: of a name that is shown.
        problems: to choose from.
        name: what the planner is called in legends.
    """

    def __init__(self, planner: Planner, problems: Sequence[Problem], name: str = "this planner") -> None:
        self.makers: dict[str, Callable[[], widgets.Widget]] = {
            "debugger": lambda: LatentDebugger(planner, problems),
            "coherence": lambda: CoherenceExplorer(planner, problems),
            "trajectories": lambda: TrajectoryExplorer({name: planner}, problems),
            "space": lambda: SpaceExplorer({name: planner}, problems),
        }
        self.tabs = widgets.Tab([widgets.Label("one moment …") for _ in self.makers], titles=list(self.makers))
        self._open()
        self.tabs.observe(self._open, "selected_index")
        super().__init__([self.tabs])

    def _open(self, _=None) -> None:
        index, children = self.tabs.selected_index or 0, list(self.tabs.children)
        if isinstance(children[index], widgets.Label):
            children[index] = _or_why_not(list(self.makers.values())[index])
            self.tabs.children = children
        self._fit_soon()  # a hidden figure had no width


def explore(checkpoint: str | os.PathLike[str] = CHECKPOINTS / "atp-rl") -> widgets.Widget:
    """All explorers of a checkpoint, to be shown in a notebook or a page; a message where there is no checkpoint."""
    return _or_why_not(lambda: Explorers(Planner.from_pretrained(checkpoint), some_problems(), Path(checkpoint).name))


def _or_why_not(make: Callable[[], widgets.Widget]) -> widgets.Widget:
    try:
        return make()
    except (ValueError, OSError) as error:
        message = Message()
        message.say(str(error), "error")
        return message
