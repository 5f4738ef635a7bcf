"""What the planner thought -> plotly figures: paths of latents, which result is used where, one problem."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lite.coherence import read_equation
from atp_lite.views.palette import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    ORANGE,
    SCALE,
    SYMBOLS,
    VERMILLION,
    faint,
    finish,
    plain,
)

Colouring = Literal["step", "operator", "result", "correct", "stop"]

OPERATORS = {"+": "+ (add)", "-": "− (subtract)", "*": "× (multiply)", "/": "÷ (divide)"}


def trajectory_figure(
    data: Mapping, colour: Colouring = "step", dims: Literal[2, 3] = 2, paths: int = 5
) -> go.Figure:
    """The latents of many problems as points on the first principal axes, and the paths of some.

    Args:
        data: what `trajectories` returns.
        colour: what the colour says: number of the step, its operator, its result, whether the answer was right,
            or the probability of stopping.
        dims: axes to draw.
        paths: so many problems, the first ones, have their latents joined by a line.

    Raises:
        ValueError: no row has a latent, there are not so many axes, or `colour` is none of the above.
    """
    if colour not in _GROUPS and colour not in _VALUES:
        raise ValueError(f"colour {colour!r}: choose step, operator, result, correct or stop")
    if len(data["explained"]) < dims:
        raise ValueError(f"the projection has {len(data['explained'])} axes: fit one with dims={dims}")
    rows = [row for row in data["rows"] if row["latents"]]
    if not rows:
        raise ValueError("no row has a latent (a model that reasons in words has none): nothing to draw")
    axes = "xyz"[:dims]
    scatter = go.Scatter3d if dims == 3 else go.Scatter
    fig = go.Figure()
    for i, row in enumerate(rows[:paths]):
        fig.add_trace(
            scatter(
                **{axis: [latent["x"][k] for latent in row["latents"]] for k, axis in enumerate(axes)},
                mode="lines",
                line={"color": GREY, "width": 4 if dims == 3 else 1.5},
                opacity=0.8,
                name="path of one problem",
                legendgroup="paths",
                showlegend=i == 0,
                hoverinfo="skip",
            )
        )
    points = [(row, latent) for row in rows for latent in row["latents"]]
    for label, marker, group in _coloured(points, colour, small=dims == 3):
        fig.add_trace(
            scatter(
                **{axis: [latent["x"][k] for _, latent in group] for k, axis in enumerate(axes)},
                mode="markers",
                marker=marker,
                name=label,
                text=[_about(row, latent) for row, latent in group],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    shares = data["explained"][:dims]
    titles = {
        f"{axis}axis": {"title": {"text": f"axis {k + 1} ({100 * shares[k]:.0f} % of variance)"}}
        for k, axis in enumerate(axes)
    }
    fig.update_layout(**({"scene": titles} if dims == 3 else titles))
    fig.update_layout(legend={"itemsizing": "constant"})
    return finish(
        fig,
        f"Latents on {dims} principal axes, coloured by {_NAMES[colour]}",
        f"Each point is one latent; hover to read it. Lines join the latents of {min(paths, len(rows))} "
        f"problems in order. The {dims} axes hold {_whole(shares)} of the variance of "
        f"{data['n_reference']} latents; {dims} random directions hold {_whole(data['random'][:dims])}, and "
        f"the same analysis of shuffled latents finds {_whole(data['shuffled'][:dims])}. What is close here "
        "may be far apart in the dimensions that are not drawn.",
        height=620 if dims == 3 else 500,
        top=100,
    )


def coherence_figure(graph: Mapping) -> go.Figure:
    """Which result is used where: steps from left to right, an arrow from each result to where it is used.

    Args:
        graph: what `coherence_graph` returns.
    """
    nodes, edges = graph["nodes"], graph["edges"]
    fig = go.Figure()
    reach = 1.0
    for edge in edges:
        x, y = _arc(edge["source"], edge["target"])
        reach = max(reach, *y)
        fig.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            line={"color": GREY, "width": 2},
            marker={
                "symbol": "arrow",
                "size": [0] * (len(x) - 1) + [13],
                "angleref": "previous",
                "color": GREY,
                "standoff": [0] * (len(x) - 1) + [13],
            },
            showlegend=False,
            hoverinfo="text",
            hovertext=f"{plain(edge['value'])} is used here",
        )
    for label, symbol, colour, test in _KINDS:
        group = [node for node in nodes if test(node)]
        if group:
            fig.add_scatter(
                x=[node["id"] for node in group],
                y=[0] * len(group),
                mode="markers",
                marker={"symbol": symbol, "color": colour, "size": 22, "line": {"width": 2, "color": colour}},
                name=label,
                hoverinfo="text",
                hovertext=[_note(node).replace("<br>", ", ") for node in group],
            )
    for node in nodes:
        fig.add_annotation(
            x=node["id"], y=0, yshift=-20, yanchor="top", text=_note(node), showarrow=False, font={"size": 13}
        )
    ticks = [f"step {node['id'] + 1}" for node in nodes[:-1]] + ["answer"]
    fig.update_xaxes(
        tickvals=[node["id"] for node in nodes],
        ticktext=ticks,
        range=[-0.6, len(nodes) - 0.4],
        showgrid=False,
        zeroline=False,
        title_text="order in which the steps were thought",
    )
    fig.update_yaxes(visible=False, range=[-0.75 * reach, 1.15 * reach])
    return finish(
        fig,
        "Which result is used where",
        "An arrow leads from a step to where its result is used. A step is coherent if at least one arrow "
        f"leaves it: {_whole([graph['score']])} of these steps are, and {_whole([graph['right']])} are valid "
        "arithmetic. Values are compared, not positions, so equal numbers share arrows.",
        height=340,
    )


def thought_figure(table: Mapping) -> go.Figure:
    """One problem, step by step: how sure the decoder is of each step, whether to stop, and how wide the noise.

    Args:
        table: what `thought_table` returns.

    Raises:
        ValueError: no step is latent.
    """
    steps = [step for step in table["steps"] if step["kind"] == "latent"]
    if not steps:
        raise ValueError("this problem was answered without a latent step: there is nothing to draw")
    names = [f"step {step['number']}<br>{plain(step['text'])}" for step in steps]
    fig = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.1, row_heights=[0.6, 0.4])
    fig.add_bar(
        x=names,
        y=[_percentage(step["probability"]) for step in steps],
        name="decoder's probability of the text",
        marker={"color": BLUE},
        width=0.4,
        row=1,
        col=1,
    )
    fig.add_scatter(
        x=names,
        y=[_percentage(step["stop"]) for step in steps],
        name="probability of stopping after it",
        mode="lines+markers",
        line={"color": VERMILLION, "dash": "dash"},
        marker={"symbol": "square", "size": 10},
        row=1,
        col=1,
    )
    fig.add_bar(
        x=names,
        y=[step["sigma"] for step in steps],
        name="sigma",
        marker={"color": ORANGE, "pattern": {"shape": "/", "fgcolor": "#ffffff"}},
        width=0.4,
        row=2,
        col=1,
    )
    fig.update_yaxes(title_text="probability (%)", range=[0, 104], row=1, col=1)
    fig.update_yaxes(title_text="sigma<br>(latent units)", rangemode="tozero", row=2, col=1)
    fig.update_xaxes(title_text="latent step and what the decoder reads in it", row=2, col=1)
    return finish(
        fig,
        f"{plain(table['question'])} → {plain(table['answer'])}",
        "Sigma is the standard deviation of the latent's distribution, averaged over its dimensions: how much "
        "noise the model adds where it samples.",
        height=430,
    )


# ------------------------------------------------------------------ parts of figures

_NAMES = {
    "step": "step",
    "operator": "operator",
    "result": "result",
    "correct": "whether the answer is right",
    "stop": "probability of stopping",
}

_KINDS = (
    # label, symbol, colour, which nodes
    ("right and used", "circle", BLUE, lambda n: n["kind"] == "step" and n["right"] and n["coherent"]),
    (
        "right, never used",
        "diamond-open",
        ORANGE,
        lambda n: n["right"] and n["kind"] == "step" and not n["coherent"],
    ),
    ("wrong arithmetic", "x", VERMILLION, lambda n: n["is_equation"] and not n["right"]),
    ("no equation", "square-x-open", GREY, lambda n: n["kind"] == "step" and not n["is_equation"]),
    ("answer", "star", GREEN, lambda n: n["kind"] == "answer" and n["right"] is not False),
    ("wrong answer", "star-open", VERMILLION, lambda n: n["kind"] == "answer" and n["right"] is False),
)


def _operator(text: str) -> str:
    equation = read_equation(text)
    if equation is None:
        return "no equation"
    found = set(re.findall(r"(?<=\S)\s*([+\-*/])", equation.lhs))
    return OPERATORS[found.pop()] if len(found) == 1 else "several"


_GROUPS = {
    "step": lambda row, latent: f"step {latent['step']}",
    "operator": lambda row, latent: _operator(latent["text"]),
    "correct": lambda row, latent: {True: "right answer", False: "wrong answer"}.get(
        row["correct"], "unknown"
    ),
}
_VALUES = {
    "stop": ("stop (%)", lambda latent: _percentage(latent["stop"])),
    "result": ("result", lambda latent: _result(latent["text"])),
}


def _coloured(points: list, colour: str, small: bool):
    """(label, marker, points) of each trace: one for each category, or one with a scale."""
    size = {"size": 4 if small else 8, "opacity": 0.8}
    if colour in _GROUPS:
        groups: dict[str, list] = {}
        for row, latent in points:
            groups.setdefault(_GROUPS[colour](row, latent), []).append((row, latent))
        allowed = ("circle", "square", "diamond", "cross", "x") if small else SYMBOLS
        for i, label in enumerate(sorted(groups)):
            look = {"color": COLOURS[i % len(COLOURS)], "symbol": allowed[i % len(allowed)]}
            yield label, size | look, groups[label]
        return
    title, value = _VALUES[colour]
    known = [point for point in points if value(point[1]) is not None]
    unknown = [point for point in points if value(point[1]) is None]
    if known:
        bar = {"title": {"text": title}, "thickness": 14, "outlinewidth": 0}
        look = {"color": [value(latent) for _, latent in known], "colorscale": SCALE, "colorbar": bar}
        yield "latent", size | look | {"line": {"width": 0.5, "color": faint(GREY, 0.8)}}, known
    if unknown:
        yield "no equation", size | {"color": GREY, "symbol": "x"}, unknown


def _result(text: str) -> float | None:
    equation = read_equation(text)
    return None if equation is None else round(float(equation.rhs), 4)


def _about(row: Mapping, latent: Mapping) -> str:
    """What a point says when the mouse is over it."""
    verdict = {True: "right", False: f"wrong, it is {row['reference']}"}.get(row["correct"], "not checked")
    return (
        f"{plain(row['question'])}<br>latent {latent['number']}, step {latent['step']}: "
        f"<b>{plain(latent['text'])}</b><br>stop {_percentage(latent['stop'])} %, sigma {latent['sigma']}"
        f"<br>answer {plain(row['answer'])} ({plain(verdict)})"
    )


def _note(node: Mapping) -> str:
    """What is written below a node."""
    text = plain(node["text"]) or "(nothing)"
    if node["kind"] == "answer":
        return f"<b>{text}</b>" + (f"<br>it is {plain(node['value'])}" if node["right"] is False else "")
    if not node["is_equation"]:
        return f"{text}<br>no equation"
    notes = [] if node["right"] else [f"left side is {plain(node['value'])}"]
    notes += [] if node["coherent"] else ["never used"]
    return "<br>".join([f"<b>{text}</b>", *notes])


def _arc(start: int, end: int, points: int = 17) -> tuple[list[float], list[float]]:
    """A half ellipse from one node to another, higher the further it goes; a straight line to the next."""
    height = 0.0 if end - start == 1 else 0.35 * (end - start)
    shares = [i / (points - 1) for i in range(points)]
    return (
        [round(start + share * (end - start), 3) for share in shares],
        [round(height * 4 * share * (1 - share), 3) for share in shares],
    )


def _whole(shares) -> str:
    return f"{100 * sum(shares):.0f} %"


def _percentage(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)
