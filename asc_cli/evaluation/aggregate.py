"""Aggregate scores of clips to scores of recordings.

B clips, C scenes, n recordings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asc_cli.core import plugins
from asc_cli.core.errors import AscError

METHODS = ("mean", "vote", "log_sum")


def require_method(method: str) -> str:
    """Return a method. Raises AscError where there is no such one."""
    if method not in METHODS:
        raise AscError("evaluation.aggregate: " + plugins.unknown("method", method, METHODS))
    return method


def summands(logs: np.ndarray, aggregate: str) -> np.ndarray:  # (B, C) -> (B, C)
    """Return what each clip adds to its recording's sum, from its log probabilities.

    mean: its probabilities. vote: 1 for its likeliest scene. log_sum: the logs as they are; a
    generative model's can be thousands of nats apart, which probabilities cannot represent.
    """
    if aggregate == "vote":
        votes = np.eye(logs.shape[1])[logs.argmax(axis=1)]
        return np.where(np.isnan(logs).any(axis=1, keepdims=True), np.nan, votes)
    return logs if aggregate == "log_sum" else np.exp(logs)


def normalise(total: np.ndarray, n_clips: np.ndarray, aggregate: str) -> np.ndarray:
    """Return probabilities (n, C) from sums of summands (n, C) over n_clips (n,) clips each.

    mean and vote: the average. log_sum: the normalised product, softmax of the summed logs.
    """
    if aggregate != "log_sum":
        return total / n_clips[:, None]
    shifted = np.exp(total - total.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def weighted_mean(parts: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Return Σ weight × part / Σ weight of probabilities of the same shape."""
    total = np.zeros_like(parts[0])
    for part, weight in zip(parts, weights, strict=True):
        total = total + weight * part
    return total / sum(weights)


def recording_scores(
    logs: np.ndarray, owners: np.ndarray, n_recordings: int, aggregate: str
) -> np.ndarray:  # (B, C), (B,) -> (n, C)
    """Return recordings' probabilities from clips' log probabilities.

    owners: the recording of each clip.
    """
    total = np.zeros((n_recordings, logs.shape[1]))
    np.add.at(total, owners, summands(logs, aggregate))
    return normalise(total, np.bincount(owners, minlength=n_recordings), aggregate)
