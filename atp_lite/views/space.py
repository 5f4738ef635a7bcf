"""Quality of the latent space: interpolation, accuracy under noise, KL of each dimension. Numbers, then figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import torch
from torch import Tensor

from atp_lite.domains import Problem, measured
from atp_lite.evaluation import EvalSettings, evaluate
from atp_lite.model import Trace, kl_divergence
from atp_lite.planner import Planner
from atp_lite.views.measure import rounded
from atp_lite.views.palette import BLUE, COLOURS, DASHES, GREY, SYMBOLS, finish, percent, plain

FRACTIONS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
NOISE = (0.0, 0.25, 0.5, 0.75, 1.0)
ACTIVE = 0.01
"""Variance of a dimension's mean over problems above which it is active (Burda, Grosse & Salakhutdinov 2016)."""


@torch.no_grad()
def decode_latents(planner: Planner, latents: Tensor) -> list[dict]:
    """Decode the latents (N, c, d) of N steps: text, probability, valid (whether it is a right step of the domain).

    Raises ValueError for a planner without a decoder.
    """
    model, config = planner.model, planner.model.config
    if model.decoder is None:
        raise ValueError("this planner has no decoder, so its latents cannot be read as text")
    mask = torch.ones(len(latents), 1, device=latents.device)
    tokens, log_probs = model.decoder.decode(latents, mask, config.max_step_tokens, config.eos_id, config.pad_id)
    found = []
    for text, log_prob in zip(planner.collate.text(tokens[:, 0]), log_probs[:, 0].sum(-1), strict=True):
        step = measured(planner.domain.read_step, text)
        probability, valid = rounded(log_prob.exp().item()), step is not None and step.is_right
        found.append({"text": text, "probability": probability, "valid": valid})
    return found


def interpolate(
    planner: Planner, trace: Trace, rows: tuple[int, int], step: int, fractions: Sequence[float] = FRACTIONS
) -> dict:
    """Interpolate linearly between a step of one problem and the same step of another, and decode every point.

    Args:
        trace: of at least two problems. rows: which two. step: from 1; both must have it.

    Returns:
        `questions` (two), `ruler` (what a valid step is called) and `points`: fraction, text, probability, valid.

    Raises:
        ValueError: one of the two has no such step.
    """
    c = planner.model.config.latents_per_step
    ends = []
    for row in rows:
        count = int(trace.n_latents[row]) // c
        if not 1 <= step <= count:
            raise ValueError(f"{trace.problems[row].question} was thought in {count} steps, so it has no step {step}")
        ends.append(trace.latents[row, (step - 1) * c : step * c])  # (c, d)
    mixed = torch.stack([torch.lerp(ends[0], ends[1], fraction) for fraction in fractions])  # (N, c, d)
    decoded = zip(fractions, decode_latents(planner, mixed), strict=True)
    points = [{"fraction": fraction} | read for fraction, read in decoded]
    questions = [trace.problems[row].question for row in rows]
    return {"questions": questions, "step": step, "points": points, "ruler": planner.domain.ruler}


def kl_by_dimension(trace: Trace) -> dict:
    """KL( N(mu_i, sigma_i^2) || N(0, 1) ) of each dimension i, in nats, by mean and spread of the distributions.

    Means over all latents of the trace, largest first; `active` counts the dimensions whose mean varies between them.

    Raises:
        ValueError: the latents are points, which have no such distance.
    """
    thought = trace.distribution[trace.latent_mask]
    mu, sigma = thought.mean, thought.stddev  # (N, d)
    if not len(mu) or not thought.has_spread:
        raise ValueError("these latents are points (or there are none): they have no KL to the prior")
    kl = kl_divergence(mu[..., None], 2 * sigma.log()[..., None]).mean(0)  # (d,)
    active = int((mu.var(0) > ACTIVE).sum())
    return {
        "kl": [rounded(value) for value in kl.sort(descending=True).values.tolist()],
        "total": rounded(kl.sum().item()),
        "active": active,
        "dimensions": len(kl),
    }


