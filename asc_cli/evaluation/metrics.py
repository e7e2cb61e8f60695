"""Arrays in, figures out: one function a metric.

C scenes, n recordings. A confusion matrix has a row per true scene and a column per guess.
"""

from __future__ import annotations

import numpy as np

LOG_FLOOR = 1e-15


def confusion(labels: np.ndarray, guesses: np.ndarray, C: int) -> np.ndarray:  # -> (C, C)
    """Counts: rows are labels, columns guesses."""
    return np.bincount(labels * C + guesses, minlength=C * C).reshape(C, C)


def accuracy(matrix: np.ndarray) -> float:
    return float(np.trace(matrix) / matrix.sum())


def recall(matrix: np.ndarray) -> np.ndarray:  # (C, C) -> (C,)
    """Accuracy of each scene; NaN for one that is not tested."""
    return ratio(np.diag(matrix), matrix.sum(axis=1))


def macro_accuracy(matrix: np.ndarray) -> float:
    """Mean over the tested scenes."""
    return float(np.nanmean(recall(matrix)))


def precision(matrix: np.ndarray) -> np.ndarray:  # (C, C) -> (C,)
    """Share of right guesses of each scene; NaN for one never guessed."""
    return ratio(np.diag(matrix), matrix.sum(axis=0))


def f1(matrix: np.ndarray) -> np.ndarray:  # (C, C) -> (C,)
    """2 · right / (labelled + guessed); NaN for a scene neither tested nor guessed."""
    return ratio(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))


def macro_f1(matrix: np.ndarray) -> float:
    """Mean over the tested scenes."""
    return float(f1(matrix)[matrix.sum(axis=1) > 0].mean())


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:  # (n, C), (n,)
    """Mean of −ln p(label); rows are scaled to sum to 1 first."""
    p = np.clip(probabilities, LOG_FLOOR, 1.0)
    p = p / p.sum(axis=1, keepdims=True)
    return float(-np.log(p[np.arange(len(labels)), labels]).mean())


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
