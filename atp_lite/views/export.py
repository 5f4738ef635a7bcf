"""An explorer frozen into ONE HTML file: every state precomputed, no kernel, no network, plotly.js inside once.

`export_grid` takes controls and a function that renders one state; the page switches between states. What states have
in common is stored once. `export_debugger` and `export_space` are such pages.
"""

from __future__ import annotations

import html
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import plotly.graph_objects as go

from atp_lite.planner import Planner
from atp_lite.problems import Problem
from atp_lite.views import page
from atp_lite.views.changes import answer_figure, graph_figure, path_figure, reward_html, steps_html
from atp_lite.views.moves import Move, compare_thoughts, measure_thought, rethink
from atp_lite.views.palette import TEMPLATE, without_caption
from atp_lite.views.projection import fit_projection
from atp_lite.views.space import strip, strip_figure

MOST_STATES = 2000
"""More would make a page that browsers open slowly."""


@dataclass(frozen=True)
class Control:
    """One thing that a reader of the page can set."""

    name: str
    labels: Sequence[str]
    """What it can be set to, in order."""
    kind: Literal["menu", "slider"] = "menu"
    start: int = 0
    """Which label it shows first."""


Part = go.Figure | str
"""A figure with title and caption, or HTML whose text is escaped."""


def export_grid(
    path: str | os.PathLike[str],
    title: str,
    lead: str,
    controls: Sequence[Control],
    render: Callable[..., Sequence[Part]],
) -> Path:
    """Write a page on which controls switch between precomputed states.

    Args:
        path: the file; its folder is made if need be. title, lead: plain text.
        render: called with one index a control; gives the parts of that state, always as many and of the same kinds.

    Raises:
        ValueError: no control, a control without a label, or more states than a browser can take.
    """
    if not controls or any(not control.labels for control in controls):
        raise ValueError("a page needs controls, each with something to choose: give labels")
    count = 1
    for control in controls:
        count *= len(control.labels)
    if count > MOST_STATES:
        raise ValueError(f"{count} states are too many for one page (at most {MOST_STATES}): give fewer labels")
    store: dict[str, int] = {}  # each distinct part once, as JSON
    states = []
    for indices in itertools.product(*(range(len(control.labels)) for control in controls)):
        states.append([store.setdefault(_packed(part), len(store)) for part in render(*indices)])
    data = {
        "sizes": [len(control.labels) for control in controls],
        "labels": [list(control.labels) for control in controls],
        "states": states,
        "template": TEMPLATE.to_plotly_json(),
    }
    parts = f"[{','.join(store)}]"
    body = (
        f"<p class='lead'>{html.escape(lead)}</p><form class='controls' onsubmit='return false'>"
        + "".join(_control(control, i) for i, control in enumerate(controls))
        + "</form><div id='parts' aria-live='polite'></div>"
        + f"<script type='application/json' id='data'>{_inert(json.dumps(data))}</script>"
        + f"<script type='application/json' id='store'>{_inert(parts)}</script><script>{SCRIPT}</script>"
    )
    return page.write_page(path, title, body, STYLE)


def export_debugger(
    path: str | os.PathLike[str], planner: Planner, problems: Sequence[Problem], shown: int = 4
) -> Path:
    """The latent thought debugger as a page: problem, step, and how far its latent is moved along an axis.

    Args:
        planner: with a decoder. problems: the axes are fitted on all of them; the first `shown` can be looked at.

    Raises:
        ValueError: no problem, or a planner whose thoughts cannot be read.
    """
    if not problems:
        raise ValueError("the page needs problems to show: give some, such as a few test problems")
    projection = fit_projection(planner.reason(problems), 2)
    chosen = list(problems[:shown])
    traces = [rethink(planner, problem) for problem in chosen]
    before = [measure_thought(planner, trace, projection) for trace in traces]
    longest = max(int(trace.n_latents[0]) for trace in traces)
    amounts = [-4, -3, -2, -1, 0, 1, 2, 3, 4]
    still = amounts.index(0)

    def render(which: int, step: int, axis: int, amount: int) -> list[Part]:
        trace, old = traces[which], before[which]
        count = int(trace.n_latents[0])
        t = min(step + 1, count)
        note = "" if step < count else f"This problem is thought in {count} steps; step {count} is shown. "
        new = old
        if amount != still:
            along = tuple(float(amounts[amount]) if k == axis else 0.0 for k in range(2))
            moved = Move(along=along)(trace.latents[0, t - 1], projection)
            new = measure_thought(planner, rethink(planner, chosen[which], {t: moved}), projection)
        difference = compare_thoughts(old, new)
        return [
            f"<p role='status'><b>{html.escape(note + difference['summary'])}</b></p>",
            steps_html(difference),
            reward_html(old.reward, new.reward),
            path_figure(old, new, t, projection),
            answer_figure(old.chances, new.chances),
            graph_figure(old, "original"),
            graph_figure(new, "edited"),
        ]

    return export_grid(
        path,
        "Latent thought debugger",
        "A small planner answers arithmetic questions by thinking in vectors. Pick a question and a step, then move "
        "that step's vector along one of the two main directions of all thoughts. Everything after it is thought anew.",
        [
            Control("question", [problem.question for problem in chosen]),
            Control("step", [str(t + 1) for t in range(longest)]),
            Control("direction", ["axis 1", "axis 2"]),
            Control("moved by, in standard deviations", [f"{a:+d}" if a else "0" for a in amounts], "slider", still),
        ],
        render,
    )


