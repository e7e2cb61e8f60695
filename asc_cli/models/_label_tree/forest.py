"""Random forests of two classes as flat arrays: trained by scikit-learn, evaluated in torch.

All trees of all forests share one array of nodes. A walk starts at a tree's root and goes
`left` where x[feature] ≤ threshold, else `right`; a leaf leads to itself, so walking as many steps
as the deepest tree has levels ends at a leaf, and `share` there is the first class's share.

    P(first class | x) = mean over the forest's trees of share        as predict_proba gives it

N inputs, F features, R forests, M trees in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.models._numpy.label_tree import require_depth

WALKS_AT_ONCE = 1 << 20  # inputs × trees
ARRAYS = {
    "roots": torch.int64,  # (R, M) node at which a tree begins
    "left": torch.int64,  # (nodes,)
    "right": torch.int64,
    "feature": torch.int64,
    "threshold": torch.float32,
    "share": torch.float64,
    "levels": torch.int64,  # () of the deepest tree
}


class Forests(nn.Module):
    """R forests of M trees. Its arrays are as large as the trained, or loaded, trees."""

    roots: Tensor
    left: Tensor
    right: Tensor
    feature: Tensor
    threshold: Tensor
    share: Tensor
    levels: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, dtype in ARRAYS.items():
            self.register_buffer(name, torch.zeros(0, dtype=dtype))
        self.depth = 0  # levels as a number, to unroll an exported walk

    def forward(self, x: Tensor) -> Tensor:  # (N, F) -> (N, R)
        if torch.compiler.is_exporting():
            return self._walk(x)  # the number of inputs is not known yet
        rows = max(1, WALKS_AT_ONCE // self.roots.numel())
        return torch.cat([self._walk(part) for part in x.split(rows)])

    def _walk(self, x: Tensor) -> Tensor:  # (n, F) -> (n, R)
        node = self.roots.flatten().expand(x.shape[0], -1)  # (n, R M)
        for _ in range(self.depth):
            goes_left = x.gather(1, self.feature[node]) <= self.threshold[node]
            node = torch.where(goes_left, self.left[node], self.right[node])
        return self.share[node].unflatten(1, self.roots.shape).mean(dim=2).to(x.dtype)

    def load_trees(self, forests: Sequence[Any]) -> None:
        """Copy the trees of fitted RandomForestClassifiers, class 0 their first class."""
        trees = [tree.tree_ for forest in forests for tree in forest.estimators_]
        starts = np.cumsum([0, *(tree.node_count for tree in trees)])
        parts = [_flat(tree, start) for tree, start in zip(trees, starts, strict=False)]
        arrays = {name: np.concatenate([flat[name] for flat in parts]) for name in parts[0]}
        arrays["roots"] = starts[:-1].reshape(len(forests), -1)
        arrays["levels"] = np.array(max(tree.max_depth for tree in trees))
        for name, dtype in ARRAYS.items():
            setattr(self, name, torch.from_numpy(arrays[name]).to(dtype).clone())
        self.depth = int(self.levels)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        """Resize the buffers to the state's number of nodes, then load as torch does."""
        for name, dtype in ARRAYS.items():
            if (loaded := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.zeros(loaded.shape, dtype=dtype))
        super()._load_from_state_dict(state_dict, prefix, *args)
        if self.levels.ndim == 0:
            self.depth = require_depth(int(self.levels), self.left.numel())


def _flat(tree: Any, start: int) -> dict[str, np.ndarray]:
    """Return a scikit-learn tree's arrays, its nodes numbered from `start`."""
    is_leaf = tree.children_left < 0
    node_index = np.arange(tree.node_count)
    counts = tree.value[:, 0, :]  # (nodes, classes)
    # a forest that saw only one class has one column; then its share is 1
    share = counts[:, 0] / counts.sum(axis=1)
    return {
        "left": start + np.where(is_leaf, node_index, tree.children_left),
        "right": start + np.where(is_leaf, node_index, tree.children_right),
        "feature": np.where(is_leaf, 0, tree.feature),
        "threshold": _float32_below(np.where(is_leaf, 0.0, tree.threshold)),
        "share": share,
    }


def _float32_below(threshold: np.ndarray) -> np.ndarray:
    """Round down to float32: comparisons with a float32 x give the same result."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
