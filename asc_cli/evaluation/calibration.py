"""Do probabilities mean what they say, and how to make them.

    ece           Σ_b n_b/n |accuracy_b − confidence_b|      15 equal bins of the top probability
    temperature   ln p_T = ln p / T − ln Σ p^(1/T)         softmax(z / T), written for ln p

Guo et al., On calibration of modern neural networks, arXiv:1706.04599. T above 1 makes a model
less sure. It is fitted on validation recordings, never on the test fold, to the smallest log
loss, and changes no clip's guess.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from asc_cli.evaluation.metrics import log_loss

BINS = 15
HOTTEST = 20.0  # T is looked for between 1/HOTTEST and HOTTEST


def reliability(probabilities: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """Per filled bin of confidence: its edges, recordings, mean confidence and accuracy."""
    confidence = probabilities.max(axis=1)  # (n,)
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return [
        {
            "from": b / BINS,
            "to": (b + 1) / BINS,
            "recordings": int(inside.sum()),
            "confidence": float(confidence[inside].mean()),
            "accuracy": float(right[inside].mean()),
        }
        for b in range(BINS)
        if (inside := bins == b).any()
    ]


def expected_calibration_error(bins: list[dict[str, Any]]) -> float:
    """From the bins of `reliability`."""
    gaps = [b["recordings"] * abs(b["accuracy"] - b["confidence"]) for b in bins]
    return float(sum(gaps) / sum(b["recordings"] for b in bins))


def tempered(logs: np.ndarray, temperature: float) -> np.ndarray:  # (..., C) -> (..., C)
    """Log probabilities at a temperature; at 1 they are returned as they are."""
    if temperature == 1:
        return logs
    scaled = logs / temperature
    return scaled - np.logaddexp.reduce(scaled, axis=-1, keepdims=True)


def fit_temperature(
    logs: np.ndarray,  # (B, C) log probabilities of clips
    labels: np.ndarray,  # (n,) of the recordings
    recording_scores: Callable[[np.ndarray], np.ndarray],  # (B, C) -> (n, C)
) -> float:
    """The temperature of clips at which recordings have the smallest log loss."""
    import scipy.optimize

    def loss(log_temperature: float) -> float:
        return log_loss(recording_scores(tempered(logs, float(np.exp(log_temperature)))), labels)

    edge = float(np.log(HOTTEST))
    found = scipy.optimize.minimize_scalar(loss, bounds=(-edge, edge), method="bounded")
    return float(np.exp(found.x))
