"""Coherence explorer: which result is used where, what that earns, and what another text would earn."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import torch

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.changes import reward_html
from atp_lite.views.edits import measure_group, reward_terms, rewrite, sample_group
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
from atp_lite.views.groups import group_figure
from atp_lite.views.measure import coherence_graph
from atp_lite.views.thoughts import coherence_figure


class CoherenceExplorer(Explorer):
    """G trajectories of one question with their rewards; the decoded steps of one of them can be rewritten by hand.

    Args:
        planner: with a decoder.
        problems: to choose from.
        group_size: G.
        seed: of the draws.

    Raises:
        ValueError: no problem, or a planner without a decoder.
    """

    def __init__(self, planner: Planner, problems: Sequence[Problem], group_size: int = 8, seed: int = 0) -> None:
        if not problems:
            raise ValueError("the explorer needs problems to choose from: give some, such as a few test problems")
        self.planner, self.group_size = planner, group_size
        self.generator = torch.Generator().manual_seed(seed)
        self.message, self.busy = Message(), widgets.Label()
        self.problem = picker(problems)
        self.sigma = widgets.FloatSlider(description="sigma", value=0.5, min=0.05, max=1.5, step=0.05)
        self.again = widgets.Button(description="draw again", icon="refresh")
        self.chosen = widgets.ToggleButtons(
            description="look at", options=[(str(i + 1), i) for i in range(group_size)], style={"button_width": "auto"}
        )
        self.texts = widgets.VBox()
        self.answer = widgets.Text(description="answer", continuous_update=False)
        self.reward = widgets.HTML()
        self._quiet = False
        self._draw(problems[0])
        self.group = Panel(group_figure(self.measured))
        self.graph = Panel(coherence_figure(self.measured["rows"][0]["graph"]))
        self.problem.observe(self._typed, "value")
        self.sigma.observe(self._typed, "value")
        self.again.on_click(self._typed)
        self.chosen.observe(self._chose, "value")
        self.answer.observe(self._wrote, "value")
        super().__init__(self._layout())
        self._choose()

    def _draw(self, problem: Problem) -> None:
        self.trace = sample_group(self.planner, problem, self.group_size, self.sigma.value, self.generator)
        self.measured = measure_group(self.trace)

    @guarded
    def _typed(self, _) -> None:
        self._draw(parse_problem(self.planner, self.problem.value))
        self._choose()

    @guarded
    def _chose(self, _) -> None:
        self._choose()

    @guarded
    def _wrote(self, _) -> None:
        if not self._quiet:
            self._measure()

    def _choose(self) -> None:
        """Show the chosen trajectory as it was decoded."""
        steps = self.trace.steps[self.chosen.value]
        self._quiet = True
        fields = [
            widgets.Text(value=text, description=f"step {i + 1}", continuous_update=False)
            for i, text in enumerate(steps)
        ]
        for field in fields:
            field.observe(self._wrote, "value")
        self.texts.children = fields
        self.answer.value = self.trace.answers[self.chosen.value]
        self._quiet = False
        self.group.show(group_figure(self.measured, self.chosen.value))
        self._measure()

    def _measure(self) -> None:
        """The graph and the reward of what stands in the fields."""
        steps = [field.value for field in self.texts.children]
        written = rewrite(self.trace, self.chosen.value, steps, self.answer.value)
        problem = written.problems[0]
        reference, domain = problem.answer or None, written.domain
        graph = coherence_graph(written.steps[0], written.answers[0], reference, domain, problem.question)
        self.graph.show(coherence_figure(graph))
        self.reward.value = reward_html(self.measured["rows"][self.chosen.value]["reward"], reward_terms(written))

    def _layout(self) -> list[widgets.Widget]:
        title = heading(
            "Coherence explorer",
            "A step is coherent where its result is used by a later step or is the answer. Choose a trajectory, then "
            "change one of its equations by hand: the graph and the reward follow.",
        )
        fields = widgets.VBox([widgets.HTML("<b>decoded steps; change them</b>"), self.texts, self.answer])
        return [
            title,
            row(self.problem, self.sigma, self.again, self.busy),
            self.message,
            self.group,
            self.chosen,
            two_columns(fields, self.reward),
            self.graph,
        ]
