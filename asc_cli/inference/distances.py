"""Distances to training recordings, for `unknown.py`, which has their formulas and sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DIRECTIONS = 32  # K, at most
SMALLEST_DEVIATION = 1e-3  # of a standardised band
MOST = 1000  # training recordings whose sounds are stored
SMALLEST_SHARE = 1e-4  # of the mean variance of all directions: what σ² is at least


@dataclass(frozen=True)
class Gaussian:
    """Normal distributions with means of their own and one covariance.

    Attributes:
        means: (M, D).
        directions: (K, D), of unit length.
        variances: (K,), along each direction.
        rest: σ², along all others.
    """

    means: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    rest: float

    def distance(self, x: np.ndarray) -> np.ndarray:  # (n, D) -> (n,)
        """Return the squared Mahalanobis distance to the nearest mean."""
        return np.min([self._distance(x - mean) for mean in self.means], axis=0)

    def _distance(self, away: np.ndarray) -> np.ndarray:  # (n, D) -> (n,)
        along = (away @ self.directions.T) ** 2
        if len(self.directions) == away.shape[1]:  # there are no others, only their rounding
            return (along / self.variances).sum(axis=1)
        others = np.maximum((away**2).sum(axis=1) - along.sum(axis=1), 0)
        return (along / self.variances).sum(axis=1) + others / self.rest

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Return what `gaussian_of` reads, under names that begin with `name`."""
        return {
            f"{name}.means": self.means.astype(np.float32),
            f"{name}.directions": self.directions.astype(np.float32),
            f"{name}.variances": self.variances,
            f"{name}.rest": np.array([self.rest]),
        }

    def require_width(self, size: int) -> None:
        """Raise ValueError for arrays that are not of `size` numbers a mean."""
        expected = (len(self.variances), size)
        if self.means.shape[1:] != (size,) or self.directions.shape != expected:
            shapes = self.means.shape, self.directions.shape
            raise ValueError(f"shapes {shapes} that do not fit each other")


def gaussian_of(name: str, arrays: dict[str, np.ndarray]) -> Gaussian:
    """Return what `Gaussian.arrays` gave. Raises LookupError where a part is missing."""
    parts = (arrays[f"{name}.{part}"] for part in ("means", "directions", "variances"))
    means, directions, variances = parts
    double = (means.astype(np.float64), directions.astype(np.float64), variances)
    return Gaussian(*double, float(arrays[f"{name}.rest"][0]))


def fit_gaussian(x: np.ndarray, labels: np.ndarray, least: float = 0.0) -> Gaussian:  # (n, D), (n,)
    """Fit a mean for each label that occurs, and one covariance, of variances from `least` on."""
    classes, which = np.unique(labels, return_inverse=True)
    means = np.stack([x[which == number].mean(axis=0) for number in range(len(classes))])
    _, lengths, directions = np.linalg.svd(x - means[which], full_matrices=False)
    n, size = x.shape
    variances = lengths**2 / max(1, n - len(classes))
    floor = SMALLEST_SHARE * variances.sum() / size + np.finfo(np.float64).tiny
    floor = max(floor, least)
    n_used = min(DIRECTIONS, size, max(1, (n - len(classes)) // 2))
    rest = variances[n_used:].sum() / max(1, size - n_used)
    return Gaussian(
        means, directions[:n_used], np.maximum(variances[:n_used], floor), max(float(rest), floor)
    )


@dataclass(frozen=True)
class Neighbours:
    """Sounds of training recordings.

    Attributes:
        rows: (n, U) of them, each number divided by its scale.
        scale: (U,).
    """

    rows: np.ndarray
    scale: np.ndarray

    def distance(self, v: np.ndarray, itself: bool = False) -> np.ndarray:  # (n, U) -> (n,)
        """Return the distance to the nearest row; `itself`: v are the rows, and each one's nearest
        is another."""
        scaled = v / self.scale
        nearest = np.empty(len(v))
        for i, one in enumerate(scaled):
            squares = ((self.rows - one) ** 2).mean(axis=1)
            if itself:
                squares[i] = np.inf
            nearest[i] = np.sqrt(squares.min())
        return nearest

    def others(self, v: np.ndarray) -> Neighbours:  # (n, U)
        """Return other recordings in the same scale."""
        return Neighbours(_stored(v / self.scale), self.scale)


def neighbours(v: np.ndarray) -> Neighbours:  # (n, U)
    """Return the neighbours that recordings are: at most MOST of them, evenly taken."""
    used = v[np.unique(np.linspace(0, len(v) - 1, min(MOST, len(v))).round().astype(int))]
    scale = used.std(axis=0) + SMALLEST_DEVIATION
    return Neighbours(_stored(used / scale), scale)


def _stored(rows: np.ndarray) -> np.ndarray:
    """Return rows as they are read again from a file of 16-bit numbers."""
    largest = float(np.finfo(np.float16).max)
    return rows.clip(-largest, largest).astype(np.float16).astype(np.float64)
