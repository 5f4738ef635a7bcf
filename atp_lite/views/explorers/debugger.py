"""Latent thought debugger: edit one latent, and see what changes after it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import ipywidgets as widgets
import plotly.graph_objects as go
import torch

from atp_lite.domains import Problem
from atp_lite.model import Decoded
from atp_lite.model.noise import noise_of_norm
from atp_lite.planner import Planner
from atp_lite.views.changes import answer_figure, graph_figure, path_figure, reward_html, steps_html
from atp_lite.views.edits import (
    LatentEdit,
    compare_thoughts,
    decisive_swap,
    measure_thought,
    rethink,
    sample_latent,
)
from atp_lite.views.explorers import base
from atp_lite.views.projection import fit_projection

AXES = 3


class State(NamedTuple):
    """What undo goes back to."""

    question: str
    step: int
    edit: LatentEdit


class LatentDebugger(base.Explorer):
    """Pick a problem and a step, edit the step's latent, and see all later latents recomputed.

    Args:
        planner: with a decoder.
        problems: to choose from, to fit the axes on (more than three latents in all), and to swap latents with.
        seed: of noise and samples.

    Raises:
        ValueError: no problem, or a planner without a decoder or without latents.
    """

    TITLE = "Latent thought debugger"
    CAPTION = "Pick a step and edit its latent. Later latents are recomputed; what differs from the original is marked."

    def __init__(self, planner: Planner, problems: Sequence[Problem], seed: int = 0) -> None:
        super().__init__()
        base.require_problems(problems, "debugger")
        self.planner, self.problems = planner, list(problems)
        known = planner.reason(self.problems)
        self.projection = fit_projection(known, AXES)
        self.around = self.projection(known.latents[known.latent_mask]).round(3).tolist()
        self.generator = torch.Generator().manual_seed(seed)
        self.history: list[State] = []
        button, slider = widgets.Button, widgets.FloatSlider
        self.problem = base.picker(self.problems)
        self.step = widgets.ToggleButtons(description="step", style={"button_width": "auto"})
        look = {"min": -4, "max": 4, "step": 0.1, "readout_format": "+.1f"}
        self.along = [slider(description=f"axis {k + 1}", **look) for k in range(AXES)]
        self.norm = widgets.BoundedFloatText(description="noise norm", value=4.0, min=0, max=100, step=0.5)
        self.add_noise = button(description="add noise")
        self.other = base.picker(self.problems[1:] or self.problems, "other")
        self.fraction = slider(description="towards it", min=0, max=1, step=0.05, readout_format=".0%")
        self.swap = button(description="swap it in", tooltip="take the other problem's latent of this step")
        self.posterior = button(description="resample: posterior", tooltip="a new sample of the head's distribution")
        self.prior = button(description="resample: prior", tooltip="a sample of N(0, I), which knows nothing")
        self.undo, self.reset = button(description="undo", icon="undo"), button(description="reset", icon="refresh")
        self.summary = base.Message()
        self.steps, self.reward, self.edits = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.edit, self._last, self.current_step = LatentEdit(), None, 1
        self._start(self.problems[0])
        self._open(known)
        self.path, self.answers, *self.graphs = map(base.Panel, self._figures())
        for points in self.path.figure.data[:2]:  # without an edit, the edited path covers the original
            points.on_click(self._clicked)
        self._wire()
        self.arrange(
            base.row(self.problem, self.undo, self.reset, self.busy),
            self.message,
            self.step,
            base.row(*self.along),
            base.row(self.norm, self.add_noise, self.posterior, self.prior),
            base.row(self.other, self.fraction, self.swap),
            self.summary,
            self.edits,
            base.two_columns(self.steps, self.reward),
            base.two_columns(self.path, self.answers),
            base.two_columns(*self.graphs),
        )
        self._show()

    # ------------------------------------------------------------ running the planner

    def _start(self, problem: Problem) -> None:
        """Run the planner on a problem without an edit."""
        trace = rethink(self.planner, problem)
        count = int(trace.n_latents[0])
        if count == 0:
            raise ValueError("this planner has no latents (it reasons in words): there is nothing to edit")
        self.trace, self.current, self.edit = trace, problem, LatentEdit()
        self.before = self.after = measure_thought(self.planner, trace, self.projection)
        c = self.planner.model.config.latents_per_step
        texts = [trace.steps[0][t // c] if t // c < len(trace.steps[0]) else "" for t in range(count)]
        choices = [(f"{t} · {text or '(empty)'}", t) for t, text in enumerate(texts, start=1)]
        self._set(self.step, options=choices, value=1)
        self.current_step = 1
        self._reset_sliders()

    def _open(self, known: Decoded) -> None:
        """Begin with a swap that changes the answer, where there is one; undo takes it back."""
        if (found := decisive_swap(self.planner, known)) is None:
            return
        row, t, other = found
        self._remember()
        if row:
            self._start(self.problems[row])
        self._set(self.step, value=t)
        self.current_step = t
        self._set(self.problem, value=self.problems[row].question)
        self._set(self.other, value=self.problems[other].question)
        self.edit = LatentEdit(swap=known.latents[other, t - 1], source=f"that of {self.problems[other].question}")
        self._think()
        self.message.say("It opens on a swap that matters: undo takes it back.")

    def _think(self) -> None:
        """Run the planner again with the present edit."""
        t = self.step.value
        edited = self.edit(self.trace.latents[0, t - 1], self.projection)
        edits = {} if self.edit == LatentEdit() else {t: edited}
        self.after = measure_thought(self.planner, rethink(self.planner, self.current, edits), self.projection)

    def _run(self) -> None:
        self._think()
        self._show()

    def _latent_of_other(self) -> torch.Tensor:
        other = rethink(self.planner, base.parse_problem(self.planner, self.other.value))
        t, count = self.step.value, int(other.n_latents[0])
        if t > count:
            raise ValueError(f"{self.other.value} has {count} latents, so it has none for step {t}")
        return other.latents[0, t - 1]

    # ------------------------------------------------------------ callbacks

    def _wire(self) -> None:
        base.observe(self._typed, self.problem)
        base.observe(self._stepped, self.step)
        base.observe(self._slid, *self.along, self.fraction, self.other)
        self.undo.on_click(self._undo)
        for button, action in (
            (self.add_noise, self._noise),
            (self.swap, self._swap),
            (self.posterior, lambda: self._resample("posterior")),
            (self.prior, lambda: self._resample("prior")),
            (self.reset, LatentEdit),
        ):
            button.on_click(lambda _, action=action: self._act(action))

    @base.guarded
    def _typed(self, _) -> None:
        problem = self.parse(self.problem.value, self.planner, self.problems)
        self._remember()
        self._start(problem)
        self._show()

    @base.guarded
    def _stepped(self, _) -> None:
        if self.step.value is not None:
            self._remember()
            self.current_step, self.edit = self.step.value, LatentEdit()
            self._reset_sliders()
            self._run()

    @base.guarded
    def _slid(self, change) -> None:
        if change.owner is self.other and not self.fraction.value:
            return
        toward = self._latent_of_other() if self.fraction.value else None
        self._remember(change.owner)
        along = tuple(slider.value for slider in self.along)
        self.edit = replace(self.edit, along=along, toward=toward, fraction=self.fraction.value)
        self._run()

    @base.guarded
    def _act(self, action) -> None:
        """A button: the edit that `action` gives replaces the present one."""
        edit = action()
        self._remember()
        self.edit = edit
        if edit == LatentEdit():
            self._reset_sliders()
        self._run()

    def _swap(self) -> LatentEdit:
        return replace(self.edit, swap=self._latent_of_other(), source=f"that of {self.other.value}")

    def _noise(self) -> LatentEdit:
        noise = noise_of_norm(self.trace.latents.shape[-1], self.norm.value, self.generator)
        return replace(self.edit, noise=noise if self.edit.noise is None else self.edit.noise + noise)

    def _resample(self, source: str) -> LatentEdit:
        sample = sample_latent(self.trace, 0, self.step.value, source, self.generator)
        return replace(self.edit, swap=sample, noise=None, source=f"a sample of the {source}")

    @base.guarded
    def _undo(self, _) -> None:
        if not self.history:
            raise ValueError("there is nothing to undo")
        question, step, edit = self.history.pop()
        if question != self.current.question:
            self._start(base.parse_problem(self.planner, question))
            self._set(self.problem, value=question)
        self._set(self.step, value=step)
        self.current_step, self.edit, self._last = step, edit, None
        for k, slider in enumerate(self.along):
            self._set(slider, value=edit.along[k] if edit.along else 0.0)
        self._set(self.fraction, value=edit.fraction)
        self._run()

    def _clicked(self, trace, points, _) -> None:
        steps = [step for _, step in self.step.options]
        if points.point_inds and points.point_inds[0] + 1 in steps:
            self.step.value = points.point_inds[0] + 1

    # ------------------------------------------------------------ showing

    def _remember(self, slider: widgets.Widget | None = None) -> None:
        """Save the present state for undo; all moves of one slider in a row count once."""
        if slider is None or slider is not self._last:
            self.history.append(State(self.current.question, self.current_step, self.edit))
        self._last = slider

    def _reset_sliders(self) -> None:
        for slider in (*self.along, self.fraction):
            self._set(slider, value=0.0)

    def _set(self, widget: widgets.Widget, **values) -> None:
        """Set values without running the callbacks."""
        self._quiet, before = True, self._quiet
        for name, value in values.items():
            setattr(widget, name, value)
        self._quiet = before

    def _figures(self) -> list[go.Figure]:
        """The paths, the answers, and a coherence graph of each side."""
        before, after = self.before, self.after
        return [
            path_figure(before, after, self.current_step, self.projection, clickable=True, around=self.around),
            answer_figure(before.answer_probabilities, after.answer_probabilities),
            graph_figure(before, "original"),
            graph_figure(after, "edited"),
        ]

    def _show(self) -> None:
        difference = compare_thoughts(self.before, self.after)
        self.steps.value = steps_html(difference)
        self.reward.value = reward_html(self.before.reward, self.after.reward)
        self.summary.say(difference["summary"])
        said = "".join(f"<li>{html.escape(part)}</li>" for part in self.edit.parts())
        listed = f"<b>Edits of step {self.current_step}</b><ol style='margin:0;line-height:1.5'>{said}</ol>"
        self.edits.value = listed if said else ""
        for panel, figure in zip((self.path, self.answers, *self.graphs), self._figures(), strict=True):
            panel.show(figure)
