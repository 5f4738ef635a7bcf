"""RL microscope: scrub through a reinforcement learning run, and see where the thoughts about fixed problems went."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets

from atp_lite.views.explorers.base import Explorer, Message, Panel, guarded, heading, row, two_columns
from atp_lite.views.microscope import curves_figure, journey_figure, verdicts_html


class RLMicroscope(Explorer):
    """Curves of an RL run with a cursor, and the thoughts about some problems at the cursor beside those at the start.

    Args:
        found: a run and what became of its thoughts: `journey(folder, problems)` of a run with kept checkpoints, or
            `read_journey(file)`.
    """

    def __init__(self, found: Mapping) -> None:
        self.found = found
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
        self.table.value = verdicts_html(self.found, self.stop.value)

    def _layout(self) -> list[widgets.Widget]:
        title = heading(
            "RL microscope",
            "Move along the run. Did reward and coherence rise together, and did the thoughts move where they had to?",
        )
        return [title, row(self.stop, self.busy), self.message, self.curves, two_columns(self.thoughts, self.table)]
