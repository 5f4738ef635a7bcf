"""Latents as points -> a plotly figure in two or three dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import plotly.graph_objects as go

from atp_lite.domains.domain import OPERATORS
from atp_lite.views.palette import COLOURS, DASHES, GREY, INK, SCALE, SYMBOLS, faint, finish, percent, plain
from atp_lite.views.tables import counted, right_or_wrong

Colouring = Literal["step", "operator", "result", "correct", "stop"]
Kind = Literal["principal", "random", "t-SNE"]

AXIS = {"principal": "axis", "random": "random direction", "t-SNE": "t-SNE"}
TITLE = {"principal": "{dims} principal axes", "random": "{dims} random directions", "t-SNE": "a map of neighbours"}

CATEGORIES = {
    # colouring: its name in the title, category of a point
    "step": ("step", lambda row, latent: f"step {latent['step']}"),
    "operator": ("operator", lambda row, latent: latent["kind"]),
    "correct": (
        "whether the answer is right",
        lambda row, latent: {True: "right answer", False: "wrong answer"}.get(row["correct"], "unknown"),
    ),
}
VALUES = {
    # colouring: its name in the title, title of the scale, value of a point
    "stop": ("stop probability", "stop (%)", lambda latent: percent(latent["stop"])),
    "result": ("result", "result", lambda latent: latent["result"]),
}


def trajectory_figure(
    data: Mapping,
    colour: Colouring = "step",
    dims: Literal[2, 3] = 2,
    paths: int | Sequence[int] = 3,
    upto: int | None = None,
    ellipses: bool = False,
    kind: Kind = "principal",
) -> go.Figure:
    """The latents of many problems as points on the first principal axes, and the paths of some.

    Args:
        data: what `trajectories` returns.
        colour: number of the step, its operator (or kind), its result, whether the answer was right, or the
            probability of stopping.
        dims: axes to draw.
        paths: join the latents of the first so many problems by a line, or of these, by index.
        upto: only latents of the first so many steps; None takes all.
        ellipses: draw one standard deviation of the latents' distributions on the paths (two axes only).
        kind: of the coordinates: `principal` axes, `random` directions (a control), or `t-SNE`.

    Raises:
        ValueError: no row has a latent, there are not so many axes, or `colour` is none of the above.
    """
    if colour not in CATEGORIES and colour not in VALUES:
        raise ValueError(f"colour {colour!r}: choose step, operator, result, correct or stop")
    if len(data["explained"]) < dims:
        raise ValueError(f"the projection has {len(data['explained'])} axes: fit one with dims={dims}")
    rows = [row for row in data["rows"] if row["latents"]]
    if not rows:
        raise ValueError("no row has a latent (a model that reasons in words has none): nothing to draw")
    chosen = rows[:paths] if isinstance(paths, int) else [data["rows"][i] for i in paths]
    if upto is not None:
        rows, chosen = _until(rows, upto), _until(chosen, upto)
    axes, scatter = "xyz"[:dims], go.Scatter3d if dims == 3 else go.Scatter
    fig = go.Figure()
    points = [(row, latent) for row in rows for latent in row["latents"]]
    for label, marker, group in _coloured(points, colour, small=dims == 3):
        place = {axis: [latent["x"][k] for _, latent in group] for k, axis in enumerate(axes)}
        texts = [_hover(row, latent) for row, latent in group]
        look = {"mode": "markers", "marker": marker, "name": label, "hovertemplate": "%{text}<extra></extra>"}
        fig.add_trace(scatter(**place, **look, text=texts))
    if ellipses and dims == 2:
        _add_ellipses(fig, chosen)
    for i, row in enumerate(chosen):  # over the points
        place = {axis: [latent["x"][k] for latent in row["latents"]] for k, axis in enumerate(axes)}
        line = {"color": INK, "width": 5 if dims == 3 else 2.5, "dash": DASHES[i % len(DASHES)]}
        look = {"mode": "lines+text", "textposition": "top center", "textfont": {"size": 14, "color": INK}}
        look |= {"name": f"paths of {counted(len(chosen), 'problem')}", "showlegend": i == 0, "hoverinfo": "skip"}
        fig.add_trace(
            scatter(**place, **look, line=line, text=[f"<b>{latent['number']}</b>" for latent in row["latents"]])
        )
    unit, titles = "" if dims == 3 else " in latent units", {}  # titles of 3-D axes must be short
    for k, axis in enumerate(axes):
        share = f"{unit} ({100 * data['explained'][k]:.0f} % of variance)"
        text = f"{AXIS[kind]} {k + 1}{' (no unit)' if kind == 't-SNE' else share}"
        titles[f"{axis}axis"] = {"title": {"text": text}}
    scene = {"aspectmode": "cube", "camera": {"eye": {"x": 1.5, "y": 1.5, "z": 0.9}, "center": {"z": -0.12}}}
    fig.update_layout(**({"scene": titles | scene} if dims == 3 else titles))
    fig.update_layout(legend={"itemsizing": "constant"})
    return finish(
        fig,
        f"Latents on {TITLE[kind].format(dims=dims)}, coloured by {(CATEGORIES | VALUES)[colour][0]}",
        f"Each point is one latent; hover to read it. Lines join those of {counted(len(chosen), 'problem')}, "
        f"numbered in order. {_variance(data, dims, kind)}",
        height=620 if dims == 3 else 500,
    )


# ------------------------------------------------------------------ parts of the figure


def _variance(data: Mapping, dims: int, kind: Kind) -> str:
    """How much of the latents' variance a figure of this kind shows."""
    if kind == "t-SNE":
        return (
            "t-SNE puts neighbours next to each other; distances between groups, their sizes and the axes mean "
            "nothing."
        )
    shown, random, shuffled = (f"{100 * sum(data[key][:dims]):.0f} %" for key in ("explained", "random", "shuffled"))
    if kind == "random":
        return (
            f"A control: {dims} directions picked at random hold {shown} of the variance. Order that shows "
            "here too is no finding of the principal axes."
        )
    return (
        f"The {dims} axes hold {shown} of the variance of {data['n_reference']} latents; "
        f"{dims} random directions hold {random}, and the same analysis of shuffled latents finds {shuffled}. "
        "What is close here may be far apart in the dimensions not drawn."
    )


