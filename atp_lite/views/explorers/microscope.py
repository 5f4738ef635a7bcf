"""RL microscope: step through a reinforcement learning run, and see how the latents of fixed problems moved."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets

from atp_lite.views.explorers import base
from atp_lite.views.microscope import curves_figure, journey_figure, verdicts_html


class RLMicroscope(base.Explorer):
    """Curves of an RL run with a cursor, and the latents of some problems there and at the start.

    Args:
        found: `journey(folder, problems)` of a run with kept checkpoints, or `read_journey(file)`.
    """

    TITLE = "RL microscope"
    CAPTION = "Move along the run. Do reward and coherence rise together? Which latents move?"

    def __init__(self, found: Mapping) -> None:
        super().__init__()
        self.found = found
        stops = [(f"iteration {stop}", i) for i, stop in enumerate(found["stops"])]
        layout = widgets.Layout(width="min(100%, 520px)")
        self.stop = widgets.SelectionSlider(
            description="look at", options=stops, value=len(stops) - 1, layout=layout
        )
        self.curves = base.Panel(curves_figure(found, self.stop.value))
        self.thoughts = base.Panel(journey_figure(found, self.stop.value))
        self.table = widgets.HTML(verdicts_html(found, self.stop.value))
        base.observe(self._changed, self.stop)
        below = base.two_columns(self.thoughts, self.table)
        self.arrange(base.row(self.stop, self.busy), self.message, self.curves, below)

    @base.guarded
    def _changed(self, _) -> None:
        self.curves.show(curves_figure(self.found, self.stop.value))
        self.thoughts.show(journey_figure(self.found, self.stop.value))
        self.table.value = verdicts_html(self.found, self.stop.value)
