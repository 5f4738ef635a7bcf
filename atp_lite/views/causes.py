"""Causes -> stacked bars: what follows, what stays, and what does neither, after each edit, planner by planner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lite.evaluation.effects import EDITS, RESPONSES, Causes
from atp_lite.views.palette import BLUE, CAPTION, GREY, INK, ORANGE, faint, finish, percent, plain, whiskers

LOOKS = {"follows": (BLUE, 0.4, ""), "stays": (GREY, 0.2, ""), "neither": (ORANGE, 0.45, "/")}
"""Outcome -> colour, how strong it is, and hatching."""
NAMES = {"swap-all": "all swapped", "swap": "one swapped", "same-text": "same text"}
ABOUT = {
    "swap-all": "all thoughts are those of another question",
    "swap": "the thought is that of another question",
    "borrowed": "the thought by which another question means another step",
    "typed": "the step encoder's thought of another step",
    "noise": "control, the thought itself with noise as large as such an edit",
    "same-text": "control, the thought that reads the same in another question",
}
"""Edit -> what is put in, for the caption."""
BAR, LEFT = 30, 104
"""Height of a bar with its gap, and width of the labels, in pixels."""


def causes_figure(results: Mapping[str, Causes | Mapping[str, Any]], place: int | None = None) -> go.Figure:
    """A panel for each planner, a bar for each edit; whiskers are the 95 % intervals of what follows.

    Bars are about the answer where it can follow, otherwise (a route's answer is its goal, whatever is thought) about
    the later steps.

    Args:
        results: planner -> what `causes` returned, or its `to_json()`.
        place: of the thought that is edited, from 1; None takes the mean over places.

    Raises:
        ValueError: no planner, or none of whose thoughts at this place an edit was made.
    """
    found = {name: result.to_json() if isinstance(result, Causes) else result for name, result in results.items()}
    key = "all" if place is None else str(place)
    panels = {name: {edit: by[key] for edit, by in one["edits"].items() if key in by} for name, one in found.items()}
    of_one = [panel.get(edit, {}) for panel in panels.values() for edit in ("borrowed", "typed")]
    what = "answer" if any("answer_follows" in shares for shares in of_one) else "rest"
    shown = [edit for edit in EDITS if any(f"{what}_follows" in panel.get(edit, {}) for panel in panels.values())]
    if not shown:
        raise ValueError(f"nothing to draw of {list(found)} at place {key}: no edit whose outcome can be told")
    rows = len(panels)
    titles = [f"{plain(name)}: {found[name]['edited']} of {found[name]['problems']} problems" for name in panels]
    size = BAR * len(shown) + 46
    fig = make_subplots(rows, 1, shared_xaxes=True, subplot_titles=titles, vertical_spacing=40 / (size * rows))
    fig.update_annotations(font={"size": 13}, x=0, xanchor="left")
    for row, panel in enumerate(panels.values(), start=1):
        for response in RESPONSES:
            _add_bars(fig, panel, shown, what, response, row)
    fig.update_xaxes(range=[0, 100], title_text="share of problems (%)", row=rows, col=1)
    fig.update_yaxes(autorange="reversed", showgrid=False)
    fig.update_layout(barmode="stack", bargap=0.25)
    where = "a thought" if place is None else f"thought {place}"
    about = "the answer" if what == "answer" else "the later steps"
    caption = (
        f"After {where} is replaced, {about} can be what follows from the new one, stay, or be neither. "
        + "".join(f"{NAMES.get(edit, edit).capitalize()}: {ABOUT[edit]}. " for edit in shown)
        + "Whiskers: 95 % intervals of what follows. Edited are problems with a right chain."
    )
    title = f"Does {about} follow the thoughts?" if what == "answer" else "Do later steps follow the thoughts?"
    made = finish(fig, title, caption, height=size * rows + 150)
    made.update_annotations(selector={"name": CAPTION}, xshift=12 - LEFT)
    legend = {"y": 1 + 26 / (size * rows), "traceorder": "normal"}
    return made.update_layout(legend=legend, margin={"l": LEFT, "t": 100})


def _add_bars(fig: go.Figure, panel: Mapping[str, Any], shown: list[str], what: str, response: str, row: int) -> None:
    """One outcome of every edit of one planner."""
    estimates = [panel.get(edit, {}).get(f"{what}_{response}") for edit in shown]
    means = [percent(e and e["mean"]) for e in estimates]
    colour, strength, shape = LOOKS[response]
    fig.add_bar(
        y=[NAMES.get(edit, edit) for edit in shown],
        x=means,
        orientation="h",
        name=response,
        legendgroup=response,
        showlegend=row == 1,
        marker={
            "color": faint(colour, strength),
            "line": {"color": colour, "width": 1.5},
            "pattern": {"shape": shape, "fgcolor": faint(colour, strength), "size": 8, "solidity": 0.15},
        },
        error_x=whiskers(estimates, INK) if response == "follows" else None,
        text=["" if mean is None or mean < 12 else f"{mean:.0f}" for mean in means],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"color": INK, "size": 13},
        customdata=[e and e["n"] for e in estimates],
        hovertemplate=f"%{{y}}: %{{x:.1f}} % {response}, of %{{customdata}} problems<extra></extra>",
        row=row,
        col=1,
    )
