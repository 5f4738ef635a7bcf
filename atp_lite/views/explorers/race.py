"""Race: one typed problem through several planners, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.explorers.base import Explorer, Message, guarded, heading, parse_problem, picker, row
from atp_lite.views.race import race, race_html


class Race(Explorer):
    """Type a problem; every planner answers it, with its steps, its tokens and its time.

    Args:
        planners: by name, such as chain of thought, SIM-CoT and ATP-Latent.
        problems: to choose from.

    Raises:
        ValueError: no planner or no problem.
    """

    def __init__(self, planners: Mapping[str, Planner], problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("the race needs problems to choose from: give some, such as a few test problems")
        self.planners = dict(planners)
        self.message, self.busy = Message(), widgets.Label()
        self.problem = picker(problems)
        self.again = widgets.Button(description="run again", icon="refresh")
        self.table = widgets.HTML(race_html(race(self.planners, problems[0])))
        self.problem.observe(self._run, "value")
        self.again.on_click(self._run)
        title = heading(
            "Race",
            "Milliseconds are the median of five tries on this computer; one question says nothing about accuracy.",
        )
        super().__init__([title, row(self.problem, self.again, self.busy), self.message, self.table])

    @guarded
    def _run(self, _) -> None:
        problem = parse_problem(next(iter(self.planners.values())), self.problem.value)
        self.table.value = race_html(race(self.planners, problem))