_RANKS = {label: i for i, label in enumerate(dict.fromkeys(OPERATORS.values()))}
_RANKS |= {"several": 4, "no equation": 6, "right answer": 0, "wrong answer": 5, "unknown": 6}


def _rank(label: str) -> int:
    """Place of a category in the legend and its colour, whichever others are there: `step 3` -> 2; 0 if unknown."""
    number = label.removeprefix("step ")
    return int(number) - 1 if number.isdigit() else _RANKS.get(label, 0)


def _coloured(points: list, colour: str, small: bool) -> Iterator[tuple[str, dict[str, Any], list]]:
    """(label, marker, points) of each trace: one for each category, or one with a continuous scale."""
    size = {"size": 3 if small else 7, "opacity": 0.6}
    if colour in CATEGORIES:
        groups: dict[str, list] = {}
        for row, latent in points:
            groups.setdefault(CATEGORIES[colour][1](row, latent), []).append((row, latent))
        allowed = ("circle", "square", "diamond", "cross", "x") if small else SYMBOLS
        for i, label in enumerate(sorted(groups, key=_rank)):
            look = {"color": COLOURS[_rank(label) % len(COLOURS)], "symbol": allowed[i % len(allowed)]}
            yield label, size | look, groups[label]
        return
    _, title, value = VALUES[colour]
    known = [point for point in points if value(point[1]) is not None]
    unknown = [point for point in points if value(point[1]) is None]
    if known:
        bar = {"title": {"text": title}, "thickness": 14, "outlinewidth": 0}
        look = {"color": [value(latent) for _, latent in known], "colorscale": SCALE, "colorbar": bar}
        yield "latent", size | look | {"line": {"width": 0.5, "color": faint(GREY, 0.8)}}, known
    if unknown:
        yield "no number", size | {"color": GREY, "symbol": "x"}, unknown


def _until(rows: Sequence[Mapping], upto: int) -> list[Mapping]:
    """The rows with the latents of their first steps only."""
    return [row | {"latents": [latent for latent in row["latents"] if latent["step"] <= upto]} for row in rows]


def _add_ellipses(fig: go.Figure, rows: Sequence[Mapping]) -> None:
    """One standard deviation of each latent: mu + L (cos a, sin a), L L' its covariance on the axes."""
    xs, ys = [], []
    for latent in (latent for row in rows for latent in row["latents"] if latent["covariance"] is not None):
        xx, xy, yy = latent["covariance"]
        a = math.sqrt(xx)
        b = xy / a if a else 0.0
        c = math.sqrt(max(0.0, yy - b * b))
        angles = [2 * math.pi * k / 32 for k in range(33)]
        xs += [round(latent["x"][0] + a * math.cos(angle), 3) for angle in angles] + [None]
        ys += [round(latent["x"][1] + b * math.cos(angle) + c * math.sin(angle), 3) for angle in angles] + [None]
    line = {"color": faint(GREY, 0.8), "width": 1}
    fig.add_scatter(x=xs, y=ys, mode="lines", line=line, name="1 sigma of the posterior", hoverinfo="skip")


def _hover(row: Mapping, latent: Mapping) -> str:
    chance = latent.get("probability")
    read = "" if chance is None else f" (read with {percent(chance)} %)"
    return (
        f"{plain(row['question'])}<br>latent {latent['number']}, step {latent['step']}: "
        f"<b>{plain(latent['text'])}</b>{read}<br>stop {percent(latent['stop'])} %, sigma {latent['sigma']}"
        f"<br>answer {plain(row['answer'])} ({plain(right_or_wrong(row['correct'], row['reference']))})"
    )
