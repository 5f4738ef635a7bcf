"""One self-contained page about a run: numbers, curves, worked examples, latents. It needs no network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from atp_lite.sft import Curriculum
from atp_lite.views.figures import accuracy_figure, loss_figure, rl_figure
from atp_lite.views.page import asset, figure_html, write_page
from atp_lite.views.points import trajectory_figure
from atp_lite.views.tables import accuracy_html, html_table, thought_html
from atp_lite.views.thoughts import coherence_figure


def write_report(
    path: str | os.PathLike[str],
    *,
    facts: Mapping[str, str],
    evaluations: Mapping[str, Mapping],
    title: str = "Latent reasoning: a tour",
    cot_metrics: Iterable[Mapping] = (),
    sft_metrics: Iterable[Mapping] = (),
    curricula: Iterable[Curriculum] = (),
    rl_metrics: Iterable[Mapping] = (),
    bundled: Mapping[str, Mapping] | None = None,
    examples: Sequence[Mapping] = (),
    trajectories: Mapping | None = None,
) -> Path:
    """Write the page as ONE HTML file of about 5 MB, plotly.js inside; it opens offline, in light or dark.

    Args:
        path: the file; its folder is made if need be.
        facts: what happened, name -> text: minutes, seed, sizes of the data, machine.
        evaluations: name -> `Evaluation.to_json()`, in the order of training (CoT, ATP-SFT, ATP-RL).
        title: of the page.
        cot_metrics, sft_metrics, rl_metrics: lines of each phase's `metrics.jsonl`; none: the phase is left out.
        curricula: of the phases in words and in latents.
        bundled: like `evaluations`, of checkpoints that were trained longer; same names stand side by side.
        examples: problems to show, each from `thought_table`.
        trajectories: latents of many problems, from `trajectories`; None leaves the picture out.

    Returns:
        The path of the file.
    """
    sections = [("What happened", html_table(["", ""], [[name, str(text)] for name, text in facts.items()]))]

    def add(heading: str, prose: str, body: str) -> None:
        sections.append((heading, asset(f"report/{prose}.html") + body))

    if evaluations:
        table = accuracy_html(evaluations, bundled)
        add("How many answers are right", "accuracy", table + figure_html(accuracy_figure(evaluations), "accuracy"))
    runs = [list(run) for run in (cot_metrics, sft_metrics)]
    if any(runs):
        add("From words to latents", "sft", figure_html(loss_figure(*runs, curricula=curricula), "losses"))
    if practice := list(rl_metrics):
        add("Practice with rewards", "rl", figure_html(rl_figure(practice), "rl"))
    if examples:
        add("Thought by thought", "example", "".join(_example(table, i) for i, table in enumerate(examples)))
    if trajectories is not None and any(row["latents"] for row in trajectories["rows"]):
        figures = {colour: trajectory_figure(trajectories, colour) for colour in ("operator", "step")}
        points = "".join(figure_html(figure, f"latents-{colour}") for colour, figure in figures.items())
        add("The latents as points", "latents", points)
    add("What this page does not show", "limits", "")

    links = " · ".join(f"<a href='#part-{i}'>{name}</a>" for i, (name, _) in enumerate(sections, 1))
    parts = [
        f"<section id='part-{i}'><h2>{i}. {name}</h2>{body}</section>" for i, (name, body) in enumerate(sections, 1)
    ]
    return write_page(path, title, f"{asset('report/lead.html')}<nav>{links}</nav>{''.join(parts)}")


def _example(table: Mapping, i: int) -> str:
    graph = table["graph"]
    return thought_html(table) + (figure_html(coherence_figure(graph), f"example-{i}") if graph else "")
