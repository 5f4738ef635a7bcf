"""How good the space of latents is: what stands between two thoughts, how much noise a thought bears, which dimensions
carry anything. Numbers first, then figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import torch
from torch import Tensor

from atp_lite.domains import Problem, measured
from atp_lite.evaluation.evaluate import EvalSettings, evaluate
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
    """What the decoder reads in each step's latents (N, c, d): text, probability, valid (right arithmetic).

    Raises ValueError for a planner without a decoder.
    """
    model, config = planner.model, planner.model.config
    if model.decoder is None:
        raise ValueError("this planner has no decoder, so its latents cannot be read as text")
    mask = torch.ones(len(latents), 1, device=latents.device)
    tokens, log_probs = model.decoder.decode(latents, mask, config.max_step_tokens, config.eos_id, config.pad_id)
    texts, chances = planner.collate.text(tokens[:, 0]), log_probs[:, 0].sum(-1).exp().tolist()
    found = []
    for text, chance in zip(texts, chances, strict=True):
        step = measured(planner.domain.read_step, text)
        valid = step is not None and step.is_right
        found.append({"text": text, "probability": rounded(chance), "valid": valid})
    return found


def interpolate(
    planner: Planner, trace: Trace, rows: tuple[int, int], step: int, fractions: Sequence[float] = FRACTIONS
) -> dict:
    """The way from a step of one problem to the same step of another, read at points between.

    Args:
        trace: of at least two problems. rows: which two. step: from 1; both must have it.

    Returns:
        `questions` (two) and `points`: fraction, text, probability, valid.

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
    return {"questions": [trace.problems[row].question for row in rows], "step": step, "points": points}


def kl_by_dimension(trace: Trace) -> dict:
    """Where the posterior differs from the prior: KL( N(mu_i, sigma_i^2) || N(0, 1) ) of each dimension i, in nats.

    Means over all latents of the trace, largest first; `active` counts the dimensions whose mean varies between them.

    Raises:
        ValueError: the latents are points, which have no such distance.
    """
    thought = trace.distribution[trace.latent_mask]
    mu, sigma = thought.mean, thought.stddev  # (N, d)
    if not len(mu) or not thought.has_spread:
        raise ValueError("these latents are points (or there are none): they have no distance from the prior")
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
    """Accuracy when every latent is moved by Gaussian noise, for several planners.

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
    """The decoder's reading of every stop, and how sure it is."""
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
                name="valid arithmetic" if valid else "not valid",
                hovertemplate="%{x:.0f} % of the way: <b>%{text}</b>, read with %{y:.0f} %<extra></extra>",
            )
    fig.update_xaxes(title_text="way from one thought to the other (%)", range=[-8, 108])
    fig.update_yaxes(title_text="probability of the text (%)", range=[0, 118], tickvals=[0, 25, 50, 75, 100])
    return finish(
        fig,
        f"Between two thoughts: step {found['step']}",
        "Texts are what the decoder reads at each stop of a straight line between two latents. In a smooth space they "
        "are valid arithmetic all the way, and change in few places.",
        height=360,
    )


def kl_figure(found: Mapping) -> go.Figure:
    """KL of every dimension, largest first."""
    fig = go.Figure(
        go.Bar(
            x=list(range(1, len(found["kl"]) + 1)),
            y=found["kl"],
            marker={"color": BLUE},
            hovertemplate="dimension %{x}: %{y} nats<extra></extra>",
        )
    )
    fig.update_xaxes(title_text="dimensions, largest first")
    fig.update_yaxes(title_text="KL to the prior (nats)", rangemode="tozero")
    return finish(
        fig,
        "What each dimension carries",
        f"{found['active']} of {found['dimensions']} dimensions are active (their mean varies between thoughts); "
        f"together they are {found['total']:.0f} nats from the prior. A dimension near 0 is noise and says nothing.",
        height=320,
    )


def noise_figure(found: Mapping) -> go.Figure:
    """Accuracy against noise, a line a planner."""
    fig = go.Figure()
    for i, (name, curve) in enumerate(found["curves"].items()):
        mean = [percent(value) for value in curve["mean"]]
        fig.add_scatter(
            x=found["levels"],
            y=mean,
            error_y={
                "array": [percent(high - value) for high, value in zip(curve["high"], curve["mean"], strict=True)],
                "arrayminus": [percent(value - low) for value, low in zip(curve["mean"], curve["low"], strict=True)],
                "thickness": 1,
            },
            name=name,
            mode="lines+markers",
            line={"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i % len(DASHES)]},
            marker={"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9},
        )
    fig.update_xaxes(title_text="noise, in root mean squares of the latents")
    fig.update_yaxes(title_text="accuracy (%)", range=[0, 103])
    return finish(
        fig,
        "How much noise a thought bears",
        f"Every latent is moved by Gaussian noise before it is fed back; {found['n']} problems, bars are 95 % "
        "intervals over problems. A line that stays up: neighbours mean the same, or nobody uses the thought.",
        height=360,
    )
