"""An original thought and an edited one side by side, as figures and tables. A change is marked by more than colour."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from atp_lite.views.edits import ThoughtSummary
from atp_lite.views.palette import BLUE, ORANGE, finish, percent, plain
from atp_lite.views.projection import Projection
from atp_lite.views.thoughts import coherence_figure

BEFORE, AFTER = BLUE, ORANGE


def path_figure(
    before: ThoughtSummary, after: ThoughtSummary, step: int, projection: Projection, clickable: bool = False
) -> go.Figure:
    """Both paths on the first two axes; the moved latent is ringed.

    step: number of the moved latent, from 1. clickable: say that a click on a point chooses its step.
    """
    fig = go.Figure()
    look = (("original", before, BEFORE, "solid", "circle"), ("edited", after, AFTER, "dash", "square"))
    for name, side, colour, dash, symbol in look:
        texts = [entry["text"] for entry in side.table["steps"]]
        labels = [texts[i] if i < len(texts) else "" for i in range(len(side.path))]
        fig.add_scatter(
            x=[point[0] for point in side.path],
            y=[point[1] for point in side.path],
            mode="lines+markers+text",
            name=name,
            text=[str(i + 1) for i in range(len(side.path))],
            textposition="top center",
            customdata=[plain(label) or "(empty)" for label in labels],
            hovertemplate=f"{name}, step %{{text}}: <b>%{{customdata}}</b><extra></extra>",
            line={"color": colour, "dash": dash, "width": 2},
            marker={"color": colour, "symbol": symbol, "size": 11},
            cliponaxis=False,
        )
    ring = after.path[step - 1] if step <= len(after.path) else None
    fig.add_scatter(
        x=[ring[0]] if ring else [],
        y=[ring[1]] if ring else [],
        mode="markers",
        name="the moved latent",
        marker={"symbol": "circle-open", "size": 24, "color": AFTER, "line": {"width": 3}},
        hoverinfo="skip",
    )
    shares = projection.explained[:2]
    for axis, share in zip("xy", shares, strict=True):
        title = f"axis {'xy'.index(axis) + 1} ({100 * share:.0f} % of variance)"
        fig.update_layout({f"{axis}axis": {"title": {"text": title}}})
    return finish(
        fig,
        "The path of the thought",
        f"Latents on two axes, in their own units. They show {100 * sum(shares):.0f} % of the variance; the rest is "
        "out of sight." + (" Click a point to move that step." if clickable else ""),
        height=330,
    )


def graph_figure(side: ThoughtSummary, name: str) -> go.Figure:
    """The coherence graph of one side, which `name` says."""
    figure = coherence_figure(side.graph)
    return figure.update_layout(meta=figure.layout.meta | {"title": f"Which result is used where: {name}"})


def answer_figure(before: Sequence[Mapping], after: Sequence[Mapping]) -> go.Figure:
    """What the answer might have been: probabilities of its first token, before and after."""
    names = list(dict.fromkeys(entry["text"] for side in (before, after) for entry in side[:4]))
    fig = go.Figure()
    for name, side, colour, shape in (("original", before, BEFORE, ""), ("edited", after, AFTER, "/")):
        chances = {entry["text"]: percent(entry["probability"]) for entry in side}
        fig.add_bar(
            x=[plain(text) or "(end)" for text in names],
            y=[chances.get(text, 0.0) for text in names],
            name=name,
            marker={"color": colour, "pattern": {"shape": shape}},
            hovertemplate="%{x}: %{y} %<extra>" + name + "</extra>",
        )
    fig.update_xaxes(title_text="first token of the answer", type="category", autotypenumbers="strict")
    fig.update_yaxes(title_text="probability (%)", range=[0, 104])
    fig.update_layout(barmode="group")
    return finish(fig, "What the answer might be", "Bars that swap places: the edit changed the mind.", height=330)


def steps_html(difference: Mapping) -> str:
    """The decoded steps side by side; a changed line is bold and carries a mark."""
    rows = [
        (f"step {entry['number']}", entry["before"], entry["after"], entry["changed"]) for entry in difference["steps"]
    ]
    answer = difference["answer"]
    rows.append(("answer", answer["before"], answer["after"], answer["changed"]))
    body = "".join(
        f"<tr><th scope='row'>{name}</th>{_cell(old, False)}{_cell(new, changed)}"
        f"<td>{'◀ changed' if changed else ''}</td></tr>"
        for name, old, new, changed in rows
    )
    return _table(("", "original", "edited", ""), body)


def reward_html(before: Mapping, after: Mapping) -> str:
    """The reward term by term, before and after."""
    body = ""
    for old, new in zip(before["terms"], after["terms"], strict=True):
        changed = old["product"] != new["product"]
        cells = [f"{old['weight']:g} × {old['value']:.2f}", f"{new['weight']:g} × {new['value']:.2f}"]
        body += f"<tr><th scope='row'>{html.escape(old['name'])}</th>{_cell(cells[0], False)}{_cell(cells[1], changed)}"
        body += f"<td>{'◀ changed' if changed else ''}</td></tr>"
    totals = [f"{side['total']:.2f}" for side in (before, after)]
    changed = before["total"] != after["total"]
    body += f"<tr><th scope='row'>reward</th>{_cell(totals[0], False)}{_cell(totals[1], changed)}<td></td></tr>"
    return _table(("reward term", "original", "edited", ""), body)


def _cell(text: str | None, changed: bool) -> str:
    shown = "–" if text is None else html.escape(text) or "(empty)"
    return f"<td><b>{shown}</b></td>" if changed else f"<td>{shown}</td>"


def _table(head: Sequence[str], body: str) -> str:
    cells = "".join(f"<th scope='col' style='text-align:left;padding-right:1.2em'>{name}</th>" for name in head)
    style = "<style>.atp td,.atp th{padding:.15em 1.2em .15em 0;text-align:left}</style>"
    return f"{style}<table class='atp'><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
