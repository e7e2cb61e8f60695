"""Sparse parts and a regression: models/sparse_nmf.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


class SparseParts:
    has_embedding = True

    def __init__(self, parameters: Mapping[str, Any], arrays: Mapping[str, np.ndarray]):
        self.sparsity, self.n_steps = parameters["sparsity"], parameters["n_steps"]
        self.scale, self.parts = arrays["scale"], arrays["parts"]
        self.mean, self.deviation = arrays["mean"], arrays["deviation"]
        self.weight, self.bias = arrays["linear.weight"], arrays["linear.bias"]
        self.gram = self.parts.T @ self.parts  # (K, K)
        self.step = 1 / np.linalg.norm(self.gram, 2)

    def __call__(self, x: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        h = self._encode(x.reshape(-1, x.shape[2])).reshape(*x.shape[:2], -1)  # (B, T, K)
        if mask is None:
            mean = h.mean(axis=1)
        else:
            mean = (h * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        z = (mean - self.mean) / self.deviation
        return z @ self.weight.T + self.bias, z

    def _encode(self, x: np.ndarray) -> np.ndarray:  # (n, F) -> (n, K)
        towards = (x.astype(np.float64) / self.scale) @ self.parts - self.sparsity
        h = y = np.zeros_like(towards)
        momentum = 1.0
        for _ in range(self.n_steps):
            ahead = (y - self.step * (y @ self.gram - towards)).clip(0)
            following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            y = ahead + (momentum - 1) / following * (ahead - h)
            h, momentum = ahead, following
        return h
