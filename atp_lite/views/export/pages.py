"""The explorers as pages: the controls of each, and what every state shows."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views import space
from atp_lite.views.bundled_examples import bundled_rivals, bundled_start, load_compared, load_journey
from atp_lite.views.changes import answer_figure, graph_figure, path_figure, reward_html, steps_html
from atp_lite.views.edits import LatentEdit, compare_thoughts, measure_group, measure_thought, rethink, sample_group
from atp_lite.views.export.grid import Control, Part, export_grid
from atp_lite.views.groups import group_figure
from atp_lite.views.latent_paths import COLOURINGS, VIEWS, LatentPaths
from atp_lite.views.microscope import curves_figure, journey_figure, verdicts_html
from atp_lite.views.projection import fit_projection
from atp_lite.views.race import race, race_html
from atp_lite.views.thoughts import coherence_figure

PathLike = str | os.PathLike[str]
AMOUNTS = (-4, -3, -2, -1, 0, 1, 2, 3, 4)
"""Shifts along an axis on the debugger's page, in standard deviations."""


def export_bundled(
    out: Path,
    explorer: str,
    checkpoint: Path,
    problems: Sequence[Problem],
    shown: int = 4,
    beside: Path | None = None,
    run: Path | None = None,
    verify: bool = True,
) -> Path:
    """Write the page of one explorer of a checkpoint, with the bundled examples to compare it with.

    Args:
        explorer: debugger, coherence, trajectories, space, microscope or race.
        problems: axes are fitted on all; the first `shown` can be selected.
        beside, run, verify: as in `explore`.

    Raises:
        ValueError: there is no such explorer, or the checkpoint has nothing to show in it.
    """
    first = problems[:shown]
    if explorer == "microscope":
        return export_microscope(out, load_journey(run, first, problems, verify))
    planner = Planner.from_pretrained(checkpoint, verify=verify)
    if explorer == "debugger":
        return export_debugger(out, planner, problems, shown)
    if explorer == "coherence":
        return export_coherence(out, planner, first)
    pages = {"trajectories": export_trajectories, "space": export_space, "race": export_race}
    if explorer not in pages:
        raise ValueError(f"explorer {explorer!r}: choose debugger, coherence, trajectories, space, microscope or race")
    rivals, start = bundled_rivals(checkpoint, planner), beside or bundled_start(checkpoint)
    compared = load_compared(explorer, planner, checkpoint.name, rivals, start, verify)
    return pages[explorer](out, compared, first if explorer == "race" else problems)


def export_debugger(path: PathLike, planner: Planner, problems: Sequence[Problem], shown: int = 4) -> Path:
    """The latent thought debugger as a page: problem, step, and the shift of its latent along an axis.

    Args:
        planner: with a decoder. problems: axes are fitted on all of them; the first `shown` can be selected.

    Raises:
        ValueError: no problem, or a planner without a decoder.
    """
    _require(problems)
    known, chosen = planner.reason(problems), list(problems[:shown])
    projection = fit_projection(known, 2)
    around = projection(known.latents[known.latent_mask]).round(3).tolist()
    traces = [rethink(planner, problem) for problem in chosen]
    before = [measure_thought(planner, trace, projection) for trace in traces]
    longest = max(int(trace.n_latents[0]) for trace in traces)

    def render(which: int, step: int, axis: int, amount: int) -> list[Part]:
        trace, old = traces[which], before[which]
        count = int(trace.n_latents[0])
        t, new = min(step + 1, count), old
        note = "" if step < count else f"This problem has {count} steps; step {count} is shown. "
        if AMOUNTS[amount]:
            along = tuple(float(AMOUNTS[amount]) if k == axis else 0.0 for k in range(2))
            edited = LatentEdit(along=along)(trace.latents[0, t - 1], projection)
            new = measure_thought(planner, rethink(planner, chosen[which], {t: edited}), projection)
        difference = compare_thoughts(old, new)
        return [
            _status(note + difference["summary"]),
            steps_html(difference),
            reward_html(old.reward, new.reward),
            path_figure(old, new, t, projection, around=around),
            answer_figure(old.answer_probabilities, new.answer_probabilities),
            graph_figure(old, "original"),
            graph_figure(new, "edited"),
        ]

    labels = [f"{amount:+d}" if amount else "0" for amount in AMOUNTS]
    return export_grid(
        path,
        "Latent thought debugger",
        "A small planner answers arithmetic questions by thinking in vectors. Pick a question and a step, then move "
        "that step's vector along one of the two principal axes of all latents. Later latents are recomputed.",
        [
            Control("question", [problem.question for problem in chosen]),
            Control("step", [str(t + 1) for t in range(longest)]),
            Control("direction", ["axis 1", "axis 2"]),
            Control("moved by, in standard deviations", labels, "slider", AMOUNTS.index(0)),
        ],
        render,
    )


