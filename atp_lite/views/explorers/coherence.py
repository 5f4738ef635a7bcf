"""Coherence explorer: which result is used where, the reward for that, and the reward of another text."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import torch

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.changes import reward_html
from atp_lite.views.edits import measure_group, reward_terms, rewrite, sample_group
from atp_lite.views.explorers import base
from atp_lite.views.groups import group_figure
from atp_lite.views.measure import trace_graph
from atp_lite.views.thoughts import coherence_figure


class CoherenceExplorer(base.Explorer):
    """G trajectories of one question with their rewards; the decoded steps of one of them can be rewritten.

    Args:
        planner: with a decoder.
        problems: to choose from.
        group_size: G.
        seed: of the samples.

    Raises:
        ValueError: no problem, or a planner without a decoder.
    """

    TITLE = "Coherence explorer"
    CAPTION = (
        "A step is coherent if its result is used by a later step or is the answer. Choose a trajectory, then change "
        "one of its equations: the graph and the reward follow."
    )

    def __init__(self, planner: Planner, problems: Sequence[Problem], group_size: int = 8, seed: int = 0) -> None:
        super().__init__()
        base.require_problems(problems, "explorer")
        self.planner, self.problems, self.group_size = planner, list(problems), group_size
        self.generator = torch.Generator().manual_seed(seed)
        self.problem = base.picker(problems)
        self.sigma = widgets.FloatSlider(description="sigma", value=0.5, min=0.05, max=1.5, step=0.05)
        self.again = widgets.Button(description="draw again", icon="refresh")
        options, style = [(str(i + 1), i) for i in range(group_size)], {"button_width": "auto"}
        self.chosen = widgets.ToggleButtons(description="look at", options=options, style=style)
        self.texts = widgets.VBox()
        self.answer = widgets.Text(description="answer", continuous_update=False)
        self.reward = widgets.HTML()
        self._sample(problems[0])
        self.group = base.Panel(group_figure(self.measured))
        self.graph = base.Panel(coherence_figure(self.measured["rows"][0]["graph"]))
        base.observe(self._typed, self.problem, self.sigma)
        self.again.on_click(self._typed)
        base.observe(self._chose, self.chosen)
        base.observe(self._wrote, self.answer)
        fields = widgets.VBox([widgets.HTML("<b>decoded steps; change them</b>"), self.texts, self.answer])
        controls = base.row(self.problem, self.sigma, self.again, self.busy)
        below = base.two_columns(fields, self.reward)
        self.arrange(controls, self.message, self.group, self.chosen, below, self.graph)
        self._choose()

    def _sample(self, problem: Problem) -> None:
        self.trace = sample_group(self.planner, problem, self.group_size, self.sigma.value, self.generator)
        self.measured = measure_group(self.trace)

    @base.guarded
    def _typed(self, _) -> None:
        self._sample(self.parse(self.problem.value, self.planner, self.problems))
        self._choose()

    @base.guarded
    def _chose(self, _) -> None:
        self._choose()

    @base.guarded
    def _wrote(self, _) -> None:
        self._measure()

    def _choose(self) -> None:
        """Show the chosen trajectory as it was decoded."""
        self._quiet = True
        self.texts.children = [
            widgets.Text(value=text, description=f"step {i + 1}", continuous_update=False)
            for i, text in enumerate(self.trace.steps[self.chosen.value])
        ]
        base.observe(self._wrote, *self.texts.children)
        self.answer.value = self.trace.answers[self.chosen.value]
        self._quiet = False
        self.group.show(group_figure(self.measured, self.chosen.value))
        self._measure()

    def _measure(self) -> None:
        """The graph and the reward of the texts in the fields."""
        steps = [field.value for field in self.texts.children]
        written = rewrite(self.trace, self.chosen.value, steps, self.answer.value)
        self.graph.show(coherence_figure(trace_graph(written)))
        self.reward.value = reward_html(self.measured["rows"][self.chosen.value]["reward"], reward_terms(written))
