"""How far a recording is from all scenes that a member was trained on.

Of each clip the member gives numbers, whose mean over a recording's clips describes it:

    lse       logsumexp of the raw scores                        Liu et al., arXiv:2010.03759
    p (C,)    probabilities                                      Hendrycks, arXiv:1610.02136
    e (D,)    input of the last linear layer, if there is one    Lee et al., arXiv:1807.03888
    m (2F,)   mean of each standardised band, and of its square: the sound, without the network

    s = 1 − max p, or −lse, or min_c d(e; μ_c, Σ)
    v = mean of each band, and ln(its deviation over the recording + 0.001)
    r = distance of v to the nearest training recording's       Sun et al., arXiv:2204.06507
    g = min_c d(v; μ_c, Σ) − d(v; μ, Σ′)                        Ren et al., arXiv:2106.09022
    t = r / (r + ρ), ρ: distance of v to the nearest negative

    S = z(s) + z(r) + z(g)                  z(x) = (x − median) / (q − median)
    score = the largest of z(S), and of r / reach and t / limit where they are above 1

Each median and q is of the recordings that the recipe's `validation` holds out: S exceeds its q in
a share of 1 − keep of them. Negatives are recordings of none of the scenes: signals that are made
up, and those of a folder. A recording nearer to them than any held-out one, and than 99 % of those
trained on, is one of them: t above the limit. Reach is the largest r of any of them, or of a
training recording among the others: a sound beyond it is unlike all that the member was trained on,
whatever the network makes of it. So a score above 1 is rare among recordings of the scenes. r and ρ
are Euclidean, the mean over the numbers, each divided by its deviation over the training
recordings. d is the squared Mahalanobis distance, with a mean for each scene, or one of all, and
the covariance of a probabilistic principal component analysis (Tipping and Bishop, 1999): K
directions V with variances λ, and σ² in all others,

    d(x; μ, Σ) = Σ_k (v_k · (x − μ))² / λ_k + (|x − μ|² − Σ_k (v_k · (x − μ))²) / σ²

Statistics of an earlier form have no g and no negatives: score = max(z(s), r / reach). Several
members, or systems of an ensemble: the (weighted) mean of their scores.

C scenes, D numbers of an embedding, F bands, n recordings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.inference.distances import SMALLEST_DEVIATION, Gaussian, Neighbours
from asc_cli.inference.networks import NO_EMBEDDING, Network, log_softmax

SCORES = ("probability", "energy", "distance")
MOST = 100.0  # of a score: a band that never changed in training would make it any number


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
class Scale:
    """What z divides by: the middle of the held-out recordings' values, and what few exceed."""

    median: float
    end: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        span = max(self.end - self.median, 1e-9 * (1 + abs(self.median)))
        return (x - self.median) / span


@dataclass(frozen=True)
class Sound:
    """What the sound adds to the network's score.

    Attributes:
        scenes: Of the training recordings' v, divided by their scale: a mean a scene.
        every: Of the same with one mean.
        nearest: Scale of r.
        relative: Scale of g.
        together: Scale of S.
        negatives: v of recordings of none of the scenes.
        limit: Of t.
    """

    scenes: Gaussian
    every: Gaussian
    nearest: Scale
    relative: Scale
    together: Scale
    negatives: Neighbours
    limit: float

    def g(self, v: np.ndarray) -> np.ndarray:  # (n, 2F) -> (n,)
        """Return how much farther v is from the nearest scene than from all scenes together."""
        scaled = v / self.negatives.scale
        return self.scenes.distance(scaled) - self.every.distance(scaled)


def t(r: np.ndarray, negatives: Neighbours, v: np.ndarray) -> np.ndarray:  # (n,), (n, 2F) -> (n,)
    """Return how near recordings are to the negatives: 1 for one of them, 0 for one trained on."""
    rho = negatives.distance(v)
    return r / np.maximum(r + rho, np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Statistics:
    """What a member's scores are computed with.

    Attributes:
        score: The network's, of SCORES.
        layout: Of the descriptions.
        embeddings: Of the training recordings, a mean a scene; None without a linear layer.
        sounds: Of training recordings.
        scale: Of s.
        reach: The largest r.
        sound: None in statistics of an earlier form.
    """

    score: str
    layout: Layout
    embeddings: Gaussian | None
    sounds: Neighbours
    scale: Scale
    reach: float
    sound: Sound | None = None

    def scores(self, rows: np.ndarray) -> np.ndarray:  # (n, V) -> (n,)
        """Return how far recordings are from all scenes; above 1: of none of them."""
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            v = self.layout.sounds(rows)
            r = self.sounds.distance(v)
            if (sound := self.sound) is None:
                return np.maximum(self._own(rows), r / self.reach)
            score = sound.together(self._sums(rows, v, r, sound))
            for limited in (r / self.reach, t(r, sound.negatives, v) / sound.limit):
                score = np.where(limited > 1, np.maximum(score, limited), score)
            return np.minimum(score, MOST)

    def sums(self, rows: np.ndarray) -> np.ndarray:  # (n, V) -> (n,)
        """Return S."""
        assert self.sound is not None
        v = self.layout.sounds(rows)
        return self._sums(rows, v, self.sounds.distance(v), self.sound)

    def _sums(self, rows: np.ndarray, v: np.ndarray, r: np.ndarray, sound: Sound) -> np.ndarray:
        return self._own(rows) + sound.nearest(r) + sound.relative(sound.g(v))

    def _own(self, rows: np.ndarray) -> np.ndarray:
        return self.scale(self.layout.score(self.score, rows, self.embeddings))
