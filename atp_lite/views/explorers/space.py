"""Space quality: what stands between two thoughts, how much noise a thought bears, which dimensions carry anything."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.explorers.base import (
    Explorer,
    Message,
    Panel,
    guarded,
    heading,
    parse_problem,
    picker,
    row,
    two_columns,
)
from atp_lite.views.space import (
    interpolate,
    interpolation_figure,
    kl_by_dimension,
    kl_figure,
    noise_accuracy,
    noise_figure,
)


class SpaceExplorer(Explorer):
    """Is the space of latents smooth? Interpolation strips, noise and dimensions, for one planner or several.

    Args:
        planners: by name, each with latents; those with a decoder can be read between two thoughts.
        problems: to interpolate between (two at least), and to measure accuracy under noise on.

    Raises:
        ValueError: fewer than two problems, or no planner whose thoughts can be read.
    """

    def __init__(self, planners: Mapping[str, Planner], problems: Sequence[Problem]) -> None:
        readable = [name for name, planner in planners.items() if planner.model.decoder is not None]
        if len(problems) < 2 or not readable:
            raise ValueError(
                f"{len(problems)} problems and {len(readable)} planners with a decoder: give two and one at least"
            )
        self.planners = dict(planners)
        self.message, self.busy = Message(), widgets.Label()
        self.planner = widgets.Dropdown(description="planner", options=readable)
        self.ends = [picker(problems, "from"), picker(problems[1:], "to")]
        self.step = widgets.BoundedIntText(description="step", value=1, min=1, max=20)
        self.interpolation = Panel(interpolation_figure(self._interpolate()))
        self.noise = Panel(noise_figure(noise_accuracy(planners, problems)))
        self.kl = widgets.VBox()
        for control in (self.planner, *self.ends, self.step):
            control.observe(self._changed, "value")
        self.reference = {name: planner.reason(problems, decode=False) for name, planner in planners.items()}
        self._dimensions()
        super().__init__(self._layout())

    def _interpolate(self) -> dict:
        planner = self.planners[self.planner.value]
        ends = [parse_problem(planner, end.value) for end in self.ends]
        return interpolate(planner, planner.reason(ends), (0, 1), self.step.value)

    @guarded
    def _changed(self, change) -> None:
        self.interpolation.show(interpolation_figure(self._interpolate()))
        if change.owner is self.planner:
            self._dimensions()

    def _dimensions(self) -> None:
        try:
            shown = Panel(kl_figure(kl_by_dimension(self.reference[self.planner.value])))
        except ValueError as error:  # points have no posterior: that is an answer, not a mistake
            shown = widgets.HTML(f"<p>{html.escape(str(error))}</p>")
        self.kl.children = [shown]

    def _layout(self) -> list[widgets.Widget]:
        title = heading(
            "Space quality",
            "A space is smooth where neighbours mean the same: texts between two thoughts stay valid, and noise does "
            "little harm. Compare planners before you call one smooth.",
        )
        return [
            title,
            row(self.planner, *self.ends, self.step, self.busy),
            self.message,
            self.interpolation,
            two_columns(self.noise, self.kl),
        ]
