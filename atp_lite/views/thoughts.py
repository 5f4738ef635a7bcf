"""One problem, as plotly figures: which steps it needs, which result is used where, how confident the planner was."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lite.domains import needed_steps
from atp_lite.views.palette import BLUE, GREEN, GREY, ORANGE, VERMILLION, finish, percent, plain


def coherence_figure(graph: Mapping) -> go.Figure:
    """Which result is used where: steps from left to right, an arrow from each result to where it is used.

    Args:
        graph: what `coherence_graph` returns.
    """
    nodes, height = graph["nodes"], 0.3
    fig = go.Figure()
    xs, ys, sizes, texts = [], [], [], []  # all arrows in one trace, with gaps between them
    for edge in graph["edges"]:
        x, y = arc(edge["source"], edge["target"])
        height = max(height, *y)
        xs, ys, sizes = [*xs, *x, None], [*ys, *y, None], [*sizes, *[0] * (len(x) - 1), 13, 0]
        texts += [f"{plain(edge['value'])} is used here"] * len(x) + [""]
    arrow = {"symbol": "arrow", "size": sizes, "angleref": "previous", "standoff": sizes}
    arrow |= {"color": GREY, "line": {"width": 0}}
    look = {"mode": "lines+markers", "line": {"color": GREY, "width": 2}, "marker": arrow, "showlegend": False}
    fig.add_scatter(x=xs, y=ys, hoverinfo="text", hovertext=texts, **look)
    for label, symbol, colour, test in node_kinds(graph):  # always all, so that a figure can be updated in place
        group = [node for node in nodes if test(node)]
        fig.add_scatter(
            x=[node["id"] for node in group],
            y=[0] * len(group),
            mode="markers",
            marker={"symbol": symbol, "color": colour, "size": 22, "line": {"width": 2, "color": colour}},
            name=label,
            showlegend=bool(group),
            hoverinfo="text",
            hovertext=[_note(node, graph).replace("<br>", ", ") for node in group],
        )
    for node in nodes:
        place = {"x": node["id"], "y": 0, "yshift": -20, "yanchor": "top"}
        fig.add_annotation(text=_note(node, graph), showarrow=False, font={"size": 13}, **place)
    fig.update_xaxes(
        tickvals=[node["id"] for node in nodes],
        ticktext=[f"step {node['id'] + 1}" for node in nodes[:-1]] + ["answer"],
        range=[-0.6, len(nodes) - 0.4],
        showgrid=False,
        zeroline=False,
        title_text="order in which the steps were thought",
    )
    fig.update_yaxes(visible=False, range=[-0.75 * height - 0.3, 1.15 * height + 0.1])
    return finish(
        fig,
        "Which result is used where",
        "An arrow leads from a step to where its result is used. A step is coherent if at least one arrow "
        f"leaves it: {percent(graph['score']):.0f} % of these steps are, and {percent(graph['right']):.0f} % are "
        f"{graph['ruler']}. Uses are found by value: where two steps have the same result, both count as used.",
        height=300 if height < 0.5 else 360,
    )


def steps_figure(question: str, caption: str) -> go.Figure:
    """The steps that an expression needs, as a graph: an arrow from each step to the one that uses its result.

    Raises:
        ValueError: it is no expression (`needed_steps`).
    """
    steps = needed_steps(question)
    at: list[tuple[int, float]] = []
    """Of each step: the most arrows that lead to it one after the other, and its height."""
    leaves = 0
    for step in steps:
        if step.uses:
            depths, heights = zip(*(at[j] for j in step.uses), strict=True)
            place = (1 + max(depths), sum(heights) / len(heights))
            while place in at:  # two steps that use the same results
                place = (place[0], place[1] - 1)
        else:
            place, leaves = (0, -float(leaves)), leaves + 1
        at.append(place)
    fig = go.Figure()
    arrow = {"size": 12, "symbol": ["circle", "arrow"], "angleref": "previous", "standoff": 9, "color": GREY}
    for step, (x, y) in zip(steps, at, strict=True):
        for x0, y0 in (at[j] for j in step.uses):
            look = {"mode": "lines+markers", "marker": arrow, "line": {"color": GREY}, "hoverinfo": "skip"}
            fig.add_scatter(x=[x0, x], y=[y0, y], **look)
    fig.add_scatter(
        x=[x for x, _ in at],
        y=[y for _, y in at],
        text=[step.text for step in steps],
        textposition=["top center" if step.uses else "middle left" for step in steps],
        mode="markers+text",
        textfont={"size": 15},
        marker={"size": 14, "color": BLUE},
    )
    fig.update_layout(showlegend=False)
    fig.update_xaxes(visible=False, range=[-0.6, max(x for x, _ in at) + 0.4])
    fig.update_yaxes(visible=False, range=[min(y for _, y in at) - 0.4, 0.6])
    return finish(fig, plain(question), caption, height=250, bottom=20)


def thought_figure(table: Mapping) -> go.Figure:
    """One problem, step by step: probability of the decoded text, probability of stopping, sigma.

    Args:
        table: what `thought_table` returns.

    Raises:
        ValueError: no step is latent.
    """
    steps = [step for step in table["steps"] if step["kind"] == "latent"]
    if not steps:
        raise ValueError("this problem was answered without a latent step: there is nothing to draw")
    x = [f"step {step['number']}<br>{plain(step['text'])}" for step in steps]
    top, bottom = {"row": 1, "col": 1}, {"row": 2, "col": 1}
    fig = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.1, row_heights=[0.6, 0.4])
    look = {"name": "decoder's probability of the text", "marker": {"color": BLUE}, "width": 0.4}
    fig.add_bar(x=x, y=[percent(step["probability"]) for step in steps], **look, **top)
    look = {"mode": "lines+markers", "line": {"color": VERMILLION, "dash": "dash"}}
    look |= {"name": "probability of stopping after it", "marker": {"symbol": "square", "size": 10}}
    fig.add_scatter(x=x, y=[percent(step["stop"]) for step in steps], **look, **top)
    look = {"name": "sigma", "marker": {"color": ORANGE}, "width": 0.4}
    fig.add_bar(x=x, y=[step["sigma"] for step in steps], **look, **bottom)
    fig.update_yaxes(title_text="probability (%)", range=[0, 104], **top)
    fig.update_yaxes(title_text="sigma<br>(latent units)", rangemode="tozero", **bottom)
    fig.update_xaxes(title_text="latent step and its decoded text", **bottom)
    return finish(
        fig,
        f"{plain(table['question'])} → {plain(table['answer'])}",
        "Sigma is the standard deviation of the latent's distribution, averaged over its dimensions: how much "
        "noise the model adds where it samples.",
        height=460,
        bottom=84,
    )


# ------------------------------------------------------------------ parts of figures

NODE_KINDS = (
    # label, symbol, colour, which nodes
    ("right and used", "circle", BLUE, lambda n: n["kind"] == "step" and n["right"] and n["coherent"]),
    ("right, never used", "diamond", ORANGE, lambda n: n["kind"] == "step" and n["right"] and not n["coherent"]),
    ("wrong {noun}", "x", VERMILLION, lambda n: n["is_equation"] and not n["right"]),
    ("{no_step}", "square", GREY, lambda n: n["kind"] == "step" and not n["is_equation"]),
    ("answer", "star", GREEN, lambda n: n["kind"] == "answer" and n["right"] is not False),
    ("wrong answer", "octagon", VERMILLION, lambda n: n["kind"] == "answer" and n["right"] is False),
)


def node_kinds(graph: Mapping) -> list[tuple[str, str, str, Callable[[Mapping], bool]]]:
    """`NODE_KINDS` with labels in the words of the graph's domain."""
    words = {"noun": graph["ruler"].removeprefix("valid "), "no_step": graph["no_step"]}
    return [(label.format(**words), *look) for label, *look in NODE_KINDS]


def _note(node: Mapping, graph: Mapping) -> str:
    """The text below a node."""
    text = plain(node["text"]) or "(nothing)"
    if node["kind"] == "answer":
        return f"<b>{text}</b>" + (f"<br>it is {plain(node['value'])}" if node["right"] is False else "")
    if not node["is_equation"]:
        return f"{text}<br>{graph['no_step']}"
    notes = [] if node["right"] else [f"left side is {plain(node['value'])}"]
    notes += [] if node["coherent"] else ["never used"]
    return "<br>".join([f"<b>{text}</b>", *notes])


def arc(start: int, end: int, points: int = 17) -> tuple[list[float], list[float]]:
    """A parabola from one node to another, higher the further it goes; a straight line to the next node."""
    height = 0.0 if end - start == 1 else 0.35 * (end - start)
    shares = [i / (points - 1) for i in range(points)]
    return (
        [round(start + share * (end - start), 3) for share in shares],
        [round(height * 4 * share * (1 - share), 3) for share in shares],
    )