def export_coherence(
    path: PathLike,
    planner: Planner,
    problems: Sequence[Problem],
    group_size: int = 8,
    sigma: float = 0.5,
    seed: int = 0,
) -> Path:
    """The coherence explorer as a page: problem, and which of its G sampled trajectories.

    Raises:
        ValueError: no problem, or a planner without a decoder.
    """
    _require(problems)
    generator = torch.Generator().manual_seed(seed)
    groups = [measure_group(sample_group(planner, p, group_size, sigma, generator)) for p in problems]

    def render(which: int, i: int) -> list[Part]:
        row = groups[which]["rows"][i]
        return [
            _status(f"trajectory {i + 1} answers {row['answer'] or '(nothing)'}"),
            group_figure(groups[which], i),
            coherence_figure(row["graph"]),
            reward_html(row["reward"], row["reward"]),
        ]

    return export_grid(
        path,
        "Coherence explorer",
        f"A planner tries each question {group_size} times, with noise of size {sigma} in its latents. A decoded step "
        "is coherent where its result is used by a later step or is the answer; the reward counts it.",
        [
            Control("question", [problem.question for problem in problems]),
            Control("trajectory", [str(i + 1) for i in range(group_size)], "slider"),
        ],
        render,
    )


def export_trajectories(path: PathLike, planners: Mapping[str, Planner], problems: Sequence[Problem]) -> Path:
    """The trajectory explorer as a page: view, colour, and up to which step.

    Raises:
        ValueError: no planner or more than two, or too few latents to fit axes on.
    """
    paths = LatentPaths(planners, problems)
    views, colours = list(VIEWS), list(COLOURINGS.values())

    def render(view: int, colour: int, upto: int) -> list[Part]:
        figures = [paths.figure(name, views[view], colours[colour], [0, 1], upto + 1) for name in planners]
        return [f"<p role='status'>{html.escape(paths.warning(views[view]))}</p>", *figures]

    return export_grid(
        path,
        "Trajectory explorer",
        "Each point is a latent, each line joins the latents of one problem. Compare with the random directions before "
        "you believe a pattern.",
        [
            Control("view", views),
            Control("colour", list(COLOURINGS)),
            Control("up to step", [str(t + 1) for t in range(paths.longest)], "slider", paths.longest - 1),
        ],
        render,
    )


def export_space(path: PathLike, planners: Mapping[str, Planner], problems: Sequence[Problem]) -> Path:
    """The space quality view as a page: planner, and the two problems between whose first latents is interpolated.

    Raises:
        ValueError: no two neighbours among the problems need the same number of steps.
    """
    planners = {name: planner for name, planner in planners.items() if planner.model.decoder is not None}
    traces = {name: planner.reason(problems) for name, planner in planners.items()}
    pairs = [
        (i, i + 1)
        for i in range(len(problems) - 1)
        if len(problems[i].steps) == len(problems[i + 1].steps)
        and all(int(trace.n_latents[i]) and int(trace.n_latents[i + 1]) for trace in traces.values())
    ][:20]
    if not pairs:
        raise ValueError("no two neighbours among the problems need as many steps: give some that do")
    names = list(planners)
    noise = space.noise_figure(space.noise_accuracy(planners, problems))
    spread = [trace for trace in traces.values() if trace.distribution.has_spread][:1]
    kl = [space.kl_figure(space.kl_by_dimension(trace)) for trace in spread]

    def render(name: int, pair: int) -> list[Part]:
        found = space.interpolate(planners[names[name]], traces[names[name]], pairs[pair], 1)
        return [space.interpolation_figure(found), noise, *kl]

    return export_grid(
        path,
        "Space quality",
        "A space is smooth where neighbours mean the same: the decoded points between the first latents of two "
        "problems are valid steps, and noise in the latents does little harm.",
        [
            Control("planner", names),
            Control("problems", [f"{problems[i].question} → {problems[j].question}" for i, j in pairs]),
        ],
        render,
    )


def export_microscope(path: PathLike, found: Mapping) -> Path:
    """The RL microscope as a page: the iteration. found: from `journey` or `read_journey`."""
    last = len(found["stops"]) - 1
    return export_grid(
        path,
        "RL microscope",
        "A planner that imitated partly wrong solutions practises on new questions, rewarded for right answers and "
        "coherent steps. Move along the run.",
        [Control("iteration", [str(stop) for stop in found["stops"]], "slider", last)],
        lambda stop: [verdicts_html(found, stop), curves_figure(found, stop), journey_figure(found, stop)],
    )


def export_race(path: PathLike, planners: Mapping[str, Planner], problems: Sequence[Problem]) -> Path:
    """The race as a page: which problem. Times are those of the computer that wrote the page.

    Raises:
        ValueError: no planner, or no problem.
    """
    _require(problems)
    return export_grid(
        path,
        "Race",
        "One question through several planners. Milliseconds are the median of five tries on the computer that wrote "
        "this page; one question says nothing about accuracy.",
        [Control("question", [problem.question for problem in problems])],
        lambda which: [race_html(race(planners, problems[which]))],
    )


def _require(problems: Sequence[Problem]) -> None:
    if not problems:
        raise ValueError("the page needs problems to show: give some, such as a few test problems")


def _status(text: str) -> str:
    return f"<p role='status'><b>{html.escape(text)}</b></p>"
