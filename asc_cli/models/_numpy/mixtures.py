"""Gaussian mixtures: models/gmm.py."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


class Mixtures:
    has_embedding = False

    def __init__(self, parameters: Mapping[str, Any], arrays: Mapping[str, np.ndarray]):
        means, variances = arrays["means"], arrays["variances"]  # (C, K, F)
        self.shape = means.shape[:2]
        precision = (1 / variances).reshape(-1, means.shape[2])  # (C K, F)
        flat = means.reshape(precision.shape)
        self.square, self.linear = precision.T, (2 * flat * precision).T
        constant = (flat**2 * precision).sum(axis=1) - np.log(precision).sum(axis=1)
        self.constant = constant + means.shape[2] * math.log(2 * math.pi)
        with np.errstate(divide="ignore"):  # a component of weight 0
            self.log_weights = np.log(arrays["weights"])  # (C, K)

    def __call__(self, x: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, None]:
        frames = x.reshape(-1, x.shape[2]).astype(np.float64)
        distance = frames**2 @ self.square - frames @ self.linear + self.constant  # (B T, C K)
        logs = -0.5 * distance.reshape(-1, *self.shape) + self.log_weights
        scores = np.logaddexp.reduce(logs, axis=2).reshape(*x.shape[:2], -1)  # (B, T, C)
        return (scores if mask is None else scores * mask[:, :, None]).sum(axis=1), None
