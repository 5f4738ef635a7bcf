"""Trace -> numbers: what the pictures show, as plain dictionaries of rounded Python values.

Nothing here is recomputed: the functions read a `Trace` that was thought, answered and decoded, or the lines of a
`metrics.jsonl`. What comes out can be written as JSON, compared in a test, or drawn by `figures` and `thoughts`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from sklearn.decomposition import PCA
from torch import Tensor

from atp_lite.coherence import coherence, read_answer
from atp_lite.model import Trace
from atp_lite.planner import Planner
from atp_lite.problems import same_number


def rounded(value: float, digits: int = 4) -> float | None:
    """A plain float of so many significant digits; None where it is not finite, as JSON has no such number."""
    return float(f"{float(value):.{digits}g}") if math.isfinite(value) else None


# ------------------------------------------------------------------ latents as points


@dataclass(frozen=True, eq=False)
class Projection:
    """Principal axes of a reference set of latents, frozen: later latents are drawn into the same picture."""

    mean: np.ndarray
    """(d,) of the reference latents."""
    axes: np.ndarray
    """(k, d) orthonormal; the largest entry of each is positive, so that a picture is not mirrored by chance."""
    explained: tuple[float, ...]
    """(k,) share of the reference set's variance along each axis, in [0, 1]."""
    random: tuple[float, ...]
    """(k,) control: the same share along k random orthogonal directions, on average."""
    shuffled: tuple[float, ...]
    """(k,) control: the same share for PCA of latents whose dimensions were shuffled independently of each other."""
    n: int
    """Latents in the reference set."""

    def __call__(self, latents: Tensor | np.ndarray) -> np.ndarray:
        """Latents (..., d) -> coordinates (..., k), in the units of the latents."""
        values = _array(latents)
        if values.shape[-1] != self.mean.shape[0]:
            raise ValueError(
                f"latents of width {values.shape[-1]} do not fit a projection of width {self.mean.shape[0]}: "
                "fit one on traces of the same model"
            )
        return (values - self.mean) @ self.axes.T


def fit_projection(traces: Trace | Sequence[Trace], dims: int = 3, seed: int = 0) -> Projection:
    """Principal component analysis of all latents in `traces` (every row, every latent that was thought).

    Two controls say how much of the picture comes from looking for the best axes: random orthogonal directions
    (expected share k / d), and PCA of the same numbers with each dimension shuffled on its own, which destroys every
    relation between dimensions and keeps their variances (Horn 1965, parallel analysis).

    Raises:
        ValueError: fewer than dims + 1 latents, or latents that are all the same.
    """
    traces = [traces] if isinstance(traces, Trace) else list(traces)
    parts = [_array(trace.latents[trace.latent_mask]) for trace in traces]
    points = np.concatenate(parts) if parts else np.zeros((0, 0))  # (N, d)
    if len(points) <= dims or points.shape[1] < dims:
        raise ValueError(
            f"{len(points)} latents of width {points.shape[1]} do not fill {dims} axes: give traces of more problems, "
            "from a model that thinks in latents (one that reasons in words thinks none)"
        )
    centred = points - points.mean(0)
    total = float(centred.var(0).sum())
    if not total > 0:
        raise ValueError(f"all {len(points)} latents are the same point, so there is no direction to draw them along")
    rng = np.random.default_rng(seed)
    pca = PCA(dims, svd_solver="full").fit(centred)
    axes = pca.components_
    largest = np.abs(axes).argmax(1)
    axes = axes * np.sign(axes[np.arange(dims), largest])[:, None]
    draws = [np.linalg.qr(rng.normal(size=(points.shape[1], dims)))[0] for _ in range(100)]
    random = np.mean([(centred @ draw).var(0) / total for draw in draws], axis=0)
    shuffled = PCA(dims, svd_solver="full").fit(rng.permuted(centred, axis=0))
    return Projection(
        mean=points.mean(0),
        axes=axes,
        explained=_shares(pca.explained_variance_ratio_),
        random=_shares(random),
        shuffled=_shares(shuffled.explained_variance_ratio_),
        n=len(points),
    )


