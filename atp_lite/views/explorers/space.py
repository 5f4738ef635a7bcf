"""Space quality: interpolation between latents, accuracy under noise, KL of each dimension."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views import space
from atp_lite.views.explorers import base


class SpaceExplorer(base.Explorer):
    """Is the latent space smooth? Interpolation, noise and dimensions, for one planner or several.

    Args:
        planners: by name, each with latents; interpolation needs a decoder.
        problems: to interpolate between (two at least), and to measure accuracy under noise on.

    Raises:
        ValueError: fewer than two problems, or no planner with a decoder.
    """

    TITLE = "Space quality"
    CAPTION = (
        "A space is smooth where neighbours mean the same: texts between two latents stay valid, and noise does little "
        "harm. Compare planners before you call one smooth."
    )

    def __init__(self, planners: Mapping[str, Planner], problems: Sequence[Problem]) -> None:
        super().__init__()
        readable = [name for name, planner in planners.items() if planner.model.decoder is not None]
        if len(problems) < 2 or not readable:
            raise ValueError(
                f"{len(problems)} problems and {len(readable)} planners with a decoder: give two and one at least"
            )
        self.planners = dict(planners)
        self.planner = widgets.Dropdown(description="planner", options=readable)
        self.ends = [base.picker(problems, "from"), base.picker(problems[1:], "to")]
        self.step = widgets.BoundedIntText(description="step", value=1, min=1, max=20)
        self.interpolation = base.Panel(space.interpolation_figure(self._interpolate()))
        self.noise = base.Panel(space.noise_figure(space.noise_accuracy(planners, problems)))
        self.kl = widgets.VBox()
        base.observe(self._changed, self.planner, *self.ends, self.step)
        self.reference = {name: planner.reason(problems, decode=False) for name, planner in planners.items()}
        self._show_kl()
        controls = base.row(self.planner, *self.ends, self.step, self.busy)
        self.arrange(controls, self.message, self.interpolation, base.two_columns(self.noise, self.kl))

    def _interpolate(self) -> dict:
        planner = self.planners[self.planner.value]
        ends = [base.parse_problem(planner, end.value) for end in self.ends]
        return space.interpolate(planner, planner.reason(ends), (0, 1), self.step.value)

    @base.guarded
    def _changed(self, change) -> None:
        self.interpolation.show(space.interpolation_figure(self._interpolate()))
        if change.owner is self.planner:
            self._show_kl()

    def _show_kl(self) -> None:
        try:
            shown = base.Panel(space.kl_figure(space.kl_by_dimension(self.reference[self.planner.value])))
        except ValueError as error:  # points have no KL: that is a result, not an error of the input
            shown = widgets.HTML(f"<p>{html.escape(str(error))}</p>")
        self.kl.children = [shown]
