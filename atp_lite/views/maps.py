"""Routes -> maps: the decoded hops on the map, wrong ones marked, several chains side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lite.domains import DOMAINS, Problem
from atp_lite.domains.routes import Route, route_of
from atp_lite.domains.routes.maps import LETTERS, cells
from atp_lite.views.palette import BLUE, GREEN, GREY, INK, VERMILLION, cell, faint, finish, plain

COLUMNS = 4
"""Maps in a row, at most."""
SIDE = 190
"""Height of a map, in pixels."""


@dataclass(frozen=True)
class MapChain:
    """A decoded chain as its map shows it."""

    name: str
    hops: tuple[str, ...]
    reward: float | None = None
    """What it was paid, where that is known; it stands beside the name."""


def map_figure(
    problem: Problem,
    chains: Mapping[str, Sequence[str]] | Sequence[MapChain],
    title: str = "Decoded thoughts on the map",
) -> go.Figure:
    """One map for each chain about a question of the domain `routes`.

    A legal hop that begins where the last one ended is a solid blue arrow, any other hop that can be read a dotted red
    one. Blocked cells are filled, the start is a circle and the goal a star.

    Args:
        chains: name -> decoded steps, such as those of two planners; or the tries of a group with their rewards.

    Raises:
        ValueError: the question is about no route, or there is no chain.
    """
    route = route_of(problem.question)
    if isinstance(chains, Mapping):
        chains = [MapChain(name, tuple(steps)) for name, steps in chains.items()]
    if not chains:
        raise ValueError("no chain to draw: give the decoded steps of one planner or more")
    columns = min(COLUMNS, len(chains))
    rows = -(-len(chains) // columns)
    titles = [_heading(problem, chain) for chain in chains]
    fig = make_subplots(rows, columns, subplot_titles=titles, horizontal_spacing=0.03, vertical_spacing=0.16 / rows)
    for i, chain in enumerate(chains):
        place = cell(i, columns)
        _draw_map(fig, route, place)
        _draw_hops(fig, route, chain.hops, place)
    fig.update_annotations(font={"size": 12})
    letters = {"tickvals": list(range(route.size)), "ticktext": list(LETTERS[: route.size]), "tickfont": {"size": 10}}
    bare = {"showgrid": False, "zeroline": False, "showline": False, "ticks": "", "constrain": "domain"}
    fig.update_xaxes(range=[-0.5, route.size - 0.5], **letters, **bare)
    fig.update_yaxes(range=[route.size - 0.5, -0.5], scaleanchor="x", **letters, **bare)
    for i in range(1, len(chains)):
        fig.update_yaxes(scaleanchor=f"x{i + 1}", **cell(i, columns))
    fig.update_layout(showlegend=False)
    n = route.counts[route.start]
    routes = f"{n} shortest route{'s' * (n != 1)} of {route.distance} hops"
    caption = (
        f"From {route.start} (circle) to {route.goal} (star): {routes}. Filled cells are blocked; cell ab is in row "
        "a, column b. Blue: a legal hop that goes on from the last one. Red, dotted: a hop that is not."
    )
    return finish(fig, title, caption, height=126 + rows * SIDE, bottom=28)


def group_figure(problem: Problem, tries: Sequence[Sequence[str]], rewards: Sequence[float]) -> go.Figure:
    """The tries of one group, each on its map with its reward, as policy optimisation compares them."""
    pairs = enumerate(zip(tries, rewards, strict=True), start=1)
    chains = [MapChain(f"try {i}", tuple(steps), reward) for i, (steps, reward) in pairs]
    return map_figure(problem, chains, title="One question, several tries")


def _heading(problem: Problem, chain: MapChain) -> str:
    verdict = DOMAINS["routes"].verify(problem, chain.hops)
    said = "shortest" if verdict.is_right else "arrives" if verdict.arrives else "does not arrive"
    paid = "" if chain.reward is None else f"<br>reward {chain.reward:.2g}"
    return f"{plain(chain.name)}: {said}{paid}"


def _at(route: Route, name: str) -> tuple[int, int]:
    """Column and row of a cell."""
    row, column = divmod(cells(route.size).index(name), route.size)
    return column, row


def _draw_map(fig: go.Figure, route: Route, place: dict[str, int]) -> None:
    for name in cells(route.size):
        x, y = _at(route, name)
        fill = faint(GREY, 0.65) if name in route.blocked else faint(GREY, 0.1)
        edge = {"width": 1, "color": faint(GREY, 0.4)}
        box = {"x0": x - 0.46, "x1": x + 0.46, "y0": y - 0.46, "y1": y + 0.46}
        fig.add_shape(type="rect", fillcolor=fill, line=edge, layer="below", **box, **place)
    ends = [_at(route, route.start), _at(route, route.goal)]
    fig.add_scatter(
        x=[x for x, _ in ends],
        y=[y for _, y in ends],
        mode="markers",
        marker={"symbol": ["circle-open", "star"], "size": [18, 16], "color": [INK, GREEN], "line": {"width": 3}},
        text=[f"start {route.start}", f"goal {route.goal}"],
        hovertemplate="%{text}<extra></extra>",
        **place,
    )


def _draw_hops(fig: go.Figure, route: Route, hops: Sequence[str], place: dict[str, int]) -> None:
    at: str | None = route.start
    axis = "" if (i := (place["row"] - 1) * COLUMNS + place["col"]) == 1 else str(i)
    for number, text in enumerate(hops, start=1):
        hop = route.hop(text)
        if hop is None or not {hop.start, hop.end} <= set(cells(route.size)):
            at = None
            continue
        good = hop.legal and hop.start == at
        at = hop.end
        (x0, y0), (x1, y1) = _at(route, hop.start), _at(route, hop.end)
        colour = BLUE if good else VERMILLION
        fig.add_scatter(
            x=[x0, x1],
            y=[y0, y1],
            mode="lines",
            line={"color": colour, "width": 3, "dash": "solid" if good else "dot"},
            text=[f"hop {number}: {text}"] * 2,
            hovertemplate="%{text}<extra></extra>",
            **place,
        )
        fig.add_annotation(
            x=x1, y=y1, ax=x0, ay=y0, xref=f"x{axis}", yref=f"y{axis}", axref=f"x{axis}", ayref=f"y{axis}",
            text="", showarrow=True, arrowhead=2, arrowsize=1.1, arrowwidth=2.5, arrowcolor=colour, opacity=0.9,
        )  # fmt: skip
