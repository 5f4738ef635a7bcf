"""Looking back at a reinforcement learning run: its curves, and how the thoughts about fixed problems moved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lite.domains import Problem
from atp_lite.engine.log import read_metrics
from atp_lite.planner import Planner
from atp_lite.views.measure import curves
from atp_lite.views.palette import BLUE, COLOURS, GREY, INK, ORANGE, SYMBOLS, finish, percent, plain
from atp_lite.views.projection import fit_projection, trajectories
from atp_lite.views.tables import html_table

CURVES = {
    "reward": ("mean reward", 1),
    "validation_accuracy": ("accuracy (%)", 100),
    "validation_coherence": ("coherence (%)", 100),
    "kl": ("KL to the start (nats)", 1),
    "clip_fraction": ("clipped actions (%)", 100),
    "diversity": ("distinct chains (%)", 100),
}
"""Metric -> title of its panel, and what it is multiplied by."""


def kept_checkpoints(folder: str | os.PathLike[str]) -> dict[int, Path]:
    """The checkpoints that a run kept (`RLSettings.keep_every`), by iteration.

    Raises:
        FileNotFoundError: the run kept none; the message says how to make one that does.
    """
    folder = Path(folder)
    found = {int(path.name): path for path in sorted(folder.glob("kept/[0-9]*")) if (path / "config.json").is_file()}
    if not found:
        raise FileNotFoundError(
            f"{folder} has no kept checkpoints: run atp-lite rl with --settings.keep-every 50 (or another number)"
        )
    return found


def journey(folder: str | os.PathLike[str], problems: Sequence[Problem], axes_from: Sequence[Problem] = ()) -> dict:
    """A run and what became of the thoughts about some problems.

    Args:
        folder: of an RL run with kept checkpoints.
        problems: the same ones at every stop. axes_from: more problems, for the axes only.

    Returns:
        `curves` (metric -> step, value), `stops` (iterations), `explained` (of the axes, which are fitted on the first
        stop) and `thoughts`: for each stop what `trajectories` says about the problems.

    Raises:
        FileNotFoundError: no such run, or it kept no checkpoint.
    """
    kept = kept_checkpoints(folder)
    projection, thoughts = None, []
    for path in kept.values():
        planner = Planner.from_pretrained(path)
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
    """Keep a journey as JSON, whole or not at all: it can be looked at without the run."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    fresh.replace(path)


def read_journey(path: str | os.PathLike[str]) -> dict:
    """What `write_journey` kept.

    Raises:
        ValueError: the file holds no journey.
        FileNotFoundError: there is no such file.
    """
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
    """The run's curves, with a line at the iteration that is looked at."""
    fig = make_subplots(2, 3, vertical_spacing=0.2, horizontal_spacing=0.09)
    at = found["stops"][stop]
    for i, (name, (title, factor)) in enumerate(CURVES.items()):
        place = {"row": i // 3 + 1, "col": i % 3 + 1}
        series = found["curves"].get(name, {"step": [], "value": []})
        values = [percent(v) if factor == 100 else v for v in series["value"]]
        line = {"color": BLUE, "width": 2}
        fig.add_scatter(x=series["step"], y=values, mode="lines", line=line, showlegend=False, **place)
        fig.add_vline(x=at, line={"color": ORANGE, "width": 2, "dash": "dash"}, **place)
        fig.update_yaxes(title_text=title, **place)
        if not any(values):
            fig.update_yaxes(range=[0, 1], **place)
        if place["row"] == 2:
            fig.update_xaxes(title_text="iteration", **place)
    return finish(
        fig,
        f"The run, at iteration {at}",
        "The dashed line is where you are. Reward and distinct chains are of sampled trajectories; accuracy and "
        "coherence are on validation problems, without noise. An empty panel was not measured in this run; nothing is "
        "clipped where every rollout serves one step only.",
        height=460,
    )


def journey_figure(found: Mapping, stop: int) -> go.Figure:
    """The thoughts about the problems at the first stop and at this one, on the same axes."""
    fig = go.Figure()
    for row, (first, now) in enumerate(zip(found["thoughts"][0], found["thoughts"][stop], strict=True)):
        colour = COLOURS[row % len(COLOURS)]
        for side, name, dash, hollow in ((first, "at the start", "dot", True), (now, "now", "solid", False)):
            symbol = SYMBOLS[row % 5] + ("-open" if hollow else "")
            fig.add_scatter(
                x=[latent["x"][0] for latent in side["latents"]],
                y=[latent["x"][1] for latent in side["latents"]],
                mode="lines+markers+text",
                text=[str(latent["number"]) for latent in side["latents"]] if not hollow else None,
                textposition="top center",
                textfont={"color": INK},
                line={"color": GREY if hollow else colour, "dash": dash, "width": 2},
                marker={"color": colour, "symbol": symbol, "size": 10},
                name=f"{plain(side['question'])} = {plain(side['answer'])} {name}",
                customdata=[plain(latent["text"]) for latent in side["latents"]],
                hovertemplate=f"{name}, latent %{{pointNumber}}: <b>%{{customdata}}</b><extra></extra>",
            )
    for k, axis in enumerate("xy"):
        title = f"axis {k + 1} ({100 * found['explained'][k]:.0f} % of variance)"
        fig.update_layout({f"{axis}axis": {"title": {"text": title}}})
    fig.update_layout(legend={"orientation": "v", "x": 1.02, "y": 1.0, "yanchor": "top"})
    return finish(
        fig,
        f"Where thoughts have gone by iteration {found['stops'][stop]}",
        "Hollow and dotted: at the start. Filled: now. The axes are those of the start's latents, in their own units; "
        "hover to read what a latent says.",
        height=440,
    )


def verdicts(found: Mapping, stop: int) -> list[dict]:
    """For each problem: question, reference, and answer, steps and correct at the start and now."""
    rows = []
    for first, now in zip(found["thoughts"][0], found["thoughts"][stop], strict=True):
        sides = {
            name: {
                "answer": side["answer"],
                "correct": side["correct"],
                "steps": list(dict.fromkeys(latent["text"] for latent in side["latents"])),
            }
            for name, side in (("start", first), ("now", now))
        }
        rows.append({"question": now["question"], "reference": now["reference"]} | sides)
    return rows


def verdicts_html(found: Mapping, stop: int) -> str:
    """`verdicts` as a table; text is escaped."""
    rows = [
        [entry["question"], entry["reference"], *(_said(entry[side]) for side in ("start", "now"))]
        for entry in verdicts(found, stop)
    ]
    return html_table(["question", "is", "at the start", "now"], rows)


def _said(side: dict) -> str:
    mark = {True: "right", False: "wrong"}.get(side["correct"], "not checked")
    return f"{side['answer'] or '(nothing)'}, {mark}: {'; '.join(side['steps'])}"
