"""Calibration of probabilities by temperature scaling.

    temperature   ln p_T = ln p / T − ln Σ p^(1/T)         softmax(z / T), written for ln p

Guo et al., On calibration of modern neural networks, arXiv:1706.04599. T above 1 makes a model
less confident. It is fitted on validation recordings, never on the test fold, to the smallest log
loss, and changes no clip's prediction.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MAX_TEMPERATURE = 20.0  # T is searched between 1/MAX_TEMPERATURE and MAX_TEMPERATURE


def apply_temperature(logs: np.ndarray, temperature: float) -> np.ndarray:  # (..., C) -> (..., C)
    """Return log probabilities at a temperature; unchanged at 1."""
    if temperature == 1:
        return logs
    scaled = logs / temperature
    return scaled - np.logaddexp.reduce(scaled, axis=-1, keepdims=True)


def fit_temperature(
    logs: np.ndarray,  # (B, C) log probabilities of clips
    labels: np.ndarray,  # (n,) of the recordings
    recording_scores: Callable[[np.ndarray], np.ndarray],  # (B, C) -> (n, C)
) -> float:
    """Return the temperature of clips at which recordings have the smallest log loss."""
    import scipy.optimize

    from asc_cli.evaluation.metrics import log_loss

    def loss(log_temperature: float) -> float:
        return log_loss(
            recording_scores(apply_temperature(logs, float(np.exp(log_temperature)))), labels
        )

    edge = float(np.log(MAX_TEMPERATURE))
    minimum = scipy.optimize.minimize_scalar(loss, bounds=(-edge, edge), method="bounded")
    return float(np.exp(minimum.x))
