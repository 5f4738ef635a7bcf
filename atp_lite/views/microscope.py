"""A reinforcement learning run in retrospect: its curves, and how the latents of fixed problems moved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lite.domains import Problem
from atp_lite.engine.folder import write_atomically
from atp_lite.engine.log import read_metrics
from atp_lite.planner import Planner
from atp_lite.views.measure import curves
from atp_lite.views.palette import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    ORANGE,
    SYMBOLS,
    cell,
    finish,
    percent,
    plain,
    principal_axes,
    span,
)
from atp_lite.views.projection import fit_projection, trajectories
from atp_lite.views.tables import html_table, right_or_wrong

CURVES = {
    "reward": ("mean reward", False),
    "validation_accuracy": ("accuracy (%)", True),
    "validation_coherence": ("coherence (%)", True),
    "kl": ("KL to the start (nats)", False),
    "clip_fraction": ("clipped actions (%)", True),
    "diversity": ("distinct chains (%)", True),
}
"""Metric -> title of its panel, and whether it is a share."""


def kept_checkpoints(folder: str | os.PathLike[str]) -> dict[int, Path]:
    """The checkpoints that a run kept (`RLSettings.keep_every`), by iteration. FileNotFoundError if it kept none."""
    folder = Path(folder)
    found = {int(path.name): path for path in sorted(folder.glob("kept/[0-9]*")) if (path / "config.json").is_file()}
    if not found:
        raise FileNotFoundError(
            f"{folder} has no kept checkpoints: run atp-lite rl with --settings.keep-every 50 (or another number)"
        )
    return found


def journey(
    folder: str | os.PathLike[str],
    problems: Sequence[Problem],
    axes_from: Sequence[Problem] = (),
    verify: bool = True,
) -> dict:
    """The metrics of a run, and the latents of some problems at each kept checkpoint.

    Args:
        folder: of an RL run with kept checkpoints.
        problems: to follow. axes_from: more problems, for the axes only.
        verify: check the checkpoints' files against their manifests.

    Returns:
        `curves` (metric -> step, value), `stops` (iterations of the checkpoints), `explained` (of the axes, fitted on
        the first stop) and `thoughts`: the rows of `trajectories` at each stop.

    Raises:
        FileNotFoundError: no such run, or it kept no checkpoint.
    """
    kept = kept_checkpoints(folder)
    projection, thoughts = None, []
    for path in kept.values():
        planner = Planner.from_pretrained(path, verify=verify)
        if projection is None:
            projection = fit_projection(planner.reason([*problems, *axes_from]), 2)
        thoughts.append(trajectories(planner, planner.reason(problems), projection)["rows"])
    return {
        "curves": curves(read_metrics(Path(folder) / "metrics.jsonl"), list(CURVES)),
        "stops": list(kept),
        "explained": list(projection.explained),
        "thoughts": thoughts,
    }


def write_journey(path: str | os.PathLike[str], found: Mapping) -> None:
    """Save a journey as JSON, to be looked at without the run."""
    write_atomically(path, json.dumps(found, separators=(",", ":")) + "\n")


def read_journey(path: str | os.PathLike[str]) -> dict:
    """What `write_journey` saved. Raises ValueError where the file holds no journey."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): give a file of write_journey") from error
    missing = {"curves", "stops", "explained", "thoughts"} - set(found if isinstance(found, dict) else ())
    if missing:
        lacks = ", ".join(sorted(missing))
        raise ValueError(f"{path} holds no journey, it lacks {lacks}: give a file of write_journey")
    return found


