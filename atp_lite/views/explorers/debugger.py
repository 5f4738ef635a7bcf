"""Latent thought debugger: move one thought, and see what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import ipywidgets as widgets
import plotly.graph_objects as go
import torch

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.changes import answer_figure, graph_figure, path_figure, reward_html, steps_html
from atp_lite.views.edits import (
    LatentEdit,
    compare_thoughts,
    measure_thought,
    noise_of_norm,
    rethink,
    sample_latent,
)
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
from atp_lite.views.projection import fit_projection

AXES = 3


@dataclass(frozen=True)
class _State:
    """What undo goes back to."""

    question: str
    step: int
    edit: LatentEdit


class LatentDebugger(Explorer):
    """Pick a problem and a step, move the step's latent, and see everything after it thought anew.

    Args:
        planner: with a decoder.
        problems: to choose from, to fit the axes on (more than three latents in all), and to swap latents with.
        seed: of noise and draws.

    Raises:
        ValueError: no problem, or a planner without a decoder or without latents.
    """

    def __init__(self, planner: Planner, problems: Sequence[Problem], seed: int = 0) -> None:
        if not problems:
            raise ValueError("the debugger needs problems to choose from: give some, such as a few test problems")
        self.planner, self.problems = planner, list(problems)
        reference = planner.reason(self.problems)
        self.projection = fit_projection(reference, AXES)
        self.generator = torch.Generator().manual_seed(seed)
        self.history: list[_State] = []
        self.message, self.busy = Message(), widgets.Label()
        self.problem = picker(self.problems)
        self.step = widgets.ToggleButtons(description="step", style={"button_width": "auto"})
        self.along = [
            widgets.FloatSlider(
                description=f"axis {k + 1}", min=-4, max=4, step=0.1, readout_format="+.1f", continuous_update=True
            )
            for k in range(AXES)
        ]
        self.norm = widgets.BoundedFloatText(description="noise norm", value=4.0, min=0, max=100, step=0.5)
        self.add_noise = widgets.Button(description="add noise")
        self.other = picker(self.problems[1:] or self.problems, "other")
        self.fraction = widgets.FloatSlider(description="towards it", min=0, max=1, step=0.05, readout_format=".0%")
        self.swap = widgets.Button(description="swap it in", tooltip="take the other problem's latent of this step")
        self.posterior = widgets.Button(description="redraw: posterior", tooltip="a fresh draw from N(mu, sigma²)")
        self.prior = widgets.Button(description="redraw: prior", tooltip="a draw from N(0, I): no thought at all")
        self.undo = widgets.Button(description="undo", icon="undo")
        self.reset = widgets.Button(description="reset", icon="refresh")
        self.summary = Message()
        self.steps, self.reward = widgets.HTML(), widgets.HTML()
        self.edit, self._quiet, self._last, self.current_step = LatentEdit(), False, None, 1
        self._start(self.problems[0])
        self.path, self.answers = Panel(self._path()), Panel(self._answers())
        self.graphs = [Panel(self._graph(i)) for i in (0, 1)]
        self._drawn = [self.before.graph, self.after.graph]
        for drawn in self.path.figure.data[:2]:  # where nothing has moved, the edited path covers the original
            drawn.on_click(self._clicked)
        self._wire()
        super().__init__(self._layout())
        self._show()

    # ------------------------------------------------------------ thinking

    def _start(self, problem: Problem) -> None:
        """Think about a problem without an edit."""
        trace = rethink(self.planner, problem)
        count = int(trace.n_latents[0])
        if count == 0:
            raise ValueError("this planner thinks no latents (it reasons in words): there is nothing to move")
        self.trace = trace
        self.before = measure_thought(self.planner, trace, self.projection)
        self.current, self.edit = problem, LatentEdit()
        self.after = self.before
        c = self.planner.model.config.latents_per_step
        texts = [trace.steps[0][t // c] if t // c < len(trace.steps[0]) else "" for t in range(count)]
        choices = [(f"{t} · {text or '(empty)'}", t) for t, text in enumerate(texts, start=1)]
        self._set(self.step, options=choices, value=1)
        self.current_step = 1
        self._still()

    def _think(self) -> None:
        """Think again with the present move."""
        t = self.step.value
        moved = self.edit(self.trace.latents[0, t - 1], self.projection)
        edits = {} if self.edit == LatentEdit() else {t: moved}
        self.after = measure_thought(self.planner, rethink(self.planner, self.current, edits), self.projection)
        self._show()

    def _latent_of_other(self) -> torch.Tensor:
        other = rethink(self.planner, parse_problem(self.planner, self.other.value))
        t, count = self.step.value, int(other.n_latents[0])
        if t > count:
            raise ValueError(f"{self.other.value} is thought in {count} latents, so it has none for step {t}")
        return other.latents[0, t - 1]

    # ------------------------------------------------------------ callbacks

    def _wire(self) -> None:
        self.problem.observe(self._typed, "value")
        self.step.observe(self._stepped, "value")
        for slider in (*self.along, self.fraction):
            slider.observe(self._slid, "value")
        self.other.observe(self._slid, "value")
        for button, action in (
            (self.add_noise, self._noise),
            (self.swap, self._swap),
            (self.posterior, lambda: self._redraw("posterior")),
            (self.prior, lambda: self._redraw("prior")),
        ):
            button.on_click(lambda _, action=action: self._act(action))
        self.undo.on_click(self._undo)
        self.reset.on_click(lambda _: self._act(lambda: LatentEdit()))

    @guarded
    def _typed(self, _) -> None:
        if not self._quiet:
            problem = parse_problem(self.planner, self.problem.value)
            self._remember()
            self._start(problem)
            self._show()

    @guarded
    def _stepped(self, _) -> None:
        if not self._quiet and self.step.value is not None:
            self._remember()
            self.current_step = self.step.value
            self.edit = LatentEdit()
            self._still()
            self._think()

    @guarded
    def _slid(self, change) -> None:
        if self._quiet or (change.owner is self.other and not self.fraction.value):
            return
        toward = self._latent_of_other() if self.fraction.value else None
        self._remember(change.owner)
        along = tuple(slider.value for slider in self.along)
        self.edit = replace(self.edit, along=along, toward=toward, fraction=self.fraction.value)
        self._think()

    @guarded
    def _act(self, action) -> None:
        """A button: the move that `action` gives takes the place of the present one."""
        edit = action()
        self._remember()
        self.edit = edit
        if edit == LatentEdit():
            self._still()
        self._think()

    def _noise(self) -> LatentEdit:
        noise = noise_of_norm(self.trace.latents.shape[-1], self.norm.value, self.generator)
        return replace(self.edit, noise=noise if self.edit.noise is None else self.edit.noise + noise)

    def _swap(self) -> LatentEdit:
        return replace(self.edit, swap=self._latent_of_other())

    def _redraw(self, source: str) -> LatentEdit:
        return replace(self.edit, swap=self._sample(source), noise=None)

    def _sample(self, source: str) -> torch.Tensor:
        return sample_latent(self.trace, 0, self.step.value, source, self.generator)

    @guarded
    def _undo(self, _) -> None:
        if not self.history:
            raise ValueError("there is nothing to undo")
        state = self.history.pop()
        if state.question != self.current.question:
            self._start(parse_problem(self.planner, state.question))
            self._set(self.problem, value=state.question)
        self._set(self.step, value=state.step)
        self.current_step, self.edit, self._last = state.step, state.edit, None
        for k, slider in enumerate(self.along):
            self._set(slider, value=state.edit.along[k] if state.edit.along else 0.0)
        self._set(self.fraction, value=state.edit.fraction)
        self._think()

    def _clicked(self, trace, points, _) -> None:
        steps = [step for _, step in self.step.options]
        if points.point_inds and points.point_inds[0] + 1 in steps:
            self.step.value = points.point_inds[0] + 1

    # ------------------------------------------------------------ showing

    def _remember(self, slider: widgets.Widget | None = None) -> None:
        """Keep the present state for undo; a slider that is moved on and on counts once."""
        if slider is None or slider is not self._last:
            self.history.append(_State(self.current.question, self.current_step, self.edit))
        self._last = slider

    def _still(self) -> None:
        """Controls in their places of rest, without thinking anew."""
        for slider in (*self.along, self.fraction):
            self._set(slider, value=0.0)

    def _set(self, widget: widgets.Widget, **values) -> None:
        self._quiet, before = True, self._quiet
        for name, value in values.items():
            setattr(widget, name, value)
        self._quiet = before

    def _path(self) -> go.Figure:
        return path_figure(self.before, self.after, self.current_step, self.projection, clickable=True)

    def _answers(self) -> go.Figure:
        return answer_figure(self.before.answer_probabilities, self.after.answer_probabilities)

    def _graph(self, i: int) -> go.Figure:
        return graph_figure((self.before, self.after)[i], ("original", "edited")[i])

    def _show(self) -> None:
        difference = compare_thoughts(self.before, self.after)
        self.steps.value = steps_html(difference)
        self.reward.value = reward_html(self.before.reward, self.after.reward)
        self.summary.say(difference["summary"])
        self.path.show(self._path())
        self.answers.show(self._answers())
        for i, side in enumerate((self.before, self.after)):
            if side.graph != self._drawn[i]:
                self.graphs[i].show(self._graph(i))
                self._drawn[i] = side.graph

    def _layout(self) -> list[widgets.Widget]:
        title = heading(
            "Latent thought debugger",
            "Pick a step and move its latent. Everything after it is thought anew: the original stands beside what "
            "your edit made of it, and what changed is marked.",
        )
        return [
            title,
            row(self.problem, self.undo, self.reset, self.busy),
            self.message,
            self.step,
            row(*self.along),
            row(self.norm, self.add_noise, self.posterior, self.prior),
            row(self.other, self.fraction, self.swap),
            self.summary,
            two_columns(self.steps, self.reward),
            two_columns(self.path, self.answers),
            two_columns(*self.graphs),
        ]
