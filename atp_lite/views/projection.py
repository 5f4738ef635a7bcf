"""Latents as points: principal axes of a reference set, frozen, with controls that say how much they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from torch import Tensor

from atp_lite.model import Trace
from atp_lite.planner import Planner
from atp_lite.views.measure import identity, latent_texts, rounded


@dataclass(frozen=True, eq=False)
class Projection:
    """Principal axes of a reference set of latents, frozen: later latents go into the same picture."""

    mean: np.ndarray
    """(d,) of the reference latents."""
    axes: np.ndarray
    """(k, d) orthonormal; the largest entry of each is positive, so that no picture is mirrored by chance."""
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
        explained=tuple(map(rounded, pca.explained_variance_ratio_)),
        random=tuple(map(rounded, random)),
        shuffled=tuple(map(rounded, shuffled)),
        n=len(points),
    )


def trajectories(planner: Planner, trace: Trace, projection: Projection) -> dict:
    """Every latent of every row as a point, with what it says.

    Returns:
        `explained`, `random`, `shuffled` and `n_reference` of the projection, and `rows`, each with id,
        question, answer, reference, correct, and `latents`: number, step, x (k coordinates), text, stop
        (probability of stopping after it), sigma (mean over dimensions).

    Raises:
        ValueError: no decoder, a trace that was not answered and decoded, or latents of another width.
    """
    texts = latent_texts(planner, trace)
    points, c = projection(trace.latents), planner.model.config.latents_per_step
    stops, sigmas = trace.stop_probs.tolist(), trace.sigma.mean(-1).tolist()
    rows = []
    for row, count in enumerate(trace.n_latents.tolist()):
        latents = [
            {
                "number": t + 1,
                "step": t // c + 1,
                "x": points[row, t].round(3).tolist(),
                "text": texts[row][t // c] if t // c < len(texts[row]) else "",
                "stop": round(stops[row][t], 4),
                "sigma": round(sigmas[row][t], 4),
            }
            for t in range(count)
        ]
        rows.append(identity(trace, row) | {"latents": latents})
    return {
        "explained": list(projection.explained),
        "random": list(projection.random),
        "shuffled": list(projection.shuffled),
        "n_reference": projection.n,
        "rows": rows,
    }


def _array(values: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().double().cpu().numpy()
    return np.asarray(values, dtype=np.float64)
