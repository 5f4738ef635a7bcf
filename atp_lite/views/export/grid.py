"""Controls and a function that renders one state -> ONE HTML file on which the controls switch between states.

Every state is precomputed; what states have in common is stored once, and plotly.js stands in the page once.
"""

from __future__ import annotations

import html
import itertools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import plotly.graph_objects as go

from atp_lite.views import page
from atp_lite.views.palette import TEMPLATE, without_caption

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
