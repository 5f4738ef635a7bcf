"""Latents as points: principal axes fitted on a reference set, with controls that say how much they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Rational

import numpy as np
from torch import Tensor

from atp_lite.domains import measured
from atp_lite.model import Trace
from atp_lite.planner import Planner
from atp_lite.views.measure import latent_texts, problem_record, rounded


@dataclass(frozen=True, eq=False)
class Projection:
    """Principal axes of a reference set of latents, onto which other latents can be projected too."""

    mean: np.ndarray
    """(d,) of the reference latents."""
    axes: np.ndarray
    """(k, d) orthonormal; the largest entry of each is positive, which fixes the sign."""
    stddev: tuple[float, ...]
    """(k,) standard deviation of the reference set along each axis, in latent units."""
    explained: tuple[float, ...]
    """(k,) share of the reference set's variance along each axis, in [0, 1]."""
    random: tuple[float, ...]
    """(k,) control: the same share along k random orthogonal directions, on average."""
    shuffled: tuple[float, ...]
    """(k,) control: the same share for PCA of latents whose dimensions were shuffled each on its own."""
    n: int
    """Latents in the reference set."""

    def __call__(self, latents: Tensor | np.ndarray) -> np.ndarray:
        """Latents (..., d) -> coordinates (..., k), in the units of the latents.

        Raises:
            ValueError: the latents have another width.
        """
        values = _array(latents)
        if values.shape[-1] != len(self.mean):
            raise ValueError(
                f"latents of width {values.shape[-1]} do not fit a projection of width {len(self.mean)}: "
                "fit one on traces of the same model"
            )
        return (values - self.mean) @ self.axes.T


def fit_projection(traces: Trace | Sequence[Trace], dims: int = 3, seed: int = 0) -> Projection:
    """Principal component analysis of all latents in `traces`.

    Two controls say how much of the explained variance is an artefact of PCA: random orthogonal directions (1 / d of
    the variance each, on average), and PCA after shuffling each dimension on its own, which keeps the variances and
    destroys all correlations (Horn 1965, parallel analysis).

    Args:
        traces: the reference set.
        dims: k, axes to keep.
        seed: of the two controls.

    Raises:
        ValueError: not more than `dims` latents, or latents that are all the same.
    """
    points = np.concatenate(_latents(traces) or [np.zeros((0, 0))])  # (N, d)
    if len(points) <= dims or points.shape[1] < dims:
        raise ValueError(
            f"{len(points)} latents of width {points.shape[1]} do not fill {dims} axes: give traces of more "
            "problems, from a model that thinks in latents (one that reasons in words thinks none)"
        )
    centred = points - points.mean(0)
    total = float(centred.var(0).sum())
    if total == 0.0:
        raise ValueError(f"all {len(points)} latents are one point: there is no direction to draw them along")
    rng = np.random.default_rng(seed)
    from sklearn.decomposition import PCA  # slow to import, and only needed here

    pca = PCA(dims, svd_solver="full").fit(centred)
    draws = [np.linalg.qr(rng.normal(size=(points.shape[1], dims)))[0] for _ in range(100)]
    random = np.mean([(centred @ draw).var(0) / total for draw in draws], axis=0)
    shuffled = PCA(dims, svd_solver="full").fit(rng.permuted(centred, axis=0)).explained_variance_ratio_
    return Projection(
        mean=points.mean(0),
        axes=pca.components_,  # (k, d), signs as scikit-learn sets them: the largest entry is positive
        stddev=tuple(map(rounded, np.sqrt(pca.explained_variance_))),
        explained=tuple(map(rounded, pca.explained_variance_ratio_)),
        random=tuple(map(rounded, random)),
        shuffled=tuple(map(rounded, shuffled)),
        n=len(points),
    )


def random_projection(like: Projection, traces: Sequence[Trace], seed: int = 0) -> Projection:
    """As many random orthogonal directions as `like` has axes, as a control; `traces` are its reference set."""
    points = np.concatenate(_latents(traces))
    axes = np.linalg.qr(np.random.default_rng(seed).normal(size=like.axes.T.shape))[0].T  # (k, d)
    variance = ((points - like.mean) @ axes.T).var(0)
    total = float((points - like.mean).var(0).sum())
    stddev, explained = (tuple(map(rounded, values)) for values in (np.sqrt(variance), variance / total))
    return replace(like, axes=axes, stddev=stddev, explained=explained)


