"""Pictures of the evidence: pass@k, accuracy under noise, right chains by how many are equally right.

Means over training seeds, bars are 95 % t-intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lab.compare.figures import right_chains_figure
from atp_lab.compare.tables import by_seed, over_seeds
from atp_lite.views.palette import COLOURS, DASHES, SYMBOLS, TEMPLATE
from tools.pictures import figure_picture

PASS_AT = (1, 2, 4, 8, 16)
SAMPLED = {
    "cot": "CoT-SFT",
    "coconut": "Coconut",
    "sim-cot": "SIM-CoT",
    "atp-sft": "ATP-Latent, first stage",
    "grpo": "ATP-Latent, with RL",
}
MOVED = {
    "short-coconut": "Coconut",
    "short-sim-cot": "SIM-CoT",
    "short-atp-point": "ATP-Latent, points",
    "short-atp-sft": "ATP-Latent, first stage",
}
PLANNED = {
    "cot": "in words",
    "atp-sft": "imitation",
    "plan": "planning",
    "plan-nearest": "with nearest chain",
    "plan-nearest-step": "... step posterior",
    "atp-step": "step posterior, mixture",
}
TITLES = {"noisy": "a third of the labels wrong", "clean": "right labels"}


def pass_at_k(rows: Sequence[dict]) -> go.Figure:
    """pass@k of the main rows, one panel a regime."""
    figure = make_subplots(rows=1, cols=2, subplot_titles=list(TITLES.values()), horizontal_spacing=0.08)
    for column, regime in enumerate(TITLES, start=1):
        for i, (arm, name) in enumerate(SAMPLED.items()):
            points = {k: over_seeds(by_seed(rows, regime, arm), f"pass@{k}") for k in PASS_AT}
            points = {k: found for k, found in points.items() if found is not None}
            figure.add_trace(line(name, i, list(points), list(points.values()), column == 1), row=1, col=column)
        figure.update_xaxes(type="log", tickvals=PASS_AT, title="k, answers tried", row=1, col=column)
    figure.update_yaxes(title="pass@k, %", row=1, col=1)
    return figure.update_layout(template=TEMPLATE, width=1000, height=430, margin={"t": 90}, legend_y=1.12)


def under_noise(rows: Sequence[dict]) -> go.Figure:
    """Accuracy when every latent is moved by Gaussian noise, by its size."""
    figure = go.Figure()
    for i, (arm, name) in enumerate(MOVED.items()):
        found = by_seed(rows, "clean", arm)
        points = {0.0: over_seeds(found, "accuracy")}
        points |= {share: over_seeds(found, f"noise {share}") for share in (0.25, 0.5, 0.75, 1.0)}
        points = {share: value for share, value in points.items() if value is not None}
        figure.add_trace(line(name, i, list(points), list(points.values()), True))
    figure.update_xaxes(title="noise, in root mean squares of the latents").update_yaxes(title="accuracy, %")
    return figure.update_layout(template=TEMPLATE, width=760, height=430)


def line(name: str, i: int, x: Sequence[float], found: Sequence, legend: bool) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=[one.mean for one in found],
        error_y={"array": [one.half for one in found], "thickness": 1},
        name=name,
        mode="lines+markers",
        line={"color": COLOURS[i], "dash": DASHES[i]},
        marker={"symbol": SYMBOLS[i], "size": 8},
        showlegend=legend,
        legendgroup=name,
    )


def draw(rows: Sequence[dict], planning: Sequence[dict], folder: Path = Path("docs/img")) -> None:
    """All pictures as PNG (needs chromium).

    Args:
        rows: the lines of evidence.
        planning: those of the grid of planning.
    """
    chains = {f"right-chains-{name}": right_chains_figure(planning, name, PLANNED) for name in ("clean", "routes")}
    for name, figure in {"pass-at-k": pass_at_k(rows), "noise": under_noise(rows), **chains}.items():
        if not any(len(trace.x) for trace in figure.data):
            raise ValueError(f"{name}.png would be empty: its cells have no lines yet")
        figure.update_layout(paper_bgcolor="white", plot_bgcolor="white", width=figure.layout.width or 760)
        figure_picture(figure, folder / f"{name}.png", figure.layout.width + 20, figure.layout.height + 20)
