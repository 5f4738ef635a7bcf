"""Latents of one or two planners on the same axes: all views of the trajectory explorer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.palette import span
from atp_lite.views.points import trajectory_figure
from atp_lite.views.projection import fit_projection, neighbour_embedding, random_projection, trajectories

VIEWS = {
    "principal axes, 2-D": ("principal", 2),
    "principal axes, 3-D": ("principal", 3),
    "random directions (control)": ("random", 2),
    "map of neighbours (t-SNE)": ("t-SNE", 2),
}
"""View -> kind of coordinates, and how many axes."""
COLOURINGS = {
    "step": "step",
    "operator": "operator",
    "decoded result": "result",
    "right or wrong": "correct",
    "stop probability": "stop",
}
"""Label -> colouring of `trajectory_figure`."""
LOW = 0.5
"""Share of the variance below which a view gets a warning."""


class LatentPaths:
    """Latents of some problems, projected onto axes that are fitted once, on the first planner.

    Args:
        planners: one or two planners by name, with decoders and latents of one width.
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
        per_step = next(iter(self.planners.values())).model.config.latents_per_step
        self.longest = max(1, int(first.n_latents.max()) // per_step)
        """Most steps of a problem."""
        self._data: dict[tuple[str, str], dict] = {}

    def data(self, name: str, view: str) -> dict:
        """The points of one planner in a view of `VIEWS`: see `trajectories`."""
        kind, _ = VIEWS[view]
        if (name, kind) not in self._data:
            if kind == "t-SNE":
                maps = neighbour_embedding(list(self.traces.values()))
                for (other, trace), coordinates in zip(self.traces.items(), maps, strict=True):
                    self._data[other, kind] = trajectories(
                        self.planners[other], trace, self.axes["principal"], coordinates
                    )
            else:
                self._data[name, kind] = trajectories(self.planners[name], self.traces[name], self.axes[kind])
        return self._data[name, kind]

    def figure(
        self, name: str, view: str, colour: str, paths: Sequence[int], upto: int, ellipses: bool = False
    ) -> go.Figure:
        """`trajectory_figure` of one planner; the ranges are the same for both."""
        kind, dims = VIEWS[view]
        figure = trajectory_figure(self.data(name, view), colour, dims, list(paths), upto, ellipses, kind)
        if dims == 2:
            for k, axis in enumerate("xy"):
                figure.update_layout({f"{axis}axis": {"range": self._range(k, view)}})
        meta = figure.layout.meta
        return figure.update_layout(meta=meta | {"title": f"{name}: {meta['title'][0].lower()}{meta['title'][1:]}"})

    def warning(self, view: str) -> str:
        """A warning about a view that holds little of the variance; "" for the others."""
        kind, dims = VIEWS[view]
        share = sum(self.axes["principal"].explained[:dims])
        if kind != "principal" or share >= LOW:
            return ""
        return (
            f"These {dims} axes hold only {100 * share:.0f} % of the variance: most of what distinguishes the "
            "latents is not in this figure."
        )

    def _range(self, axis: int, view: str) -> list[float]:
        rows = [row for name in self.planners for row in self.data(name, view)["rows"]]
        return span(latent["x"][axis] for row in rows for latent in row["latents"])
