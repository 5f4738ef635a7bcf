"""The style of every figure: colours that colour-blind readers can tell apart, a layout that fits a page.

The colours are those of Okabe and Ito (2008), without black and yellow, which vanish on a dark or a light page.
Backgrounds are transparent and text is mid grey, so a figure can be read on either. Colour is never the only cue.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

BLUE, ORANGE, GREEN, VERMILLION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
SKY, PURPLE, GREY = "#56b4e9", "#cc79a7", "#767676"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, GREY)
"""For categories, in this order."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross")
"""For the same categories, so that colour is never the only difference."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
"""For lines, in the order of COLOURS."""
SCALE = [[0.0, BLUE], [0.5, "#9a9a9a"], [1.0, ORANGE]]
"""Continuous scale: from dark blue to light orange, visible on dark and light pages."""
INK, GRID = GREY, "rgba(128,128,128,0.25)"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
CAPTION = "caption"
"""Name of the annotation that holds a figure's caption."""
LINE = 104
"""Characters of a caption's line: what fits into a figure 800 pixels wide."""

_LINES = {"gridcolor": GRID, "zerolinecolor": GRID}
_AXIS = _LINES | {"linecolor": GRID, "automargin": True, "title": {"standoff": 8}}

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": list(COLOURS),
        "title": {"x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 8}, "font": {"size": 16}},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": BLUE},
        "hoverlabel": {"font": {"family": FONT, "size": 13}, "align": "left"},
        "scene": {f"{axis}axis": _LINES | {"showbackground": False, "color": INK} for axis in "xyz"},
    }
)


def plain(text: object) -> str:
    """Text from data, escaped so that plotly does not take it for markup."""
    return html.escape(str(text), quote=False)


def faint(colour: str, alpha: float = 0.25) -> str:
    """A `#rrggbb` colour made transparent: `rgba(...)`."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def percent(share: float | None) -> float | None:
    """A share in [0, 1] as a percentage; None stays None."""
    return None if share is None else round(100 * share, 2)


def whiskers(estimates: Sequence[Mapping[str, Any] | None], colour: str) -> dict[str, Any]:
    """The error bars of estimates, with `mean`, `low` and `high` as shares; none where there is no estimate."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [percent(e and e["high"] - e["mean"]) for e in estimates],
        "arrayminus": [percent(e and e["mean"] - e["low"]) for e in estimates],
        "color": colour,
        "thickness": 2.5,
        "width": 6,
    }


def cell(i: int, columns: int) -> dict[str, int]:
    """Row and column of the i-th subplot, from 0, row by row."""
    return {"row": i // columns + 1, "col": i % columns + 1}


def principal_axes(fig: go.Figure, explained: Sequence[float]) -> None:
    """Title the first two axes as principal axes, with their shares of the variance."""
    for k, axis in enumerate("xy"):
        text = f"axis {k + 1} ({100 * explained[k]:.0f} % of variance)"
        fig.update_layout({f"{axis}axis": {"title": {"text": text}}})


def span(values: Iterable[float]) -> list[float]:
    """The range of an axis that holds all values, with a margin."""
    found = list(values)
    margin = 0.06 * (max(found) - min(found)) or 1.0
    return [round(min(found) - margin, 3), round(max(found) + margin, 3)]


def finish(
    fig: go.Figure, title: str, caption: str, height: int = 420, bottom: int = 62, x: str = "", y: str = ""
) -> go.Figure:
    """Add title, caption, height, margins, and titles x and y of the axes. The width follows the page.

    The caption is wrapped and drawn as the annotation named `caption`; `layout.meta` holds the unwrapped text.
    """
    lines = textwrap.wrap(caption, LINE)
    if x and y:
        fig.update_xaxes(title_text=x).update_yaxes(title_text=y)
    fig.update_layout(
        template=TEMPLATE,
        title={"text": title, "yref": "container", "y": 1, "yanchor": "top", "pad": {"t": 10, "l": 8}},
        height=height + 18 * len(lines),
        margin={"l": 64, "r": 20, "t": 84, "b": bottom + 18 * len(lines)},
        meta={"title": title, "caption": caption},
    )
    fig.add_annotation(
        name=CAPTION,
        text="<br>".join(lines),
        showarrow=False,
        align="left",
        font={"size": 13},
        xref="paper",
        x=0,
        xanchor="left",
        xshift=-52,
        yref="paper",
        y=0,
        yanchor="top",
        yshift=8 - bottom,
    )
    return fig


def without_caption(fig: go.Figure) -> go.Figure:
    """A copy without title and caption, for a page that writes them as text of its own."""
    lines = sum(note.text.count("<br>") + 1 for note in fig.layout.annotations if note.name == CAPTION)
    copy = go.Figure(fig)
    copy.layout.annotations = [note for note in fig.layout.annotations if note.name != CAPTION]
    copy.update_layout(title=None, height=fig.layout.height - 18 * lines - 34)
    copy.update_layout(margin={"t": fig.layout.margin.t - 34, "b": fig.layout.margin.b - 18 * lines})
    return copy
