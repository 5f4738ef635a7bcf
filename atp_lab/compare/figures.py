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
    runs = {arm: found for arm in arms if (found := by_seed(rows, regime, arm))}
    lines = {arm: {each: over_seeds(found, f"right_chains_{each}") for each in CLASSES} for arm, found in runs.items()}
    lines = {arm: line for arm, line in lines.items() if any(line.values())}
    if not lines:
        raise ValueError(f"nothing to draw: no line of {', '.join(arms)} in the regime {regime}")
    classes = [each for each in CLASSES if any(line[each] for line in lines.values())]
    for k, (arm, line) in enumerate(lines.items()):
        i = list(arms).index(arm)
        aside = 0.02 * len(classes) * (k - (len(lines) - 1) / 2)  # else bars hide each other
        points = [(x, value) for x, each in enumerate(classes) if (value := line[each])]
        fig.add_scatter(
            x=[round(x + aside, 3) for x, _ in points],
            y=[round(value.mean, 2) for _, value in points],
            error_y={"array": [round(value.half, 2) for _, value in points if value.n > 2], "thickness": 1.2},
            name=plain(arms[arm]),
            mode="lines+markers",
            line={"color": COLOURS[i], "dash": DASHES[i], "width": 2.5},
            marker={"symbol": SYMBOLS[i], "size": 9},
        )
    counts = {len(runs[arm]) for arm in lines}
    fig.update_yaxes(range=[0, 102])
    least, most = min(counts), max(counts)
    over = f"{least} to {most}" if least < most else str(most)
    seeds = f"Means over {over} seeds" if most > 1 else "One seed"
    bars = ", bars are 95 % t-intervals" if most > 2 else ""
    passing = any(value.mean + value.half > 100 for line in lines.values() for value in line.values() if value)
    caption = f"Test problems, by how many chains are equally right. {seeds}{bars}."
    caption += " Bars are cut at 100: a t-interval of few seeds may pass it." if passing else ""
    title = f"{WORLDS.get(regime, regime)}: thoughts that are a right chain"
    fig.update_xaxes(tickvals=list(range(len(classes))), ticktext=classes)
    return finish(fig, title, caption, x="equally right chains", y="right chains (%)")
