"""Trajectory explorer: the latents of many problems as points, of one or two planners on the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from atp_lite.planner import Planner
from atp_lite.problems import Problem
from atp_lite.views.explorers.base import Explorer, Message, Panel, guarded, halves, heading, row
from atp_lite.views.points import trajectory_figure
from atp_lite.views.projection import fit_projection, neighbour_embedding, random_projection, trajectories

VIEWS = {
    "principal axes, 2-D": ("principal", 2),
    "principal axes, 3-D": ("principal", 3),
    "random directions (control)": ("random", 2),
    "map of neighbours (t-SNE)": ("t-SNE", 2),
}
COLOURINGS = {
    "step": "step",
    "operator": "operator",
    "decoded result": "result",
    "right or wrong": "correct",
    "stop probability": "stop",
}
LOW = 0.5
"""Share of the variance below which a picture comes with a warning."""


class TrajectoryExplorer(Explorer):
    """Latents as points, with paths, ellipses, and controls that keep the picture from overselling.

    Args:
        planners: one or two planners by name, with decoders and latents of one width; the axes are fitted on the first.
        problems: whose latents are drawn; they are the reference set too.

    Raises:
        ValueError: no planner or more than two, no problem, or too few latents to fit axes on.
    """

    def __init__(self, planners: Mapping[str, Planner], problems: Sequence[Problem]) -> None:
        if not 1 <= len(planners) <= 2:
            raise ValueError(f"{len(planners)} planners: give one, or two to compare")
        self.planners = dict(planners)
        self.traces = {name: planner.reason(problems) for name, planner in self.planners.items()}
        first = next(iter(self.traces.values()))
        self.axes = {"principal": fit_projection(first, 3)}
        self.axes["random"] = random_projection(self.axes["principal"], [first])
        self._data: dict[tuple[str, str], dict] = {}
        self.message, self.busy = Message(), widgets.Label()
        self.view = widgets.Dropdown(description="view", options=list(VIEWS))
        self.colour = widgets.Dropdown(description="colour", options=list(COLOURINGS.items()))
        longest = max(1, int(first.n_latents.max()) // next(iter(self.planners.values())).model.config.latents_per_step)
        self.upto = widgets.IntSlider(description="up to step", min=1, max=longest, value=longest)
        self.ellipses = widgets.Checkbox(description="1 sigma of the posterior", indent=False)
        self.paths = widgets.SelectMultiple(
            description="paths",
            options=[(problem.question, i) for i, problem in enumerate(problems)],
            value=tuple(range(min(2, len(problems)))),
            rows=5,
        )
        self.figures = {name: Panel(self._figure(name)) for name in self.planners}
        for control in (self.view, self.colour, self.upto, self.ellipses, self.paths):
            control.observe(self._changed, "value")
        super().__init__(self._layout())
        self._warn()

    def data(self, name: str) -> dict:
        """What is drawn of one planner in the present view."""
        kind, _ = VIEWS[self.view.value]
        if (name, kind) not in self._data:
            if kind == "t-SNE":
                maps = neighbour_embedding(list(self.traces.values()))
                for (other, trace), coordinates in zip(self.traces.items(), maps, strict=True):
                    found = trajectories(self.planners[other], trace, self.axes["principal"], coordinates)
                    self._data[other, kind] = found
            else:
                self._data[name, kind] = trajectories(self.planners[name], self.traces[name], self.axes[kind])
        return self._data[name, kind]

    def _figure(self, name: str):
        kind, dims = VIEWS[self.view.value]
        figure = trajectory_figure(
            self.data(name), self.colour.value, dims, list(self.paths.value), self.upto.value, self.ellipses.value, kind
        )
        if dims == 2:
            for k, axis in enumerate("xy"):
                figure.update_layout({f"{axis}axis": {"range": self._range(k)}})
        meta = figure.layout.meta
        return figure.update_layout(meta=meta | {"title": f"{name}: {meta['title'][0].lower()}{meta['title'][1:]}"})

    def _range(self, axis: int) -> list[float]:
        """The same for every planner, so that their pictures can be compared."""
        rows = [row for name in self.planners for row in self.data(name)["rows"]]
        values = [latent["x"][axis] for row in rows for latent in row["latents"]]
        margin = 0.06 * (max(values) - min(values)) or 1.0
        return [round(min(values) - margin, 3), round(max(values) + margin, 3)]

    @guarded
    def _changed(self, _) -> None:
        for name, shown in self.figures.items():
            shown.show(self._figure(name))
        self._warn()

    def _warn(self) -> None:
        kind, dims = VIEWS[self.view.value]
        share = sum(self.axes["principal"].explained[:dims])
        if kind == "principal" and share < LOW:
            self.message.say(
                f"These {dims} axes hold only {100 * share:.0f} % of the variance: most of what distinguishes the "
                "latents is not in this picture."
            )

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
            halves(*figures) if len(figures) == 2 else figures[0],
        ]
