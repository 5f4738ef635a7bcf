"""Latents as points -> a plotly figure in two or three dimensions."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import plotly.graph_objects as go

from atp_lite.domains.coherence import read_equation
from atp_lite.views.palette import COLOURS, DASHES, GREY, INK, SCALE, SYMBOLS, faint, finish, percent, plain

Colouring = Literal["step", "operator", "result", "correct", "stop"]
Kind = Literal["principal", "random", "t-SNE"]

OPERATORS = {"+": "+ (add)", "-": "− (subtract)", "*": "× (multiply)", "/": "÷ (divide)"}
OPERATORS |= {"×": OPERATORS["*"], "÷": OPERATORS["/"]}


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
        colour: what the colour says: number of the step, its operator, its result, whether the answer was right,
            or the probability of stopping.
        dims: axes to draw.
        paths: so many problems, the first ones, have their latents joined by a line; or which ones, by number.
        upto: only latents of the first so many steps; None takes all.
        ellipses: draw the posterior of the latents on the paths, one standard deviation wide (two axes only).
        kind: what the coordinates are: `principal` axes, `random` directions (a control), or a map of neighbours
            (`t-SNE`).

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
    chosen = rows[:paths] if isinstance(paths, int) else [data["rows"][i] for i in paths]
    if upto is not None:
        rows, chosen = _until(rows, upto), _until(chosen, upto)
    axes = "xyz"[:dims]
    scatter = go.Scatter3d if dims == 3 else go.Scatter
    fig = go.Figure()
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
    if ellipses and dims == 2:
        _add_ellipses(fig, chosen)
    for i, row in enumerate(chosen):  # over the points
        fig.add_trace(
            scatter(
                **{axis: [latent["x"][k] for latent in row["latents"]] for k, axis in enumerate(axes)},
                mode="lines+text",
                line={"color": INK, "width": 5 if dims == 3 else 2.5, "dash": DASHES[i % len(DASHES)]},
                text=[f"<b>{latent['number']}</b>" for latent in row["latents"]],
                textposition="top center",
                textfont={"size": 14, "color": INK},
                name=f"paths of {_count(len(chosen), 'problem')}",
                showlegend=i == 0,
                hoverinfo="skip",
            )
        )
    shares = data["explained"][:dims]
    unit = "" if dims == 3 else " in latent units"  # a title of a 3-D axis must be short
    titles = {}
    for k, axis in enumerate(axes):
        text = f"{AXIS[kind]} {k + 1}{unit} ({100 * shares[k]:.0f} % of variance)"
        titles[f"{axis}axis"] = {"title": {"text": f"{AXIS[kind]} {k + 1} (no unit)" if kind == "t-SNE" else text}}
    scene = {"aspectmode": "cube", "camera": {"eye": {"x": 1.5, "y": 1.5, "z": 0.9}, "center": {"z": -0.12}}}
    fig.update_layout(**({"scene": titles | scene} if dims == 3 else titles))
    fig.update_layout(legend={"itemsizing": "constant"})
    read = f"Each point is one latent; hover to read it. Lines join those of {_count(len(chosen), 'problem')}, "
    read += "numbered in order."
    return finish(
        fig,
        f"Latents on {TITLE[kind].format(dims=dims)}, coloured by {_NAMES[colour]}",
        f"{read} {_says(data, dims, kind)}",
        height=620 if dims == 3 else 500,
    )


def _says(data: Mapping, dims: int, kind: Kind) -> str:
    """How much of the latents a picture of this kind shows."""
    if kind == "t-SNE":
        return (
            "t-SNE puts neighbours next to each other; distances between groups, their sizes and the axes mean "
            "nothing."
        )
    shares = data["explained"][:dims]
    if kind == "random":
        return (
            f"A control: {dims} directions picked at random hold {_share(shares)} of the variance. Order that shows "
            "here too is no finding of the principal axes."
        )
    return (
        f"The {dims} axes hold {_share(shares)} of the variance of {data['n_reference']} latents; "
        f"{dims} random directions hold {_share(data['random'][:dims])}, and the same analysis of shuffled latents "
        f"finds {_share(data['shuffled'][:dims])}. What is close here may be far apart in the dimensions not drawn."
    )


# ------------------------------------------------------------------ parts of the figure

AXIS = {"principal": "axis", "random": "random direction", "t-SNE": "t-SNE"}
TITLE = {"principal": "{dims} principal axes", "random": "{dims} random directions", "t-SNE": "a map of neighbours"}

_NAMES = {
    "step": "step",
    "operator": "operator",
    "result": "result",
    "correct": "whether the answer is right",
    "stop": "stop probability",
}


def _operator(text: str) -> str:
    """The one operator of a step, `several`, or `no equation`."""
    equation = read_equation(text)
    if equation is None:
        return "no equation"
    found = set(re.findall(r"(?<=[\d.%)])\s*([-+*/×÷])", equation.lhs))
    return OPERATORS[found.pop()] if len(found) == 1 else "several"


_GROUPS = {
    "step": lambda row, latent: f"step {latent['step']}",
    "operator": lambda row, latent: _operator(latent["text"]),
    "correct": lambda row, latent: {True: "right answer", False: "wrong answer"}.get(row["correct"], "unknown"),
}
_VALUES = {
    "stop": ("stop (%)", lambda latent: percent(latent["stop"])),
    "result": ("result", lambda latent: _result(latent["text"])),
}


_RANKS = {label: i for i, label in enumerate(dict.fromkeys(OPERATORS.values()))}
_RANKS |= {"several": 4, "no equation": 6, "right answer": 0, "wrong answer": 5, "unknown": 6}


def _rank(label: str) -> int:
    """Place of a category in the legend and its colour, whichever others are there: `step 3` -> 2."""
    return _RANKS[label] if label in _RANKS else int(label.removeprefix("step ")) - 1


def _coloured(points: list, colour: str, small: bool):
    """(label, marker, points) of each trace: one for each category, or one with a scale."""
    size = {"size": 3 if small else 7, "opacity": 0.6}
    if colour in _GROUPS:
        groups: dict[str, list] = {}
        for row, latent in points:
            groups.setdefault(_GROUPS[colour](row, latent), []).append((row, latent))
        allowed = ("circle", "square", "diamond", "cross", "x") if small else SYMBOLS
        for i, label in enumerate(sorted(groups, key=_rank)):
            look = {"color": COLOURS[_rank(label) % len(COLOURS)], "symbol": allowed[i % len(allowed)]}
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


def _until(rows: Sequence[Mapping], upto: int) -> list[Mapping]:
    """The rows with the latents of their first steps only."""
    return [row | {"latents": [latent for latent in row["latents"] if latent["step"] <= upto]} for row in rows]


def _add_ellipses(fig: go.Figure, rows: Sequence[Mapping]) -> None:
    """Where one standard deviation of each posterior lies: mu + L (cos a, sin a), L L' its covariance on the axes."""
    xs, ys = [], []
    for latent in (latent for row in rows for latent in row["latents"] if latent["covariance"] is not None):
        xx, xy, yy = latent["covariance"]
        a = math.sqrt(xx)
        b = xy / a if a else 0.0
        c = math.sqrt(max(0.0, yy - b * b))
        turns = [2 * math.pi * k / 32 for k in range(33)]
        xs += [round(latent["x"][0] + a * math.cos(turn), 3) for turn in turns] + [None]
        ys += [round(latent["x"][1] + b * math.cos(turn) + c * math.sin(turn), 3) for turn in turns] + [None]
    line = {"color": faint(GREY, 0.8), "width": 1}
    fig.add_scatter(x=xs, y=ys, mode="lines", line=line, name="1 sigma of the posterior", hoverinfo="skip")


def _result(text: str) -> float | None:
    equation = read_equation(text)
    return None if equation is None else round(float(equation.rhs), 4)


def _about(row: Mapping, latent: Mapping) -> str:
    """What a point says when the mouse is over it."""
    verdict = {True: "right", False: f"wrong, it is {row['reference']}"}.get(row["correct"], "not checked")
    return (
        f"{plain(row['question'])}<br>latent {latent['number']}, step {latent['step']}: "
        f"<b>{plain(latent['text'])}</b>{_sure(latent)}<br>stop {percent(latent['stop'])} %, sigma {latent['sigma']}"
        f"<br>answer {plain(row['answer'])} ({plain(verdict)})"
    )


def _sure(latent: Mapping) -> str:
    chance = latent.get("probability")
    return "" if chance is None else f" (read with {percent(chance)} %)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _share(shares: list[float]) -> str:
    return f"{100 * sum(shares):.0f} %"
