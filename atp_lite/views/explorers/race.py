"""Race: one typed problem through several planners, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.explorers import base
from atp_lite.views.race import race, race_html


class Race(base.Explorer):
    """Type a problem; every planner answers it, with its steps, its tokens and its time.

    Args:
        planners: by name, such as chain of thought, SIM-CoT and ATP-Latent.
        problems: to choose from.

    Raises:
        ValueError: no planner or no problem.
    """

    TITLE = "Race"
    CAPTION = "Milliseconds are the median of five tries on this computer; one question says nothing about accuracy."

    def __init__(self, planners: Mapping[str, Planner], problems: Sequence[Problem]) -> None:
        super().__init__()
        base.require_problems(problems, "race")
        self.planners, self.problems = dict(planners), list(problems)
        self.problem = base.picker(problems)
        self.again = widgets.Button(description="run again", icon="refresh")
        self.table = widgets.HTML(race_html(race(self.planners, problems[0])))
        base.observe(self._run, self.problem)
        self.again.on_click(self._run)
        self.arrange(base.row(self.problem, self.again, self.busy), self.message, self.table)

    @base.guarded
    def _run(self, _) -> None:
        problem = self.parse(self.problem.value, next(iter(self.planners.values())), self.problems)
        self.table.value = race_html(race(self.planners, problem))
