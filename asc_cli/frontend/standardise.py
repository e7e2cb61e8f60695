"""Standardise features: zero mean and unit deviation of every band over a training part.

F bands, T frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

SMALLEST_DEVIATION = 1e-5  # a band that never changes is centred, not divided by zero


@dataclass(frozen=True)
class Standardisation:
    """Per band: x → (x − mean) / deviation, with the training fold's figures."""

    mean: np.ndarray  # (F,) float32
    deviation: np.ndarray  # (F,) float32

    def __call__(self, frames: np.ndarray) -> np.ndarray:  # (..., F) -> (..., F)
        return (frames - self.mean) / self.deviation


def no_standardisation(n_bands: int) -> Standardisation:
    """Return mean 0 and deviation 1: for models that need features as they are."""
    return Standardisation(np.zeros(n_bands, np.float32), np.ones(n_bands, np.float32))


def fit_standardisation(recordings: Iterable[np.ndarray]) -> Standardisation:  # each (T, F)
    """Return mean and deviation of each band over all frames, summed in float64, in this order."""
    n, total, squares = 0, np.float64(0), np.float64(0)
    for frames in recordings:
        wide = frames.astype(np.float64)
        n += len(wide)
        total = total + wide.sum(axis=0)
        squares = squares + np.square(wide).sum(axis=0)
    mean = total / n
    deviation = np.sqrt(np.maximum(squares / n - mean**2, 0))
    return Standardisation(
        mean.astype(np.float32),
        np.maximum(deviation, SMALLEST_DEVIATION).astype(np.float32),
    )
