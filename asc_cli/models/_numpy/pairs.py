"""Support vector machines, one scene against one: models/svm.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

CUT = 6.0  # as in models/svm.py


class Pairs:
    has_embedding = False

    def __init__(self, parameters: Mapping[str, Any], arrays: Mapping[str, np.ndarray]):
        self.kernel, self.sharpness = parameters["kernel"], parameters["sharpness"]
        self.scale, self.vectors = arrays["scale"], arrays["vectors"]
        self.weights, self.bias, self.gamma = arrays["weights"], arrays["bias"], arrays["gamma"]
        n_scenes = round((1 + (1 + 8 * len(self.bias)) ** 0.5) / 2)  # P = C (C - 1) / 2
        first, second = np.triu_indices(n_scenes, 1)
        self.first, self.second = np.eye(n_scenes)[first], np.eye(n_scenes)[second]  # (P, C)

    def __call__(self, x: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, None]:
        d = self._kernel(self._prepared(x.astype(np.float64), mask)) @ self.weights.T + self.bias
        wins = (d > 0).astype(np.float64)  # (B, P)
        sums = d @ (self.first - self.second)
        votes = wins @ self.first + (1 - wins) @ self.second
        return self.sharpness * (votes + sums / (3 * (abs(sums) + 1))), None

    def _prepared(self, x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:  # -> (B, F)
        if mask is None:
            mean = x.mean(axis=1)
        else:
            mean = (x * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return mean.clip(-CUT, CUT) * self.scale

    def _kernel(self, z: np.ndarray) -> np.ndarray:  # (B, F) -> (B, S)
        inner = z @ self.vectors.T
        if self.kernel == "linear":
            return inner
        distance = (z**2).sum(axis=1)[:, None] - 2 * inner + (self.vectors**2).sum(axis=1)
        return np.exp(-self.gamma * distance.clip(0))
