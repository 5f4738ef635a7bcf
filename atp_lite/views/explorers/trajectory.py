"""Trajectory explorer: the latents of many problems as points, of one or two planners on the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import plotly.graph_objects as go

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.explorers.base import Explorer, Message, Panel, guarded, heading, row, two_columns
from atp_lite.views.latent_paths import COLOURINGS, VIEWS, LatentPaths


class TrajectoryExplorer(Explorer):
    """Latents as points, with paths, ellipses, and controls that keep the picture from overselling.

    Args:
        planners: one or two planners by name, with decoders and latents of one width; the axes are fitted on the first.
        problems: whose latents are drawn; they are the reference set too.

    Raises:
        ValueError: no planner or more than two, no problem, or too few latents to fit axes on.
    """

    def __init__(self, planners: Mapping[str, Planner], problems: Sequence[Problem]) -> None:
        self.latent_paths = LatentPaths(planners, problems)
        self.message, self.busy = Message(), widgets.Label()
        self.view = widgets.Dropdown(description="view", options=list(VIEWS))
        self.colour = widgets.Dropdown(description="colour", options=list(COLOURINGS.items()))
        longest = self.latent_paths.longest
        self.upto = widgets.IntSlider(description="up to step", min=1, max=longest, value=longest)
        self.ellipses = widgets.Checkbox(description="1 sigma of the posterior", indent=False)
        self.paths = widgets.SelectMultiple(
            description="paths",
            options=[(problem.question, i) for i, problem in enumerate(problems)],
            value=tuple(range(min(2, len(problems)))),
            rows=5,
        )
        self.figures = {name: Panel(self._figure(name)) for name in self.latent_paths.planners}
        for control in (self.view, self.colour, self.upto, self.ellipses, self.paths):
            control.observe(self._changed, "value")
        super().__init__(self._layout())
        self._warn()

    def _figure(self, name: str) -> go.Figure:
        return self.latent_paths.figure(
            name, self.view.value, self.colour.value, self.paths.value, self.upto.value, self.ellipses.value
        )

    @guarded
    def _changed(self, _) -> None:
        for name, shown in self.figures.items():
            shown.show(self._figure(name))
        self._warn()

    def _warn(self) -> None:
        if text := self.latent_paths.warning(self.view.value):
            self.message.say(text)

    def _layout(self) -> list[widgets.Widget]:
        title = heading(
            "Trajectory explorer",
            "Each point is a latent, each line the thoughts about one problem. Compare with the random directions "
            "before you believe a pattern.",
        )
        figures = list(self.figures.values())
        controls = widgets.VBox([self.view, self.colour, self.upto, self.ellipses, self.busy])
        return [
            title,
            row(controls, self.paths),
            self.message,
            two_columns(*figures) if len(figures) == 2 else figures[0],
        ]