def export_space(path: str | os.PathLike[str], planners: Mapping[str, Planner], problems: Sequence[Problem]) -> Path:
    """What stands between two thoughts, as a page: planner, and which two of the problems.

    Raises:
        ValueError: fewer than two problems that need the same number of steps.
    """
    traces = {name: planner.reason(problems) for name, planner in planners.items()}
    pairs = [
        (i, i + 1)
        for i in range(len(problems) - 1)
        if len(problems[i].steps) == len(problems[i + 1].steps)
        and all(int(trace.n_latents[i]) and int(trace.n_latents[i + 1]) for trace in traces.values())
    ]
    if not pairs:
        raise ValueError("no two neighbours among the problems need as many steps: give some that do")
    names = list(planners)

    def render(name: int, pair: int) -> list[Part]:
        return [strip_figure(strip(planners[names[name]], traces[names[name]], pairs[pair], 1))]

    return export_grid(
        path,
        "Between two thoughts",
        "The decoder reads what stands on the straight line between the first thoughts of two problems.",
        [
            Control("planner", names),
            Control("problems", [f"{problems[i].question} → {problems[j].question}" for i, j in pairs]),
        ],
        render,
    )


def _packed(part: Part) -> str:
    """A part as JSON; a figure without its template, which the page has once."""
    if isinstance(part, str):
        return json.dumps({"html": part})
    meta = part.layout.meta
    drawn = without_caption(part).to_plotly_json()
    drawn["layout"].pop("template", None)
    drawn["layout"].pop("meta", None)
    packed = {"title": meta["title"], "caption": meta["caption"], "data": drawn["data"], "layout": drawn["layout"]}
    return json.dumps(packed, default=list)


def _inert(text: str) -> str:
    """JSON that cannot end the script element that it stands in."""
    return text.replace("<", "\\u003c")


def _control(control: Control, i: int) -> str:
    name = html.escape(control.name)
    if control.kind == "slider":
        last = len(control.labels) - 1
        field = f"<input type='range' id='control-{i}' min='0' max='{last}' step='1' value='{control.start}'>"
        label = html.escape(control.labels[control.start])
        return f"<label>{name} {field} <output id='label-{i}'>{label}</output></label>"
    options = "".join(
        f"<option value='{k}'{' selected' if k == control.start else ''}>{html.escape(label)}</option>"
        for k, label in enumerate(control.labels)
    )
    return f"<label>{name} <select id='control-{i}'>{options}</select></label>"


STYLE = """
.controls { display: flex; flex-wrap: wrap; gap: .8em 1.6em; align-items: center; margin: 1.2em 0; }
.controls select { font: inherit; padding: .2em .4em; max-width: 22em; }
#parts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 0 1.2em; }
#parts > .wide { grid-column: 1 / -1; }
#parts > * { min-width: 0; }
"""

SCRIPT = """
"use strict";
const read = id => JSON.parse(document.getElementById(id).textContent);
const data = read("data"), store = read("store"), place = document.getElementById("parts");
const controls = data.sizes.map((_, i) => document.getElementById(`control-${i}`));
const boxes = data.states[0].map((index, i) => {
  const box = document.createElement(store[index].html === undefined ? "figure" : "div");
  if (i === 0 && store[index].html !== undefined) box.className = "wide";
  if (store[index].html === undefined)
    for (const tag of ["h3", "div", "figcaption"]) box.appendChild(document.createElement(tag));
  place.appendChild(box);
  return box;
});
const shown = boxes.map(() => -1);
const words = text => new DOMParser().parseFromString(text, "text/html").documentElement.textContent;
function show() {
  let state = 0;
  controls.forEach((control, i) => {
    state = state * data.sizes[i] + Number(control.value);
    const label = document.getElementById(`label-${i}`);
    if (label) label.textContent = data.labels[i][control.value];
  });
  data.states[state].forEach((index, i) => {
    if (shown[i] === index) return;
    shown[i] = index;
    const part = store[index], box = boxes[i];
    if (part.html !== undefined) { box.innerHTML = part.html; return; }
    box.children[0].textContent = words(part.title);
    box.children[2].textContent = words(part.caption);
    Plotly.react(box.children[1], part.data, Object.assign({}, part.layout, {template: data.template}),
                 {displayModeBar: false, responsive: true});
  });
}
controls.forEach(control => control.addEventListener("input", show));
show();
"""
