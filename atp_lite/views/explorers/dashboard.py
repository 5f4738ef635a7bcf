"""All explorers of one checkpoint in tabs; one that cannot be made shows why."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import ipywidgets as widgets

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.recipes import DEFAULT_CHECKPOINT
from atp_lite.views.bundled_examples import (
    bundled_rivals,
    bundled_start,
    example_problems,
    load_compared,
    load_journey,
)
from atp_lite.views.explorers.base import Message
from atp_lite.views.explorers.coherence import CoherenceExplorer
from atp_lite.views.explorers.debugger import LatentDebugger
from atp_lite.views.explorers.microscope import RLMicroscope
from atp_lite.views.explorers.race import Race
from atp_lite.views.explorers.space import SpaceExplorer
from atp_lite.views.explorers.trajectory import TrajectoryExplorer

SHOWN = {2: 20, 3: 30, 4: 30}
"""Number of steps -> how many problems can be chosen from."""


class Dashboard(widgets.VBox):
    """All six explorers of one planner, a tab each, made when it is first opened.

    Args:
        planner: what is explored. problems: to choose from. name: of the planner in legends.
        rivals: folders of checkpoints by name, for the race and the space explorer.
        beside: folder of a checkpoint to compare trajectories with, such as what the planner was trained from.
        journey: of an RL run, for the microscope; None shows how to make one.
        verify: check the files of rivals and of `beside` against their manifests.
    """

    def __init__(
        self,
        planner: Planner,
        problems: Sequence[Problem],
        name: str = "this planner",
        rivals: Mapping[str, Path] = MappingProxyType({}),
        beside: Path | None = None,
        journey: Mapping | None = None,
        verify: bool = True,
    ) -> None:
        def compared(explorer: str) -> dict[str, Planner]:
            return load_compared(explorer, planner, name, rivals, beside, verify)

        def microscope() -> widgets.Widget:
            if journey is None:
                raise ValueError(
                    "no reinforcement learning run was given: train one that keeps checkpoints, atp-lite rl "
                    "--settings.keep-every 25 --out runs/rl, then atp-lite explore --rl-run runs/rl"
                )
            return RLMicroscope(journey)

        self.makers: dict[str, Callable[[], widgets.Widget]] = {
            "debugger": lambda: LatentDebugger(planner, problems),
            "coherence": lambda: CoherenceExplorer(planner, problems),
            "trajectories": lambda: TrajectoryExplorer(compared("trajectories"), problems),
            "space": lambda: SpaceExplorer(compared("space"), problems),
            "RL microscope": microscope,
            "race": lambda: Race(compared("race"), problems),
        }
        self.tabs = widgets.Tab([widgets.Label("one moment …") for _ in self.makers], titles=list(self.makers))
        self._open()
        self.tabs.observe(self._open, "selected_index")
        super().__init__([self.tabs])

    def _open(self, _=None) -> None:
        index, children = self.tabs.selected_index or 0, list(self.tabs.children)
        if isinstance(children[index], widgets.Label):
            children[index] = _or_message(list(self.makers.values())[index])
            self.tabs.children = children


def dashboard(
    checkpoint: str | os.PathLike[str],
    beside: str | os.PathLike[str] | None = None,
    run: str | os.PathLike[str] | None = None,
    verify: bool = True,
) -> Dashboard:
    """`explore`, with errors raised: ValueError or OSError."""
    folder = Path(checkpoint)
    planner = Planner.from_pretrained(folder, verify=verify)
    problems = example_problems(planner, SHOWN)
    start = Path(beside) if beside else bundled_start(folder)
    found = load_journey(run, problems[21:24], problems, verify)
    return Dashboard(planner, problems, folder.name, bundled_rivals(folder, planner), start, found, verify)


def explore(
    checkpoint: str | os.PathLike[str] = DEFAULT_CHECKPOINT,
    beside: str | os.PathLike[str] | None = None,
    run: str | os.PathLike[str] | None = None,
    verify: bool = True,
) -> widgets.Widget:
    """All explorers of a checkpoint, for a notebook or a page; a message where there is no checkpoint.

    Args:
        checkpoint: its folder. beside: a checkpoint to compare trajectories with; by default what a bundled RL
            checkpoint was trained from. run: folder of an RL run with kept checkpoints; None shows a bundled one.
        verify: check checkpoints against their manifests.
    """
    return _or_message(lambda: dashboard(checkpoint, beside, run, verify))


def _or_message(make: Callable[[], widgets.Widget]) -> widgets.Widget:
    try:
        return make()
    except (ValueError, OSError) as error:
        message = Message()
        message.say(str(error), "error")
        return message
