"""Label-tree embedding, a network, and a linear machine: models/label_tree_*.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

WALKS_AT_ONCE = 1 << 20  # inputs × trees


class Staged(ABC):
    """models/_label_tree/pipeline.py. B clips, S segments, H numbers of a clip."""

    has_embedding = True
    low, high = -1.0, 1.0  # as in the model's file

    def __init__(self, parameters: Mapping[str, Any], arrays: Mapping[str, np.ndarray]):
        self.arrays = arrays
        self.length, self.hop = parameters["segment_frames"], parameters["segment_hop"]
        levels, n_nodes = arrays["tree.forests.levels"], len(arrays["tree.forests.left"])
        self.depth = require_depth(int(levels), n_nodes)

    @abstractmethod
    def _represented(self, image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """Return (B, H) of a clip's image (B, S, 2 (C − 1)) float32."""

    def __call__(self, x: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        segments, valid = self._segments(x, mask)
        first = self._walk(segments.reshape(-1, segments.shape[2])).reshape(*segments.shape[:2], -1)
        image = np.stack([first, 1 - first], axis=3).reshape(*first.shape[:2], -1)
        return self._machine(self._represented(image, valid))

    def _segments(
        self, x: np.ndarray, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:  # (B, S, F), (B, S)
        windows = sliding_window_view(x, self.length, axis=1)[:, :: self.hop]  # (B, S, F, length)
        if mask is None:
            return windows.mean(axis=3), None
        counts = sliding_window_view(mask, self.length, axis=1)[:, :: self.hop].sum(axis=2)
        valid = (counts == self.length) | (np.arange(counts.shape[1]) == 0)
        mean = windows.sum(axis=3) / np.maximum(counts, 1)[:, :, None].astype(np.float32)
        return mean * valid[:, :, None], valid

    def _walk(self, x: np.ndarray) -> np.ndarray:  # (N, F) -> (N, R) float32
        """Return each forest's share of its first class: models/_label_tree/forest.py."""
        names = ("roots", "left", "right", "feature", "threshold", "share")
        roots, left, right, feature, threshold, share = (
            self.arrays[f"tree.forests.{name}"] for name in names
        )
        rows = max(1, WALKS_AT_ONCE // roots.size)
        parts = []
        for start in range(0, len(x), rows):
            part = x[start : start + rows]
            node = np.broadcast_to(roots.ravel(), (len(part), roots.size))
            index = np.arange(len(part))[:, None]
            for _ in range(self.depth):
                goes_left = part[index, feature[node]] <= threshold[node]
                node = np.where(goes_left, left[node], right[node])
            parts.append(share[node].reshape(-1, *roots.shape).mean(axis=2).astype(np.float32))
        return np.concatenate(parts)

    def _machine(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (B, H)
        """Return scores (B, C) and what the machine reads: models/_label_tree/svm.py."""
        names = ("lowest", "scale", "alpha", "beta", "linear.weight", "linear.bias")
        lowest, scale, alpha, beta, weight, bias = (self.arrays[f"machine.{n}"] for n in names)
        u = self.low + (v.astype(np.float64) - lowest) * scale
        return -np.logaddexp(0, alpha * (u @ weight.T + bias) + beta), u

    def _layer(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        return self.arrays[f"network.body.{name}.weight"], self.arrays[f"network.body.{name}.bias"]


class LabelTreeCnn(Staged):
    low = 0.0

    def __init__(self, parameters: Mapping[str, Any], arrays: Mapping[str, np.ndarray]):
        super().__init__(parameters, arrays)
        self.widths = parameters["widths"]

    def _represented(self, image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        if mask is not None:
            image = image * mask[:, :, None].astype(image.dtype)
        parts = []
        for number, width in enumerate(self.widths):
            weight, bias = self._layer(f"filters.{number}")  # (Q, D, width)
            windows = sliding_window_view(image, width, axis=1)  # (B, S', D, width)
            flat = windows.reshape(*windows.shape[:2], -1)
            z = flat @ weight.reshape(len(weight), -1).T + bias  # (B, S', Q)
            parts.append(np.maximum(z, 0).max(axis=1))
        return np.concatenate(parts, axis=1)


class LabelTreeGru(Staged):
    def __init__(self, parameters: Mapping[str, Any], arrays: Mapping[str, np.ndarray]):
        super().__init__(parameters, arrays)
        self.n_layers = parameters["n_layers"]

    def _represented(self, image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        weight, bias = self._layer("dense.0")
        h = np.maximum(image @ weight.T + bias, 0)  # (B, S, H)
        for layer in range(self.n_layers):
            h = self._gru(h, layer)
        if mask is None:
            return h[:, -1]
        return h[np.arange(len(h)), mask.sum(axis=1) - 1]

    def _gru(self, x: np.ndarray, layer: int) -> np.ndarray:  # (B, S, H) -> (B, S, H)
        """arXiv:1406.1078 as torch's nn.GRU computes it: gates r, z, n side by side."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        W, U, b, c = (self.arrays[f"network.body.gru.{name}_l{layer}"] for name in names)
        from_x = x @ W.T + b  # (B, S, 3H)
        h = np.zeros((len(x), U.shape[1]), x.dtype)
        out = np.empty((*x.shape[:2], U.shape[1]), x.dtype)
        for s in range(x.shape[1]):
            r_x, z_x, n_x = np.split(from_x[:, s], 3, axis=1)
            r_h, z_h, n_h = np.split(h @ U.T + c, 3, axis=1)
            r, z = _sigmoid(r_x + r_h), _sigmoid(z_x + z_h)
            n = np.tanh(n_x + r * n_h)
            h = out[:, s] = (1 - z) * n + z * h
        return out


def require_depth(levels: int, n_nodes: int) -> int:
    """Return the levels of the deepest tree. Raises ValueError for more than there are nodes."""
    if not 0 <= levels <= n_nodes:
        raise ValueError(f"trees of {levels} levels and {n_nodes} nodes")
    return levels


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * np.tanh(0.5 * x) + np.float32(0.5)