def neighbour_embedding(traces: Sequence[Trace], seed: int = 0) -> list[np.ndarray]:
    """t-SNE of all latents of all traces together (van der Maaten & Hinton 2008), by scikit-learn.

    Only neighbourhoods mean anything: distances between groups, their sizes and the axes do not. Latents cannot be
    added later, so pass everything that is to be compared.

    Returns:
        (B, T, 2) coordinates for each trace; NaN where no latent was thought.

    Raises:
        ValueError: fewer than ten latents.
    """
    parts = _latents(traces)
    points = np.concatenate(parts)
    if len(points) < 10:
        raise ValueError(f"{len(points)} latents are too few for a map of neighbours: give traces of more problems")
    perplexity = min(30.0, (len(points) - 1) / 3)
    from sklearn.manifold import TSNE

    found = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(points)
    maps = []
    for trace, coordinates in zip(traces, np.split(found, np.cumsum([len(part) for part in parts])[:-1]), strict=True):
        mask = trace.latent_mask.cpu().numpy()
        maps.append(np.full((*mask.shape, 2), np.nan))
        maps[-1][mask] = coordinates
    return maps


def trajectories(
    planner: Planner, trace: Trace, projection: Projection, coordinates: np.ndarray | None = None
) -> dict:
    """Every latent of every row as a point, with its decoded text.

    Args:
        coordinates: (B, T, 2) of `neighbour_embedding`, instead of those of the projection.

    Returns:
        `explained`, `random`, `shuffled` and `n_reference` of the projection, and `rows`: what `problem_record` returns
        and `latents`, each with number, step, x (k coordinates), text, kind (of step, such as its operator), result
        (where that is a number), probability (of the text), stop (probability of stopping after it), sigma (mean over
        dimensions), covariance (of its distribution on the first two axes: xx, xy, yy; None with `coordinates`).

    Raises:
        ValueError: no decoder, a trace that was not answered and decoded, or latents of another width.
    """
    texts = latent_texts(planner, trace)
    points, c = projection(trace.latents), planner.model.config.latents_per_step
    flat = projection.axes[:2]  # (2, d)
    covariance = np.einsum("btd,id,jd->btij", _array(trace.sigma) ** 2, flat, flat)  # (B, T, 2, 2)
    upper = np.triu_indices(len(flat))
    if coordinates is not None:
        points = coordinates

    def step(row: int, i: int) -> dict:
        if i >= len(texts[row]):
            return {"text": "", "kind": trace.domain.step_kind(""), "result": None, "probability": None}
        text, read = texts[row][i], measured(trace.domain.read_step, texts[row][i])
        result = None if read is None or not isinstance(read.rhs, Rational) else round(float(read.rhs), 4)
        probability = round(float(trace.step_log_probs[row, i].sum().exp()), 4)
        return {"text": text, "kind": trace.domain.step_kind(text), "result": result, "probability": probability}

    def latent(row: int, t: int) -> dict:
        place = {"number": t + 1, "step": t // c + 1, "x": points[row, t].round(3).tolist()}
        own = None if coordinates is not None else [rounded(value) for value in covariance[row, t][upper]]
        stop, sigma = round(float(trace.stop_probs[row, t]), 4), round(float(trace.sigma[row, t].mean()), 4)
        return place | step(row, t // c) | {"stop": stop, "sigma": sigma, "covariance": own}

    counts = trace.n_latents.tolist()
    return {
        "explained": list(projection.explained),
        "random": list(projection.random),
        "shuffled": list(projection.shuffled),
        "n_reference": projection.n,
        "rows": [
            problem_record(trace, row) | {"latents": [latent(row, t) for t in range(count)]}
            for row, count in enumerate(counts)
        ],
    }


def _latents(traces: Trace | Sequence[Trace]) -> list[np.ndarray]:
    """All latents (N_i, d) of each trace."""
    return [
        _array(trace.latents[trace.latent_mask]) for trace in ([traces] if isinstance(traces, Trace) else traces)
    ]


def _array(values: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().double().cpu().numpy()
    return np.asarray(values, dtype=np.float64)
