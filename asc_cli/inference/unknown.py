"""How far a recording is from all scenes that a member was trained on.

Of each clip the member gives numbers, whose mean over a recording's clips describes it:

    lse       logsumexp of the raw scores                        Liu et al., arXiv:2010.03759
    p (C,)    probabilities                                      Hendrycks, arXiv:1610.02136
    e (D,)    input of the last linear layer, if there is one    Lee et al., arXiv:1807.03888
    m (2F,)   mean of each standardised band, and of its square: the sound, without the network

    s = 1 − max p, or −lse, or min_c d(e; μ_c, Σ)
    v = mean of each band, and ln(its deviation over the recording + 0.001)
    r = distance of v to the nearest training recording's       Sun et al., arXiv:2204.06507
    score = max((s − median) / (q − median), r / reach)

Median and q are of the recordings that the recipe's `validation` holds out: s exceeds q in a share
of 1 − keep of them. Reach is the largest r of any of them, or of a training recording among the
others: a sound beyond it is unlike all that the member was trained on, whatever the network makes
of it. So a score above 1 is rare among recordings of the scenes. r is Euclidean, the mean over the
numbers, each divided by its deviation over the training recordings. d is the squared Mahalanobis
distance, with the
covariance of a probabilistic principal component analysis (Tipping and Bishop, 1999): K directions
V with variances λ, and σ² in all others,

    d(x; μ, Σ) = Σ_k (v_k · (x − μ))² / λ_k + (|x − μ|² − Σ_k (v_k · (x − μ))²) / σ²

Several members, or systems of an ensemble: the (weighted) mean of their scores.

C scenes, D numbers of an embedding, F bands, n recordings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import tensors
from asc_cli.core.errors import AscError, DamagedFile
from asc_cli.inference.distances import (
    SMALLEST_DEVIATION,
    Gaussian,
    Neighbours,
    fit_gaussian,
    neighbours,
)
from asc_cli.inference.networks import NO_EMBEDDING, Network, log_softmax

SCORES = ("probability", "energy", "distance")
REMEDY = "import the model again from its zip file, or train it again"


@dataclass(frozen=True)
class Layout:
    """Where the numbers of a description (1 + C + D + 2F,) are."""

    n_scenes: int
    n_embedding: int  # 0 without a linear layer
    n_bands: int

    @property
    def size(self) -> int:
        """Return V."""
        return 1 + self.n_scenes + self.n_embedding + 2 * self.n_bands

    def describe(
        self, network: Network, x: np.ndarray, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:  # (B, T, F), (B, T)
        """Return clips' log probabilities (B, C), descriptions and embeddings (B, D)."""
        raw, embedding = network.scores(x, mask, self.n_embedding > 0)
        logs = log_softmax(raw)
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            energy = np.logaddexp.reduce(raw.astype(np.float64), axis=1)[:, None]
            parts = [energy, np.exp(logs), *([] if embedding is None else [embedding])]
            return logs, np.concatenate([*parts, sound(x, mask)], axis=1), embedding

    def score(self, name: str, rows: np.ndarray, embeddings: Gaussian | None) -> np.ndarray:
        """Return s (n,) of descriptions (n, V)."""
        if name == "distance":
            assert embeddings is not None
            return embeddings.distance(self.embeddings(rows))
        if name == "energy":
            return -rows[:, 0]
        return 1 - rows[:, 1 : 1 + self.n_scenes].max(axis=1)

    def embeddings(self, rows: np.ndarray) -> np.ndarray:  # (n, V) -> (n, D)
        return rows[:, 1 + self.n_scenes : 1 + self.n_scenes + self.n_embedding]

    def sounds(self, rows: np.ndarray) -> np.ndarray:
        """Return v (n, 2F) of descriptions (n, V)."""
        mean, square = np.split(rows[:, 1 + self.n_scenes + self.n_embedding :], 2, axis=1)
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        return np.concatenate([mean, np.log(deviation + SMALLEST_DEVIATION)], axis=1)


