"""An original run and an edited one side by side, as figures and tables. Changes are marked by more than colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go

from atp_lite.views.edits import ThoughtSummary
from atp_lite.views.palette import BLUE, ORANGE, finish, percent, plain, principal_axes, span
from atp_lite.views.projection import Projection
from atp_lite.views.tables import Bold, html_table
from atp_lite.views.thoughts import coherence_figure

BEFORE, AFTER = BLUE, ORANGE


def path_figure(
    before: ThoughtSummary,
    after: ThoughtSummary,
    step: int,
    projection: Projection,
    clickable: bool = False,
    around: Sequence[Sequence[float]] = (),
) -> go.Figure:
    """Both paths on the first two axes; the edited latent is ringed.

    step: number of the edited latent, from 1. clickable: say that a click on a point selects its step. around: points
    that the axes hold too, so that they stay as they are while a latent moves.
    """
    fig = go.Figure()
    look = (("original", before, BEFORE, "solid", "circle"), ("edited", after, AFTER, "dash", "square"))
    for name, side, colour, dash, symbol in look:
        texts = [entry["text"] for entry in side.table["steps"]][: len(side.path)]
        texts += [""] * (len(side.path) - len(texts))
        fig.add_scatter(
            x=[point[0] for point in side.path],
            y=[point[1] for point in side.path],
            mode="lines+markers+text",
            name=name,
            text=[str(i + 1) for i in range(len(side.path))],
            textposition="top center",
            customdata=[plain(text) or "(empty)" for text in texts],
            hovertemplate=f"{name}, step %{{text}}: <b>%{{customdata}}</b><extra></extra>",
            line={"color": colour, "dash": dash, "width": 2},
            marker={"color": colour, "symbol": symbol, "size": 11},
            cliponaxis=False,
        )
    ring = after.path[step - 1 : step]
    marker = {"symbol": "circle-open", "size": 24, "color": AFTER, "line": {"width": 3}}
    x, y = ([point[k] for point in ring] for k in (0, 1))
    fig.add_scatter(x=x, y=y, mode="markers", name="the edited latent", marker=marker, hoverinfo="skip")
    principal_axes(fig, projection.explained)
    if len(around):
        for k, axis in enumerate("xy"):
            held = (point[k] for points in (around, before.path, after.path) for point in points)
            fig.update_layout({f"{axis}axis": {"range": span(held)}})
    return finish(
        fig,
        "The path of the latents",
        f"Latents on two axes, in their own units. They show {100 * sum(projection.explained[:2]):.0f} % of the "
        "variance." + (" Click a point to edit that step." if clickable else ""),
        height=330,
    )


def graph_figure(side: ThoughtSummary, name: str) -> go.Figure:
    """The coherence graph of one side; name: `original` or `edited`."""
    figure = coherence_figure(side.graph)
    return figure.update_layout(meta=figure.layout.meta | {"title": f"Which result is used where: {name}"})


def answer_figure(before: Sequence[Mapping], after: Sequence[Mapping]) -> go.Figure:
    """Probabilities of the answer's first token, before and after."""
    names = list(dict.fromkeys(entry["text"] for side in (before, after) for entry in side[:4]))
    fig = go.Figure()
    for name, side, colour, shape in (("original", before, BEFORE, ""), ("edited", after, AFTER, "/")):
        probabilities = {entry["text"]: percent(entry["probability"]) for entry in side}
        fig.add_bar(
            x=[plain(text) or "(end)" for text in names],
            y=[probabilities.get(text, 0.0) for text in names],
            name=name,
            marker={"color": colour, "pattern": {"shape": shape}},
            hovertemplate="%{x}: %{y} %<extra>" + name + "</extra>",
        )
    fig.update_xaxes(title_text="first token of the answer", type="category", autotypenumbers="strict")
    fig.update_yaxes(title_text="probability (%)", range=[0, 104])
    fig.update_layout(barmode="group")
    caption = "Where the highest bar changes, the edit changes the greedy answer."
    return finish(fig, "Probabilities of the answer", caption, height=330)


def steps_html(difference: Mapping) -> str:
    """The decoded steps side by side; a changed row is bold and marked. difference: from `compare_thoughts`."""
    rows = [(f"step {entry['number']}", entry["before"], entry["after"]) for entry in difference["steps"]]
    answer = difference["answer"]
    return _comparison("", [*rows, ("answer", answer["before"], answer["after"])])


def reward_html(before: Mapping, after: Mapping) -> str:
    """The reward term by term, before and after. before, after: from `reward_terms`."""
    rows = [
        (old["name"], *(f"{term['weight']:g} × {term['value']:.2f}" for term in (old, new)))
        for old, new in zip(before["terms"], after["terms"], strict=True)
    ]
    return _comparison("reward term", [*rows, ("reward", *(f"{side['total']:.2f}" for side in (before, after)))])


def _comparison(title: str, rows: Iterable[tuple[str, str | None, str | None]]) -> str:
    shown = []
    for name, old, new in rows:
        before, after = ("–" if text is None else text or "(empty)" for text in (old, new))
        shown.append([name, before, *([after, ""] if old == new else [Bold(after), "◀ changed"])])
    return html_table((title, "original", "edited", ""), shown)
