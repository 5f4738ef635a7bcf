"""Numbers of training and evaluation -> plotly figures.

A figure holds plain rounded lists, has axis titles with units, and says in its caption what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lite.evaluation.metrics import LABELS
from atp_lite.sft import Curriculum
from atp_lite.views import palette
from atp_lite.views.measure import curves, running_mean, stages
from atp_lite.views.palette import BLUE, COLOURS, GREEN, GREY, GRID, ORANGE, PURPLE, VERMILLION, cell, faint, percent

LOSSES = {
    "loss_enc": ("language", BLUE, "solid"),
    "loss_dec": ("decoder", ORANGE, "dash"),
    "loss_stop": ("stop", GREEN, "dot"),
    "loss_kl": ("KL", PURPLE, "dashdot"),
}
"""In nats per token or per decision; KL in nats per latent, on its own panel."""


def loss_figure(*runs: Iterable[Mapping], curricula: Iterable[Curriculum] = ()) -> go.Figure:
    """The four SFT losses and the validation accuracy by optimizer step, curriculum stages marked.

    Args:
        runs: the lines of each `metrics.jsonl`, in the order of training; steps of later runs are counted on.
        curricula: that of each run, `settings.curriculum`, whose stages are marked.

    Raises:
        ValueError: there is no loss in any line.
    """
    lines = _concatenated(runs)
    series = curves(lines, [*LOSSES, "validation_accuracy"])
    if "loss_enc" not in series:
        raise ValueError("no line holds loss_enc: give the lines of an SFT run's metrics.jsonl")
    has_kl = any(series.get("loss_kl", {"value": []})["value"])
    rows, heights = (3, [0.42, 0.2, 0.38]) if has_kl else (2, [0.55, 0.45])
    fig = make_subplots(rows, 1, shared_xaxes=True, vertical_spacing=0.07, row_heights=heights)

    for name, (label, colour, dash) in LOSSES.items():
        values = series.get(name, {"value": []})["value"]
        if any(values):
            shown = [value or None for value in values]  # 0: not trained yet
            line, row = {"color": colour, "dash": dash, "width": 2}, 2 if name == "loss_kl" else 1
            fig.add_scatter(x=series[name]["step"], y=shown, name=label, mode="lines", line=line, row=row, col=1)
    fig.update_yaxes(title_text="loss (nats)", type="log", dtick=1, tickformat=".6~f", row=1, col=1)
    if has_kl:
        fig.update_yaxes(title_text="KL (nats<br>per latent)", rangemode="tozero", row=2, col=1)
    accuracy, last = series.get("validation_accuracy", {"step": [], "value": []}), {"row": rows, "col": 1}
    look = {"name": "validation accuracy", "mode": "lines+markers", "line": {"color": VERMILLION}}
    fig.add_scatter(x=accuracy["step"], y=[percent(value) for value in accuracy["value"]], **look, **last)
    fig.update_yaxes(title_text="accuracy<br>(%)", range=[0, 103], **last)
    fig.update_xaxes(title_text="optimizer step", **last)

    fig.update_layout(legend={"y": 1.06})  # above the stage numbers
    spans = stages(curricula)
    for i, span in enumerate(spans):
        _mark_stage(fig, span, shaded=i % 2 == 1, wide=span["last"] - span["first"] > 0.16 * lines[-1]["step"])
    bands = "Bands are curriculum stages: in stage 0 all steps are in words, in stage k the first k are latents. "
    return palette.finish(
        fig,
        "Supervised training",
        f"{bands if spans else ''}Losses are of single batches, per token (language, decoder) or per decision (stop), "
        "on a logarithmic axis; lower is better. Accuracy is on validation problems, answered greedily.",
        height=620 if has_kl else 480,
    )


def rl_figure(metrics: Iterable[Mapping], window: int = 9) -> go.Figure:
    """A reinforcement-learning run: reward, accuracy, coherence, diversity, used groups, clip fraction.

    Where nothing was ever clipped (one update per rollout), the last panel shows the KL to the start instead.

    Args:
        metrics: the lines of its `metrics.jsonl`.
        window: iterations of the running mean.

    Raises:
        ValueError: there is no line.
    """
    series = curves(metrics)
    if not series:
        raise ValueError("the run has no metrics yet: give the lines of an RL run's metrics.jsonl")
    fig = make_subplots(3, 2, shared_xaxes="all", vertical_spacing=0.1, horizontal_spacing=0.14)
    panels = [
        ("mean reward", "reward", None),
        ("accuracy (%)", "sampled_accuracy", "validation_accuracy"),
        ("distinct chains<br>per group (%)", "diversity", None),
        ("coherence (%)", None, "validation_coherence"),
        ("groups that<br>teach (%)", "used_groups", None),
        ("clipped<br>actions (%)", "clip_fraction", None),
    ]
    if "kl" in series and not any(series.get("clip_fraction", {"value": []})["value"]):
        panels[-1] = ("KL to the start<br>(nats)", "kl", None)
    for i, (title, sampled, validation) in enumerate(panels):
        place, is_share = cell(i, 2), title.endswith("(%)")
        if sampled in series:
            _add_smoothed(fig, series[sampled], is_share, window, place)
        if validation in series:
            _add_validation(fig, series[validation], place)
        fig.update_yaxes(title_text=title, **place)
        fig.update_yaxes(**({"range": [0, 103]} if is_share and i < 5 else {"rangemode": "tozero"}), **place)
    named = [trace for trace in fig.data if trace.name]
    for i, trace in enumerate(named):
        trace.showlegend = trace.name not in {earlier.name for earlier in named[:i]}
    for col in (1, 2):
        fig.update_xaxes(title_text="iteration", row=3, col=col)
    return palette.finish(
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
        groups = [result["metrics"], *(result["by_steps"].get(n, {}) for n in counts)]
        estimates = [group.get(metric) for group in groups]
        means = [percent(e and e["mean"]) for e in estimates]
        fig.add_bar(
            x=["all problems", *(f"{n} step" if n == "1" else f"{n} steps" for n in counts)],
            y=means,
            name=palette.plain(name),
            marker={"color": faint(colour, 0.45), "line": {"color": colour, "width": 1.5}},
            error_y=palette.whiskers(estimates, colour),
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
    return palette.finish(
        fig,
        label[0].upper() + label[1:] + " on test problems",
        "Bars are means and whiskers their 95 % intervals over test problems. They do not say how much another "
        "training seed would change.",
        height=400,
    )


# ------------------------------------------------------------------ parts of figures


def _concatenated(runs: Sequence[Iterable[Mapping]]) -> list[dict]:
    """Lines of several runs as those of one: steps are counted on from run to run."""
    lines: list[dict] = []
    for run in runs:
        offset = lines[-1]["step"] if lines else 0
        lines += [dict(line, step=line["step"] + offset) for line in run if "step" in line]
    return lines


def _mark_stage(fig: go.Figure, span: Mapping[str, int], shaded: bool, wide: bool) -> None:
    """A band over all panels, and the number of the stage above the first."""
    fill = {"fillcolor": GREY, "opacity": 0.12} if shaded else {"fillcolor": "rgba(0,0,0,0)", "opacity": 1}
    fig.add_vrect(x0=span["first"], x1=span["last"], line={"color": GRID, "width": 1}, layer="below", **fill)
    number = span["stage"]
    long = "stage 0: all words" if number == 0 else f"stage {number}"
    middle = {"x": (span["first"] + span["last"]) / 2, "xref": "x", "y": 1, "yref": "y domain", "yanchor": "bottom"}
    fig.add_annotation(text=long if wide else str(number), showarrow=False, font={"size": 12}, **middle)


def _add_smoothed(fig: go.Figure, series: Mapping, is_share: bool, window: int, place: Mapping) -> None:
    """Single values as a thin line, their running mean as a thick one."""
    steps, values = series["step"], series["value"]
    values = [percent(value) for value in values] if is_share else values
    thin, thick = {"color": faint(BLUE, 0.5), "width": 1}, {"color": BLUE, "width": 2.5}
    if len(values) <= 2 * window:  # few measurements: nothing to smooth
        fig.add_scatter(x=steps, y=values, mode="lines+markers", line=thick, showlegend=False, **place)
        return
    fig.add_scatter(x=steps, y=values, mode="lines", line=thin, showlegend=False, hoverinfo="skip", **place)
    look = {"mode": "lines", "line": thick, "name": "sampled", "legendgroup": "sampled"}
    fig.add_scatter(x=steps, y=running_mean(values, window), **look, **place)


def _add_validation(fig: go.Figure, series: Mapping, place: Mapping) -> None:
    look = {"mode": "lines+markers", "name": "validation", "legendgroup": "validation"}
    look |= {"line": {"color": VERMILLION, "dash": palette.DASHES[1]}}
    look |= {"marker": {"symbol": palette.SYMBOLS[1], "size": 8}}
    fig.add_scatter(x=series["step"], y=[percent(value) for value in series["value"]], **look, **place)
