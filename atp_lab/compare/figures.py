"""Evidence lines -> the figure of planning: right chains by how many chains are equally right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from atp_lab.compare.tables import by_seed, over_seeds
from atp_lite.views.palette import COLOURS, DASHES, SYMBOLS, finish, plain

CLASSES = ("1", "2-3", "4-9", "10+")
"""Numbers of equally right chains, as the metrics `right_chains_1` and so on have them."""
WORLDS = {"clean": "Arithmetic", "routes": "Routes"}


def right_chains_figure(rows: Sequence[dict], regime: str, arms: Mapping[str, str]) -> go.Figure:
    """A line for each arm: the share of right chains where 1, 2-3, 4-9, 10 or more are right; bars are t-intervals.

    Args:
        rows: lines of evidence.
        arms: cell -> what a reader should see in its place; those without a line are left out.

    Raises:
        ValueError: none of them has a line.
    """
    fig = go.Figure()
    counts = set()
    for i, (arm, name) in enumerate(arms.items()):
        found = by_seed(rows, regime, arm)
        points = {each: over_seeds(found, f"right_chains_{each}") for each in CLASSES}
        points = {each: value for each, value in points.items() if value is not None}
        if not points:
            continue
        counts.add(len(found))
        fig.add_scatter(
            x=list(points),
            y=[round(value.mean, 2) for value in points.values()],
            error_y={"array": [round(value.half, 2) for value in points.values() if value.n > 2], "thickness": 1.2},
            name=plain(name),
            mode="lines+markers",
            line={"color": COLOURS[i], "dash": DASHES[i], "width": 2.5},
            marker={"symbol": SYMBOLS[i], "size": 9},
        )
    if not counts:
        raise ValueError(f"nothing to draw: no line of {', '.join(arms)} in the regime {regime}")
    fig.update_yaxes(range=[0, 102])
    least, most = min(counts), max(counts)
    over = f"{least} to {most}" if least < most else str(most)
    seeds = f"Means over {over} seeds" if most > 1 else "One seed"
    bars = ", bars are 95 % t-intervals" if most > 2 else ""
    caption = f"Test problems, by how many chains are equally right. {seeds}{bars}."
    title = f"{WORLDS.get(regime, regime)}: thoughts that are a right chain"
    fig.update_xaxes(type="category")  # "1" and "2-3" are names: plotly would take the first for a number
    return finish(fig, title, caption, x="equally right chains", y="right chains (%)")
