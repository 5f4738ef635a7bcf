"""RL microscope: scrub through a reinforcement learning run, and see where the thoughts about fixed problems went."""

from __future__ import annotations

import os
from collections.abc import Sequence

import ipywidgets as widgets

from atp_lite.problems import Problem
from atp_lite.views.explorers.base import Explorer, Message, Panel, guarded, halves, heading, row
from atp_lite.views.microscope import curves_figure, journey, journey_figure, verdicts
from atp_lite.views.tables import html_table


class RLMicroscope(Explorer):
    """Curves of an RL run with a cursor, and the thoughts about some problems at the cursor beside those at the start.

    Args:
        folder: of the run, trained with `RLSettings.keep_every`.
        problems: to follow, a few. axes_from: more problems, for the axes only.

    Raises:
        FileNotFoundError: the run kept no checkpoints.
    """

    def __init__(
        self, folder: str | os.PathLike[str], problems: Sequence[Problem], axes_from: Sequence[Problem] = ()
    ) -> None:
        self.found = journey(folder, problems, axes_from)
        self.message, self.busy = Message(), widgets.Label()
        stops = [(f"iteration {stop}", i) for i, stop in enumerate(self.found["stops"])]
        self.stop = widgets.SelectionSlider(
            description="look at", options=stops, value=len(stops) - 1, layout=widgets.Layout(width="min(100%, 520px)")
        )
        self.curves = Panel(curves_figure(self.found, self.stop.value))
        self.thoughts = Panel(journey_figure(self.found, self.stop.value))
        self.table = widgets.HTML()
        self.stop.observe(self._changed, "value")
        super().__init__(self._layout())
        self._tell()

    @guarded
    def _changed(self, _) -> None:
        self.curves.show(curves_figure(self.found, self.stop.value))
        self.thoughts.show(journey_figure(self.found, self.stop.value))
        self._tell()

    def _tell(self) -> None:
        rows = [
            [entry["question"], entry["reference"], *(_said(entry[side]) for side in ("start", "now"))]
            for entry in verdicts(self.found, self.stop.value)
        ]
        self.table.value = html_table(["question", "is", "at the start", "now"], rows)

    def _layout(self) -> list[widgets.Widget]:
        title = heading(
            "RL microscope",
            "Move along the run. Did reward and coherence rise together, and did the thoughts move where they had to?",
        )
        return [title, row(self.stop, self.busy), self.message, self.curves, halves(self.thoughts, self.table)]


def _said(side: dict) -> str:
    mark = {True: "right", False: "wrong"}.get(side["correct"], "not checked")
    return f"{side['answer'] or '(nothing)'}, {mark}: {'; '.join(side['steps'])}"
