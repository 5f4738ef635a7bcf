"""Latents as points: principal axes of a reference set, frozen, with controls that say how much they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor

from atp_lite.model import Trace
from atp_lite.planner import Planner
from atp_lite.views.measure import latent_texts, problem_record, rounded


@dataclass(frozen=True, eq=False)
class Projection:
    """Principal axes of a reference set of latents, frozen: later latents go into the same picture."""

    mean: np.ndarray
    """(d,) of the reference latents."""
    axes: np.ndarray
    """(k, d) orthonormal; the largest entry of each is positive, so that no picture is mirrored by chance."""
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
    """Principal component analysis of all latents in `traces`: every row, every latent that was thought.

    Two controls say how much of a picture is there because PCA looks for it: random orthogonal directions
    (each holds 1 / d of the variance on average), and PCA of the same numbers with each dimension shuffled on
    its own, which keeps their variances and destroys every relation between them (Horn 1965, parallel analysis).

    Args:
        traces: the reference set.
        dims: k, axes to keep.
        seed: of the two controls.

    Raises:
        ValueError: not more than `dims` latents, or latents that are all the same.
    """
    traces = [traces] if isinstance(traces, Trace) else list(traces)
    parts = [_array(trace.latents[trace.latent_mask]) for trace in traces]
    points = np.concatenate(parts) if parts else np.zeros((0, 0))  # (N, d)
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
    """The control for a picture: as many random orthogonal directions, through the same reference set's mean.

    Its `explained` is what these directions hold of the variance of `traces`, the reference set.
    """
    points = np.concatenate([_array(trace.latents[trace.latent_mask]) for trace in traces])
    axes = np.linalg.qr(np.random.default_rng(seed).normal(size=like.axes.T.shape))[0].T  # (k, d)
    variance = ((points - like.mean) @ axes.T).var(0)
    total = float((points - like.mean).var(0).sum())
    return replace(
        like,
        axes=axes,
        stddev=tuple(map(rounded, np.sqrt(variance))),
        explained=tuple(map(rounded, variance / total)),
    )


def neighbour_embedding(traces: Sequence[Trace], seed: int = 0) -> list[np.ndarray]:
    """t-SNE of all latents of all traces together (van der Maaten & Hinton 2008), by scikit-learn.

    Near points were near; distances between groups, their sizes and the axes mean nothing. Later latents cannot be
    added, so everything that is to be compared has to be here.

    Returns:
        (B, T, 2) coordinates for each trace; NaN where no latent was thought.

    Raises:
        ValueError: fewer than ten latents.
    """
    parts = [_array(trace.latents[trace.latent_mask]) for trace in traces]
    points = np.concatenate(parts)
    if len(points) < 10:
        raise ValueError(f"{len(points)} latents are too few for a map of neighbours: give traces of more problems")
    perplexity = min(30.0, (len(points) - 1) / 3)
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
    """Every latent of every row as a point, with what it says.

    Args:
        coordinates: (B, T, 2) of `neighbour_embedding`, in the place of those of the projection.

    Returns:
        `explained`, `random`, `shuffled` and `n_reference` of the projection, and `rows`, each with id,
        question, answer, reference, correct, and `latents`: number, step, x (k coordinates), text, probability (of
        that text), stop (probability of stopping after it), sigma (mean over dimensions), covariance (covariance of its
        posterior on the first two axes: xx, xy, yy; None with `coordinates`).

    Raises:
        ValueError: no decoder, a trace that was not answered and decoded, or latents of another width.
    """
    texts = latent_texts(planner, trace)
    points, c = projection(trace.latents), planner.model.config.latents_per_step
    stops, sigmas = trace.stop_probs.tolist(), trace.sigma.mean(-1).tolist()
    chances = trace.step_log_probs.sum(-1).exp().tolist()
    flat = projection.axes[:2]  # (2, d)
    covariance = np.einsum("btd,id,jd->btij", _array(trace.sigma) ** 2, flat, flat)  # (B, T, 2, 2)
    if coordinates is not None:
        points = coordinates
    rows = []
    for row, count in enumerate(trace.n_latents.tolist()):
        latents = [
            {
                "number": t + 1,
                "step": t // c + 1,
                "x": points[row, t].round(3).tolist(),
                "text": texts[row][t // c] if t // c < len(texts[row]) else "",
                "probability": round(chances[row][t // c], 4) if t // c < len(texts[row]) else None,
                "stop": round(stops[row][t], 4),
                "sigma": round(sigmas[row][t], 4),
                "covariance": None if coordinates is not None else _upper_triangle(covariance[row, t]),
            }
            for t in range(count)
        ]
        rows.append(problem_record(trace, row) | {"latents": latents})
    return {
        "explained": list(projection.explained),
        "random": list(projection.random),
        "shuffled": list(projection.shuffled),
        "n_reference": projection.n,
        "rows": rows,
    }


def _upper_triangle(matrix: np.ndarray) -> list[float]:
    """xx, xy, yy of a symmetric matrix; one axis only has xx."""
    return [rounded(value) for value in matrix[np.triu_indices(len(matrix))]]


def _array(values: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().double().cpu().numpy()
    return np.asarray(values, dtype=np.float64)