def noise_accuracy(
    planners: Mapping[str, Planner], problems: Sequence[Problem], levels: Sequence[float] = NOISE, seed: int = 0
) -> dict:
    """Accuracy with Gaussian noise added to every latent, for several planners.

    The size of the noise is relative to the root mean square of each planner's own latents.

    Returns:
        `levels`, `n` (problems) and `curves`: name -> accuracy and its 95 % interval (low, high) at each level.
    """
    curves = {}
    for name, planner in planners.items():
        trace = planner.think(problems)
        size = trace.latents[trace.latent_mask].square().mean().sqrt().item()
        points = []
        for level in levels:
            how = EvalSettings(decode=False)
            if level:
                how = EvalSettings(samples=1, sigma=level * size, greedy=False, decode=False, seed=seed)
            summary = evaluate(planner, problems, how).summary()
            points.append(summary["sampled_accuracy" if level else "accuracy"])
        curves[name] = {key: [rounded(getattr(p, key)) for p in points] for key in ("mean", "low", "high")}
    return {"levels": list(levels), "n": len(problems), "curves": curves}


# ------------------------------------------------------------------ figures


def interpolation_figure(found: Mapping) -> go.Figure:
    """Decoded text and probability of every point of an interpolation."""
    points = found["points"]
    fig = go.Figure()
    for valid, colour, symbol in ((True, BLUE, "circle"), (False, GREY, "x")):
        group = [point for point in points if point["valid"] is valid]
        if group:
            fig.add_scatter(
                x=[percent(point["fraction"]) for point in group],
                y=[percent(point["probability"]) for point in group],
                mode="markers+text",
                text=[plain(point["text"]) or "(empty)" for point in group],
                textposition="top center",
                marker={"color": colour, "symbol": symbol, "size": 11},
                name=found["ruler"] if valid else "not valid",
                hovertemplate="%{x:.0f} % of the way: <b>%{text}</b>, probability %{y:.0f} %<extra></extra>",
            )
    fig.update_xaxes(range=[-8, 108]).update_yaxes(range=[0, 118], tickvals=[0, 25, 50, 75, 100])
    return finish(
        fig,
        f"Interpolation between two latents: step {found['step']}",
        "Decoded texts of the points on a straight line between two latents. In a smooth space they are valid all the "
        "way, and change in few places.",
        height=360,
        x="way from one latent to the other (%)",
        y="probability of the text (%)",
    )


def kl_figure(found: Mapping) -> go.Figure:
    """KL of every dimension, largest first."""
    look = {"marker": {"color": BLUE}, "hovertemplate": "dimension %{x}: %{y} nats<extra></extra>"}
    fig = go.Figure(go.Bar(x=list(range(1, len(found["kl"]) + 1)), y=found["kl"], **look))
    fig.update_xaxes(title_text="dimensions, largest first")
    fig.update_yaxes(title_text="KL to the prior (nats)", rangemode="tozero")
    return finish(
        fig,
        "KL of each dimension",
        f"{found['active']} of {found['dimensions']} dimensions are active (their mean varies between latents); "
        f"the KL to the prior is {found['total']:.0f} nats in all. A dimension near 0 carries no information.",
        height=320,
    )


def noise_figure(found: Mapping) -> go.Figure:
    """Accuracy against noise, a line for each planner."""
    fig = go.Figure()
    for i, (name, curve) in enumerate(found["curves"].items()):
        mean, low, high = (curve[key] for key in ("mean", "low", "high"))
        above = [percent(hi - m) for hi, m in zip(high, mean, strict=True)]
        below = [percent(m - lo) for m, lo in zip(mean, low, strict=True)]
        fig.add_scatter(
            x=found["levels"],
            y=[percent(value) for value in mean],
            error_y={"array": above, "arrayminus": below, "thickness": 1},
            name=name,
            mode="lines+markers",
            line={"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i % len(DASHES)]},
            marker={"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9},
        )
    fig.update_xaxes(title_text="noise (root mean squares)")
    fig.update_yaxes(title_text="accuracy (%)", range=[0, 103])
    return finish(
        fig,
        "Accuracy under noise in the latents",
        "Gaussian noise, in root mean squares of the latents, is added to each before it is fed back; "
        f"{found['n']} problems, bars are 95 % intervals over problems. A flat line: neighbours mean the same, or the "
        "latents are not used.",
        height=360,
    )
