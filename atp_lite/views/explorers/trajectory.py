"""Trajectory explorer: the latents of many problems as points, of one or two planners on the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import plotly.graph_objects as go

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.explorers import base
from atp_lite.views.latent_paths import COLOURINGS, VIEWS, LatentPaths


class TrajectoryExplorer(base.Explorer):
    """Latents as points, with paths, ellipses, and control projections.

    Args:
        planners: one or two planners by name, with decoders and latents of one width; axes are fitted on the first.
        problems: whose latents are drawn, and on which the axes are fitted.

    Raises:
        ValueError: no planner or more than two, no problem, or too few latents to fit axes on.
    """

    TITLE = "Trajectory explorer"
    CAPTION = (
        "Each point is a latent, each line joins the latents of one problem. Compare with the random directions before "
        "you believe a pattern."
    )

    def __init__(self, planners: Mapping[str, Planner], problems: Sequence[Problem]) -> None:
        super().__init__()
        self.latent_paths = LatentPaths(planners, problems)
        self.view = widgets.Dropdown(description="view", options=list(VIEWS))
        self.colour = widgets.Dropdown(description="colour", options=list(COLOURINGS.items()))
        longest = self.latent_paths.longest
        self.upto = widgets.IntSlider(description="up to step", min=1, max=longest, value=longest)
        self.ellipses = widgets.Checkbox(description="1 sigma of the posterior", indent=False)
        options, first = [(problem.question, i) for i, problem in enumerate(problems)], range(min(2, len(problems)))
        self.paths = widgets.SelectMultiple(description="paths", options=options, value=tuple(first), rows=5)
        self.figures = {name: base.Panel(self._figure(name)) for name in planners}
        base.observe(self._changed, self.view, self.colour, self.upto, self.ellipses, self.paths)
        controls = widgets.VBox([self.view, self.colour, self.upto, self.ellipses, self.busy])
        figures = list(self.figures.values())
        shown = base.two_columns(*figures) if len(figures) == 2 else figures[0]
        self.arrange(base.row(controls, self.paths), self.message, shown)
        self._warn()

    def _figure(self, name: str) -> go.Figure:
        controls = (self.view, self.colour, self.paths, self.upto, self.ellipses)
        return self.latent_paths.figure(name, *(control.value for control in controls))

    @base.guarded
    def _changed(self, _) -> None:
        for name, shown in self.figures.items():
            shown.show(self._figure(name))
        self._warn()

    def _warn(self) -> None:
        if text := self.latent_paths.warning(self.view.value):
            self.message.say(text)
