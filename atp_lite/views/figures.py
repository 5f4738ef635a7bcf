"""Numbers of training and evaluation -> plotly figures.

A figure holds plain rounded lists, has axis titles with units, and says in its caption what is to be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lite.evaluation.evaluate import LABELS
from atp_lite.views.measure import curves, running_mean, stages
from atp_lite.views.palette import (
    BLUE,
    COLOURS,
    DASHES,
    GREEN,
    GREY,
    GRID,
    ORANGE,
    PURPLE,
    SYMBOLS,
    VERMILLION,
    faint,
    finish,
    plain,
)

LOSSES = {
    "loss_enc": ("language", BLUE, "solid"),
    "loss_dec": ("decoder", ORANGE, "dash"),
    "loss_stop": ("stop", GREEN, "dot"),
}
"""The losses in nats per token or per decision; the fourth, KL, is in nats per latent, on its own panel."""


def loss_figure(*runs: Iterable[Mapping]) -> go.Figure:
    """The four SFT losses and the validation accuracy by optimizer step, curriculum stages marked.

    Args:
        runs: the lines of each `metrics.jsonl`, in the order of training; later ones go on where the last ended.

    Raises:
        ValueError: there is no loss in any line.
    """
    lines = _joined(runs)
    series = curves(lines, [*LOSSES, "loss_kl", "validation_accuracy"])
    if "loss_enc" not in series:
        raise ValueError("no line holds loss_enc: give the lines of an SFT run's metrics.jsonl")
    has_kl = any(series.get("loss_kl", {"value": []})["value"])
    rows = ["loss", "kl", "accuracy"] if has_kl else ["loss", "accuracy"]
    heights = [0.42, 0.2, 0.38] if has_kl else [0.55, 0.45]
    fig = make_subplots(len(rows), 1, shared_xaxes=True, vertical_spacing=0.07, row_heights=heights)

    for name, (label, colour, dash) in LOSSES.items():
        values = series.get(name, {"value": []})["value"]
        if any(values):
            steps, shown = series[name]["step"], [value or None for value in values]  # 0: not trained yet
            line = {"color": colour, "dash": dash, "width": 2}
            fig.add_scatter(x=steps, y=shown, name=label, mode="lines", line=line, row=1, col=1)
    fig.update_yaxes(title_text="loss (nats)", type="log", dtick=1, tickformat=".6~f", row=1, col=1)
    if has_kl:
        values = [value or None for value in series["loss_kl"]["value"]]
        line = {"color": PURPLE, "dash": "dashdot", "width": 2}
        fig.add_scatter(x=series["loss_kl"]["step"], y=values, name="KL", mode="lines", line=line, row=2, col=1)
        fig.update_yaxes(title_text="KL (nats<br>per latent)", rangemode="tozero", row=2, col=1)
    accuracy = series.get("validation_accuracy", {"step": [], "value": []})
    fig.add_scatter(
        x=accuracy["step"],
        y=_percent(accuracy["value"]),
        name="validation accuracy",
        mode="lines+markers",
        line={"color": VERMILLION},
        row=len(rows),
        col=1,
    )
    fig.update_yaxes(title_text="accuracy<br>(%)", range=[0, 103], row=len(rows), col=1)
    fig.update_xaxes(title_text="optimizer step", row=len(rows), col=1)

    fig.update_layout(legend={"y": 1.06})  # above the numbers of the stages
    spans = stages(lines)
    for i, span in enumerate(spans):
        _mark_stage(fig, span, shaded=i % 2 == 1, wide=span["last"] - span["first"] > 0.16 * lines[-1]["step"])
    return finish(
        fig,
        "Supervised training",
        "Bands are curriculum stages: in stage 0 every step is written in words, in stage k the first k steps "
        "are latents. Losses are of single batches, per token (language, decoder) or per decision (stop), on a "
        "logarithmic axis; lower is better. Accuracy is on validation problems, answered greedily.",
        height=620 if has_kl else 480,
    )


def rl_figure(metrics: Iterable[Mapping], window: int = 9) -> go.Figure:
    """A reinforcement-learning run: reward, accuracy, coherence, diversity, used groups, clip fraction.

    Where nothing was ever clipped (one update per rollout), the last panel shows the KL to the start instead.

    Args:
        metrics: the lines of its `metrics.jsonl`.
        window: iterations of the running mean drawn over the single values.

    Raises:
        ValueError: there is no line.
    """
    series = curves(metrics)
    if not series:
        raise ValueError("the run has no metrics yet: give the lines of an RL run's metrics.jsonl")
    fig = make_subplots(3, 2, shared_xaxes="all", vertical_spacing=0.1, horizontal_spacing=0.14)
    panels = [
        ("mean reward", [("reward", "sampled", BLUE, 1)]),
        ("accuracy (%)", [("sampled_accuracy", "sampled", BLUE, 100), _VALIDATED | {"name": "accuracy"}]),
        ("distinct chains<br>per group (%)", [("diversity", "sampled", BLUE, 100)]),
        ("coherence (%)", [_VALIDATED | {"name": "coherence"}]),
        ("groups that<br>teach (%)", [("used_groups", "sampled", BLUE, 100)]),
        ("clipped<br>actions (%)", [("clip_fraction", "sampled", BLUE, 100)]),
    ]
    if "kl" in series and not any(series.get("clip_fraction", {"value": []})["value"]):
        panels[-1] = ("KL to the start<br>(nats)", [("kl", "sampled", BLUE, 1)])
    shown: set[str] = set()
    for i, (title, parts) in enumerate(panels):
        row, col = i // 2 + 1, i % 2 + 1
        for part in parts:
            if isinstance(part, dict):
                _add_validation(fig, series.get(f"validation_{part['name']}"), row, col, shown)
            else:
                _add_smooth(fig, series.get(part[0]), part, window, row, col, shown)
        fig.update_yaxes(title_text=title, row=row, col=col)
        if title.endswith("(%)") and "clip" not in title:
            fig.update_yaxes(range=[0, 103], row=row, col=col)
        else:
            fig.update_yaxes(rangemode="tozero", row=row, col=col)
    for col in (1, 2):
        fig.update_xaxes(title_text="iteration", row=3, col=col)
    return finish(
        fig,
        "Reinforcement learning in the latent space",
        "Sampled: trajectories drawn with noise in the latents, from which the model learns; thin lines are "
        f"single iterations, thick ones the mean of {window}. Validation: other problems, answered without "
        "noise. A group (all trajectories of one question) teaches only if its rewards differ. KL to the start: "
        "how far the policy has moved, per trajectory.",
        height=640,
    )


def accuracy_figure(evaluations: Mapping[str, Mapping], metric: str = "accuracy") -> go.Figure:
    """Bars with 95 % intervals, for all problems and for each number of steps.

    Args:
        evaluations: name -> `Evaluation.to_json()`, drawn in this order.
        metric: a proportion among its metrics, such as accuracy or coherence.

    Raises:
        ValueError: no evaluation has the metric.
    """
    found = {name: result for name, result in evaluations.items() if metric in result["metrics"]}
    if not found:
        raise ValueError(f"none of the evaluations {list(evaluations)} has the metric {metric!r}")
    counts = sorted({n for result in found.values() for n in result["by_steps"]}, key=int)
    fig = go.Figure()
    for i, (name, result) in enumerate(found.items()):
        colour = COLOURS[i % len(COLOURS)]
        estimates = [result["metrics"], *(result["by_steps"].get(n, {}) for n in counts)]
        estimates = [group.get(metric) for group in estimates]
        means = _percent([e and e["mean"] for e in estimates])
        fig.add_bar(
            x=["all problems", *(f"{n} step" if n == "1" else f"{n} steps" for n in counts)],
            y=means,
            name=plain(name),
            marker={"color": faint(colour, 0.45), "line": {"color": colour, "width": 1.5}},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": _percent([e and e["high"] - e["mean"] for e in estimates]),
                "arrayminus": _percent([e and e["mean"] - e["low"] for e in estimates]),
                "color": colour,
                "thickness": 2.5,
                "width": 6,
            },
            text=[None if mean is None else f"{mean:.0f}" for mean in means],
            textposition="inside",
            insidetextanchor="start",
            textangle=0,
            textfont={"color": GREY, "size": 14},
            customdata=[e and e["n"] for e in estimates],
            hovertemplate="%{x}: %{y:.1f} % of %{customdata} problems<extra>%{fullData.name}</extra>",
        )
    label = LABELS.get(metric, metric).removesuffix(", %")
    fig.update_yaxes(title_text=f"{label} (%)", range=[0, 105])
    fig.update_xaxes(title_text="steps that the problem needs")
    return finish(
        fig,
        label[0].upper() + label[1:] + " on test problems",
        "Bars are means and whiskers their 95 % intervals over test problems. They do not say how much another "
        "training seed would change.",
        height=400,
    )


# ------------------------------------------------------------------ parts of figures

_VALIDATED = {"kind": "validation"}


def _joined(runs: Sequence[Iterable[Mapping]]) -> list[dict]:
    """Lines of several runs as those of one: the steps of each go on after the last step of the one before."""
    lines: list[dict] = []
    for run in runs:
        offset = lines[-1]["step"] if lines else 0
        lines += [dict(line, step=line["step"] + offset) for line in run if "step" in line]
    return lines


def _mark_stage(fig: go.Figure, span: Mapping[str, int], shaded: bool, wide: bool) -> None:
    """A band over all panels, and the number of the stage above the first."""
    fig.add_vrect(
        x0=span["first"],
        x1=span["last"],
        fillcolor=GREY if shaded else "rgba(0,0,0,0)",
        opacity=0.12 if shaded else 1,
        line={"color": GRID, "width": 1},
        layer="below",
    )
    number = span["stage"]
    long = "stage 0: all words" if number == 0 else f"stage {number}"
    fig.add_annotation(
        x=(span["first"] + span["last"]) / 2,
        xref="x",
        y=1,
        yref="y domain",
        yanchor="bottom",
        text=long if wide else str(number),
        showarrow=False,
        font={"size": 12},
    )


def _add_smooth(fig, series, part, window, row, col, shown) -> None:
    """Single values as a thin line, their running mean as a thick one."""
    if series is None:
        return
    _, label, colour, scale = part
    values = series["value"] if scale == 1 else _percent(series["value"])
    thin, thick = {"color": faint(colour, 0.5), "width": 1}, {"color": colour, "width": 2.5}
    where = {"row": row, "col": col}
    if len(values) <= 2 * window:  # measured now and then: nothing to smooth
        fig.add_scatter(x=series["step"], y=values, mode="lines+markers", line=thick, showlegend=False, **where)
        return
    fig.add_scatter(x=series["step"], y=values, mode="lines", line=thin, showlegend=False, hoverinfo="skip", **where)
    fig.add_scatter(
        x=series["step"],
        y=running_mean(values, window),
        mode="lines",
        line=thick,
        name=label,
        legendgroup=label,
        showlegend=label not in shown,
        **where,
    )
    shown.add(label)


def _add_validation(fig, series, row, col, shown) -> None:
    if series is None:
        return
    fig.add_scatter(
        x=series["step"],
        y=_percent(series["value"]),
        mode="lines+markers",
        line={"color": VERMILLION, "dash": DASHES[1]},
        marker={"symbol": SYMBOLS[1], "size": 8},
        name="validation",
        legendgroup="validation",
        showlegend="validation" not in shown,
        row=row,
        col=col,
    )
    shown.add("validation")


def _percent(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else round(100 * value, 2) for value in values]