def trajectories(planner: Planner, trace: Trace, projection: Projection) -> dict:
    """Every latent of every row as a point, with what it says.

    Returns:
        `explained`, `random`, `shuffled`, `n_reference` of the projection, and `rows`, each with id, question, answer,
        reference, correct and `latents`: number, step, x (k coordinates), text, stop (probability), sigma (mean).

    Raises:
        ValueError: the planner has no decoder, or the trace was not decoded or not answered.
    """
    texts = _latent_texts(planner, trace)
    points, c = projection(trace.latents), planner.model.config.latents_per_step
    stops, sigmas = trace.stop_probs.tolist(), trace.sigma.mean(-1).tolist()
    rows = []
    for row, count in enumerate(trace.n_latents.tolist()):
        latents = [
            {
                "number": t + 1,
                "step": t // c + 1,
                "x": [rounded(value) for value in points[row, t]],
                "text": texts[row][t // c] if t // c < len(texts[row]) else "",
                "stop": rounded(stops[row][t]),
                "sigma": rounded(sigmas[row][t]),
            }
            for t in range(count)
        ]
        rows.append(_who(trace, row) | {"latents": latents})
    return {
        "explained": list(projection.explained),
        "random": list(projection.random),
        "shuffled": list(projection.shuffled),
        "n_reference": projection.n,
        "rows": rows,
    }


# ------------------------------------------------------------------ one problem


def thought_table(planner: Planner, trace: Trace, row: int = 0) -> dict:
    """What the planner thought about one problem, step by step.

    Returns:
        question, answer (the model's), reference (the exact one), correct, n_latents, n_answer_tokens, coherence and
        right (shares of the steps, in [0, 1]), and `steps`, each with number, kind ("latent", or "words" for a step
        written out), text, probability (of the decoded text under the decoder, exp of the summed log-probabilities),
        stop (probability of stopping after it), decided (whether the stop head had the say there), sigma (mean over
        its latents and dimensions), right (valid arithmetic), coherent, used_in (numbers of later steps) and
        is_answer. What a written step has no value for is None.

    Raises:
        ValueError: the planner has no decoder, or the trace was not decoded or not answered.
        IndexError: there is no such row.
    """
    if not 0 <= row < len(trace):
        raise IndexError(f"row {row} of a trace with {len(trace)} rows: give 0 to {len(trace) - 1}")
    texts, c = _latent_texts(planner, trace)[row], planner.model.config.latents_per_step
    found = coherence(trace.steps[row], trace.answers[row])
    steps = []
    for i, use in enumerate(found.steps):
        is_latent, last = i < len(texts), (i + 1) * c - 1
        own = slice(i * c, last + 1)
        values = {"probability": None, "stop": None, "decided": False, "sigma": None}
        if is_latent:
            values = {
                "probability": rounded(math.exp(float(trace.step_log_probs[row, i].sum()))),
                "stop": rounded(float(trace.stop_probs[row, last])),
                "decided": bool(trace.stop_decided[row, last]),
                "sigma": rounded(float(trace.sigma[row, own].mean())),
            }
        steps.append(
            {"number": i + 1, "kind": "latent" if is_latent else "words", "text": use.text}
            | values
            | {
                "right": use.is_right,
                "coherent": use.is_coherent,
                "used_in": [later + 1 for later in use.used_in],
                "is_answer": use.is_answer,
            }
        )
    return _who(trace, row) | {
        "n_latents": int(trace.n_latents[row]),
        "n_answer_tokens": int(trace.n_answer_tokens[row]),
        "coherence": rounded(found.score),
        "right": rounded(found.right),
        "steps": steps,
    }


def coherence_graph(steps: Sequence[str], answer: str, reference: str | None = None) -> dict:
    """Which result is used where, as nodes and edges.

    Returns:
        `nodes`: one per step (id, kind "step", text, result, value, is_equation, right, coherent), then the answer
        (kind "answer"; right is None without a `reference`). `value` is what the left side really is. `edges`: source
        and target ids and the result that is handed on. `score` is R_coh, `right` the share of valid arithmetic.
    """
    found = coherence(steps, answer)
    nodes, edges, end = [], [], len(found.steps)
    for i, use in enumerate(found.steps):
        result = None if use.equation is None else _number(use.equation.rhs)
        nodes.append(
            {
                "id": i,
                "kind": "step",
                "text": use.text,
                "result": result,
                "value": None if use.equation is None else _number(use.equation.value),
                "is_equation": use.equation is not None,
                "right": use.is_right,
                "coherent": use.is_coherent,
            }
        )
        edges += [{"source": i, "target": later, "value": result} for later in use.used_in]
        edges += [{"source": i, "target": end, "value": result}] if use.is_answer else []
    right = None if reference is None else same_number(answer, reference)
    number = read_answer(answer)
    nodes.append(
        {
            "id": end,
            "kind": "answer",
            "text": answer,
            "result": None if number is None else _number(number),
            "value": reference,
            "is_equation": False,
            "right": right,
            "coherent": any(edge["target"] == end for edge in edges),
        }
    )
    return {"nodes": nodes, "edges": edges, "score": rounded(found.score), "right": rounded(found.right)}


# ------------------------------------------------------------------ a training run


def curves(metrics: Iterable[Mapping], names: Sequence[str] | None = None) -> dict[str, dict[str, list]]:
    """Lines of a `metrics.jsonl` -> {name: {"step": [...], "value": [...]}}, a series for each metric that occurs.

    names: the metrics wanted, in this order; None takes all. A name that no line has is left out.
    """
    lines = [line for line in metrics if "step" in line]
    if names is None:
        names = list(dict.fromkeys(name for line in lines for name in line if name != "step"))
    series = {}
    for name in names:
        pairs = [(line["step"], line[name]) for line in lines if isinstance(line.get(name), int | float)]
        if pairs:
            series[name] = {"step": [step for step, _ in pairs], "value": [rounded(value) for _, value in pairs]}
    return series


def stages(metrics: Iterable[Mapping]) -> list[dict[str, int]]:
    """The curriculum stages of an SFT run, each with its `stage`, and `first` and `last` optimizer step.

    A stage is known to the nearest logged line: it begins where the line of the stage before was written.
    """
    spans: list[dict[str, int]] = []
    end = 0
    for line in metrics:
        if "stage" in line:
            if not spans or spans[-1]["stage"] != line["stage"]:
                spans.append({"stage": line["stage"], "first": end, "last": end})
            spans[-1]["last"] = end = line["step"]
    return spans


def running_mean(values: Sequence[float | None], window: int) -> list[float | None]:
    """The mean of each value with its neighbours, `window` values in all (fewer at the ends); None is skipped."""
    half, means = window // 2, []
    for i in range(len(values)):
        near = [v for v in values[max(0, i - half) : i + half + 1] if v is not None]
        means.append(rounded(sum(near) / len(near)) if near else None)
    return means


# ------------------------------------------------------------------ helpers


def _array(values: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().double().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def _shares(values: np.ndarray) -> tuple[float, ...]:
    return tuple(rounded(value) for value in values)


def _number(value: Fraction) -> str:
    """A fraction as people write it: `7`, or `7/2`."""
    return str(value)


def _who(trace: Trace, row: int) -> dict:
    """The problem of a row and whether it was solved; `correct` is None where nobody said what is right."""
    problem = trace.problems[row] if trace.problems else None
    return {
        "id": problem.id if problem else "",
        "question": problem.question if problem else "",
        "answer": trace.answers[row],
        "reference": problem.answer if problem else None,
        "correct": same_number(trace.answers[row], problem.answer) if problem else None,
    }


def _latent_texts(planner: Planner, trace: Trace) -> list[list[str]]:
    """The text of every latent step of every row. Raises ValueError where it cannot be had."""
    if planner.model.decoder is None:
        raise ValueError(
            "this planner has no decoder, so its latents cannot be read as text: train one with a decoder "
            "(ModelSettings.decoder_layers 1 or more)"
        )
    if trace.step_tokens is None or not trace.answers:
        raise ValueError(
            "this trace was not answered and decoded: get it from planner.reason(problems), or call planner.finish(trace)"
        )
    return planner.step_texts(trace)
