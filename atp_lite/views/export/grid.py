"""Controls and a function that renders one state -> ONE HTML file on which the controls switch between states.

Every state is precomputed; what states share, and plotly.js, is stored once.
"""

from __future__ import annotations

import html
import itertools
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import plotly.graph_objects as go

from atp_lite.views import page
from atp_lite.views.palette import TEMPLATE, without_caption

MOST_STATES = 2000
"""More make a page that opens slowly."""


@dataclass(frozen=True)
class Control:
    """One control of the page."""

    name: str
    labels: Sequence[str]
    """Its options, in order."""
    kind: Literal["menu", "slider"] = "menu"
    start: int = 0
    """Index of the label shown first."""


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
    sizes = [len(control.labels) for control in controls]
    count = math.prod(sizes)
    if count > MOST_STATES:
        raise ValueError(f"{count} states are too many for one page (at most {MOST_STATES}): give fewer labels")
    store: dict[str, int] = {}  # each distinct part once, as JSON
    states = []
    for indices in itertools.product(*map(range, sizes)):
        states.append([store.setdefault(_packed(part), len(store)) for part in render(*indices)])
    data = {
        "sizes": sizes,
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
        + f"<script type='application/json' id='store'>{_inert(parts)}</script><script>{page.asset('grid.js')}</script>"
    )
    return page.write_page(path, title, body, page.asset("grid.css"))


def _packed(part: Part) -> str:
    """A part as JSON; a figure without its template, which the page has once."""
    if isinstance(part, str):
        return json.dumps({"html": part})
    drawn = without_caption(part).to_plotly_json()
    layout = {key: value for key, value in drawn["layout"].items() if key not in ("template", "meta")}
    return json.dumps(dict(part.layout.meta) | {"data": drawn["data"], "layout": layout}, default=list)


def _inert(text: str) -> str:
    """JSON that cannot close its script element."""
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