def curves_figure(found: Mapping, stop: int) -> go.Figure:
    """The run's curves, with a line at the iteration that is selected."""
    fig = make_subplots(2, 3, vertical_spacing=0.2, horizontal_spacing=0.09)
    at = found["stops"][stop]
    for i, (name, (title, is_share)) in enumerate(CURVES.items()):
        place, series = cell(i, 3), found["curves"].get(name, {"step": [], "value": []})
        values = [percent(v) if is_share else v for v in series["value"]]
        look = {"mode": "lines", "line": {"color": BLUE, "width": 2}, "showlegend": False}
        fig.add_scatter(x=series["step"], y=values, **look, **place)
        fig.add_vline(x=at, line={"color": ORANGE, "width": 2, "dash": "dash"}, **place)
        fig.update_yaxes(title_text=title, **({} if any(values) else {"range": [0, 1]}), **place)
        if place["row"] == 2:
            fig.update_xaxes(title_text="iteration", **place)
    return finish(
        fig,
        f"The run, at iteration {at}",
        "The dashed line is the selected iteration. Reward and distinct chains are of sampled trajectories; accuracy "
        "and coherence are on validation problems, without noise. An empty panel was not measured in this run; nothing "
        "is clipped where every rollout serves one step only.",
        height=460,
    )


def journey_figure(found: Mapping, stop: int) -> go.Figure:
    """The latents of the problems at the first stop and at this one, on the same axes."""
    fig = go.Figure()
    for row, (first, now) in enumerate(zip(found["thoughts"][0], found["thoughts"][stop], strict=True)):
        colour = COLOURS[row % len(COLOURS)]
        for side, name, dash, hollow in ((first, "at the start", "dot", True), (now, "now", "solid", False)):
            latents, symbol = side["latents"], SYMBOLS[row % 5] + ("-open" if hollow else "")
            fig.add_scatter(
                x=[latent["x"][0] for latent in latents],
                y=[latent["x"][1] for latent in latents],
                mode="lines+markers+text",
                text=[str(latent["number"]) for latent in latents] if not hollow else None,
                textposition="top center",
                textfont={"color": INK},
                line={"color": GREY if hollow else colour, "dash": dash, "width": 2},
                marker={"color": colour, "symbol": symbol, "size": 10},
                name=f"{plain(side['question'])} = {plain(side['answer'])} {name}",
                customdata=[plain(latent["text"]) for latent in latents],
                hovertemplate=f"{name}, latent %{{pointNumber}}: <b>%{{customdata}}</b><extra></extra>",
            )
    principal_axes(fig, found["explained"])
    rows = [row for stop_rows in found["thoughts"] for row in stop_rows]
    for k, axis in enumerate("xy"):  # of all stops, so that the axes stay while one moves along the run
        fig.update_layout({f"{axis}axis": {"range": span(latent["x"][k] for row in rows for latent in row["latents"])}})
    fig.update_layout(legend={"orientation": "v", "x": 1.02, "y": 1.0, "yanchor": "top"})
    return finish(
        fig,
        f"How the latents have moved by iteration {found['stops'][stop]}",
        "Hollow and dotted: at the start. Filled: now. The axes are those of the start's latents, in their own units; "
        "hover to read a latent's text.",
        height=440,
    )


def verdicts(found: Mapping, stop: int) -> list[dict]:
    """For each problem: question, reference, and answer, steps and correct at the start and now."""

    def side(row: Mapping) -> dict:
        steps = list(dict.fromkeys(latent["text"] for latent in row["latents"]))
        return {"answer": row["answer"], "correct": row["correct"], "steps": steps}

    return [
        {"question": now["question"], "reference": now["reference"], "start": side(first), "now": side(now)}
        for first, now in zip(found["thoughts"][0], found["thoughts"][stop], strict=True)
    ]


def verdicts_html(found: Mapping, stop: int) -> str:
    """`verdicts` as a table; text is escaped."""

    def said(side: Mapping) -> str:
        return f"{side['answer'] or '(nothing)'}, {right_or_wrong(side['correct'])}: {'; '.join(side['steps'])}"

    rows = [
        [row["question"], row["reference"] or "–", said(row["start"]), said(row["now"])]
        for row in verdicts(found, stop)
    ]
    return html_table(["question", "is", "at the start", "now"], rows)