def sound(x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:  # (B, T, F), (B, T) -> (B, 2F)
    """Return the mean of each band and of its square over the frames that count."""
    double = x.astype(np.float64)
    counts = np.full((len(x), 1), x.shape[1]) if mask is None else mask.sum(axis=1)[:, None]
    weights = np.ones(x.shape[:2]) if mask is None else mask.astype(np.float64)
    mean = np.einsum("btf,bt->bf", double, weights) / counts
    square = np.einsum("btf,bt->bf", double**2, weights) / counts
    return np.concatenate([mean, square], axis=1)


def layout_of(network: Network, x: np.ndarray, n_scenes: int) -> Layout:
    """Return the layout of a network's descriptions, from one clip (1, T, F)."""
    try:
        _, embedding = network.scores(x, None, True)
    except AscError as fault:
        if str(fault) != NO_EMBEDDING:
            raise
        return Layout(n_scenes, 0, x.shape[2])
    assert embedding is not None
    if embedding.shape[:-1] != (len(x),):  # a linear layer that reads frames, not clips
        return Layout(n_scenes, 0, x.shape[2])
    return Layout(n_scenes, embedding.shape[1], x.shape[2])


@dataclass(frozen=True)
class Statistics:
    """What a member's scores are computed with.

    Attributes:
        score: Its name, of SCORES.
        layout: Of the descriptions.
        embeddings: Of the training recordings, a mean a scene; None without a linear layer.
        sounds: Of training recordings.
        median: Of s.
        end: q.
        reach: The largest r.
    """

    score: str
    layout: Layout
    embeddings: Gaussian | None
    sounds: Neighbours
    median: float
    end: float
    reach: float

    def scores(self, rows: np.ndarray) -> np.ndarray:  # (n, V) -> (n,)
        """Return how far recordings are from all scenes; above 1: of none of them."""
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            s = self.layout.score(self.score, rows, self.embeddings)
            span = max(self.end - self.median, 1e-9 * (1 + abs(self.median)))
            r = self.sounds.distance(self.layout.sounds(rows))
            return np.maximum((s - self.median) / span, r / self.reach)


def fewest(keep: float) -> int:
    """Return how many held-out recordings a share to keep needs: the smallest n whose
    ⌈(n + 1) keep⌉-th smallest score exists (Vovk et al., Algorithmic learning, 2005)."""
    return math.ceil(round(keep / (1 - keep), 9))


def require_enough(n: int, keep: float) -> None:
    """Raise AscError where too few recordings are held out for a share to keep."""
    if n < fewest(keep):
        raise AscError(
            f"evaluation.unknown: {n} recordings are held out, and to keep a share of {keep} needs "
            f"{fewest(keep)}: a larger validation.fraction, or a smaller evaluation.unknown.keep"
        )


def fit(
    rows: np.ndarray,  # (n, V) of recordings that were trained on
    labels: np.ndarray,  # (n,)
    held_out: np.ndarray,  # (m, V) of recordings that were not
    layout: Layout,
    score: str,
    keep: float,
) -> Statistics:
    """Fit distributions on training recordings, and all else on those held out.

    Raises:
        AscError: Too few are held out, or the network has no linear layer to take a distance from.
    """
    require_enough(len(held_out), keep)
    if score == "auto":
        score = "distance" if layout.n_embedding else "probability"
    if score == "distance" and not layout.n_embedding:
        raise AscError(
            "evaluation.unknown.score = distance: this model has no linear layer to take "
            "embeddings from; probability, energy or auto"
        )
    embeddings = fit_gaussian(layout.embeddings(rows), labels) if layout.n_embedding else None
    trained, others = layout.sounds(rows), layout.sounds(held_out)
    sounds = neighbours(trained)
    among = sounds.distance(sounds.rows * sounds.scale, itself=True)
    reach = max(1e-9, among.max(), sounds.distance(others).max())
    s = np.sort(layout.score(score, held_out, embeddings))
    place = math.ceil(round((len(s) + 1) * keep, 9)) - 1
    middle, end = float(np.median(s)), float(s[place])
    return Statistics(score, layout, embeddings, sounds, middle, end, float(reach))


def save(path: Path, statistics: Statistics) -> None:
    """Write statistics as a safetensors file, by torch; complete or not at all."""
    import torch

    own = statistics
    arrays = {
        "layout": np.array([*vars(own.layout).values(), SCORES.index(own.score)]),
        "numbers": np.array([own.median, own.end, own.reach]),
        "sounds.rows": own.sounds.rows.astype(np.float16),
        "sounds.scale": own.sounds.scale,
        **({} if own.embeddings is None else _arrays("embeddings", own.embeddings)),
    }
    contents = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    tensors.save(path, contents)  # with texts, whose order changes, its bytes would change


def load(path: Path) -> Statistics:
    """Read what `save` wrote, without torch. Raises AscError for a file that is damaged."""
    try:
        file = tensors.load_arrays(path)
        arrays = file.arrays
        *sizes, score = (int(number) for number in arrays["layout"])
        layout = Layout(*sizes)
        statistics = Statistics(
            SCORES[score],
            layout,
            _gaussian("embeddings", arrays) if layout.n_embedding else None,
            Neighbours(arrays["sounds.rows"].astype(np.float64), arrays["sounds.scale"]),
            *(float(number) for number in arrays["numbers"]),
        )
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("numbers that are not finite")
        _require_shapes(statistics)
    except (OSError, LookupError, TypeError, ValueError, DamagedFile) as fault:
        raise AscError(f"{path}: is damaged ({fault}); {REMEDY}") from fault
    return statistics


def _require_shapes(of: Statistics) -> None:
    """Raise ValueError for arrays that do not fit the layout."""
    widths: list[tuple[tuple[int, ...], tuple[int, ...]]]
    widths = [(of.sounds.rows.shape[1:], (2 * of.layout.n_bands,))]
    widths += [(of.sounds.scale.shape, (2 * of.layout.n_bands,))]
    if own := of.embeddings:
        widths += [(own.means.shape[1:], (of.layout.n_embedding,))]
        widths += [(own.directions.shape, (len(own.variances), of.layout.n_embedding))]
    if any(shape != expected for shape, expected in widths):
        raise ValueError(f"shapes {[shape for shape, _ in widths]} that do not fit each other")


def _arrays(name: str, of: Gaussian) -> dict[str, np.ndarray]:
    return {
        f"{name}.means": of.means.astype(np.float32),
        f"{name}.directions": of.directions.astype(np.float32),
        f"{name}.variances": of.variances,
        f"{name}.rest": np.array([of.rest]),
    }


def _gaussian(name: str, arrays: dict[str, Any]) -> Gaussian:
    parts = (arrays[f"{name}.{part}"] for part in ("means", "directions", "variances"))
    means, directions, variances = parts
    double = (means.astype(np.float64), directions.astype(np.float64), variances)
    return Gaussian(*double, float(arrays[f"{name}.rest"][0]))
