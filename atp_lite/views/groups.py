"""The G trajectories of one question as small multiples: coherence graph, reward and advantage of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lite.views.palette import BLUE, GREY, INK, cell, finish, plain
from atp_lite.views.thoughts import arc, node_kinds

COLUMNS = 4


def group_figure(group: Mapping, chosen: int = 0) -> go.Figure:
    """A small graph for each trajectory, with its reward and advantage; the chosen one is framed.

    Args:
        group: what `measure_group` returns.
        chosen: index of a trajectory.
    """
    rows = group["rows"]
    n_lines = math.ceil(len(rows) / COLUMNS)
    titles = [
        f"{i + 1} · reward {row['reward']['total']:.2f}<br>advantage {row['advantage']:+.2f}"
        for i, row in enumerate(rows)
    ]
    gap = 0.4 / n_lines
    fig = make_subplots(n_lines, COLUMNS, subplot_titles=titles, vertical_spacing=gap, horizontal_spacing=0.03)
    fig.update_annotations(font={"size": 12})
    for i, row in enumerate(rows):
        place = cell(i, COLUMNS)
        _small_graph(fig, row["graph"], place)
        if i == chosen:
            frame = {"line": {"color": BLUE, "width": 3}, "fillcolor": "rgba(0,0,0,0)"}
            fig.add_shape(type="rect", xref="x domain", yref="y domain", x0=0, x1=1, y0=0, y1=1, **frame, **place)
    _legend(fig, rows)
    fig.update_xaxes(visible=False).update_yaxes(visible=False)
    flat = "" if group["used"] else " Here all rewards are equal, so every advantage is 0 and nothing is learned."
    made = finish(
        fig,
        f"{len(rows)} trajectories of {plain(group['question'])}",
        "Dots are decoded steps from left to right, the last one is the answer; arcs lead to where a result is used. "
        f"The advantage is the reward minus the group's mean, in standard deviations.{flat}",
        height=126 + 170 * n_lines,
        bottom=20,
    )
    above = {"y": 1 + 44 / (170 * n_lines), "yanchor": "bottom"}  # of the titles of two lines
    return made.update_layout(showlegend=True, legend=above, margin_t=110)


def _small_graph(fig: go.Figure, graph: Mapping, place: Mapping) -> None:
    """One trace of arcs, one of nodes: always two, so that a figure can be updated in place."""
    reach, x, y = 0.4, [], []
    for edge in graph["edges"]:
        along, up = arc(edge["source"], edge["target"])
        reach = max(reach, *up)
        x, y = [*x, *along, None], [*y, *up, None]
    line = {"color": GREY, "width": 1.5}
    fig.add_scatter(x=x, y=y, mode="lines", line=line, showlegend=False, hoverinfo="skip", **place)
    nodes = graph["nodes"]
    kinds = [next(kind for kind in node_kinds(graph) if kind[3](node)) for node in nodes]
    fig.add_scatter(
        x=[node["id"] for node in nodes],
        y=[0] * len(nodes),
        mode="markers+text",
        text=["<br>" * (node["id"] % 2) + plain(node["text"] or "(nothing)") for node in nodes],  # arcs are above
        textposition="bottom center",
        textfont={"size": 10, "color": INK},
        marker={"symbol": [kind[1] for kind in kinds], "color": [kind[2] for kind in kinds], "size": 11},
        customdata=[kind[0] for kind in kinds],
        showlegend=False,
        hovertemplate="%{text}: %{customdata}<extra></extra>",
        **place,
    )
    fig.update_xaxes(range=[-0.8, len(nodes) - 0.2], **place)
    fig.update_yaxes(range=[-0.5 * (reach + 1), reach + 0.2], **place)


def _legend(fig: go.Figure, rows: Sequence[Mapping]) -> None:
    """The legend: an empty trace for each kind of node, shown where the kind occurs."""
    nodes = [node for row in rows for node in row["graph"]["nodes"]]
    for label, symbol, colour, test in node_kinds(rows[0]["graph"]):
        marker = {"symbol": symbol, "color": colour, "size": 11}
        here = any(test(node) for node in nodes)
        fig.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=label, showlegend=here, row=1, col=1)
