"""Label-tree embedding → GRU → linear SVM: Phan et al., arXiv:1703.04770 (RNN-Gam).

    e_1 … e_S = label-tree embedding of the clip (_label_tree/tree.py)
    u_s = dropout(ReLU(W e_s + b))                     (H,)
    h_s = GRU(u_s, h_{s−1}), n_layers of them          arXiv:1406.1078, torch's nn.GRU
    v   = dropout(h_S), the last output                (H,)
    scores = W' v + b' while it learns, then the SVM's on v scaled to [−1, 1]

B clips, S segments, H hidden units, C scenes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asc_cli.models._label_tree.pipeline import Classified, Staged
from asc_cli.models._label_tree.svm import LinearSVM
from asc_cli.models._label_tree.tree import Forest, LabelTree


class Recurrent(nn.Module):
    def __init__(self, n_inputs: int, H: int, n_layers: int, dropout: float):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(n_inputs, H), nn.ReLU(), nn.Dropout(dropout))
        between = dropout if n_layers > 1 else 0.0
        self.gru = nn.GRU(H, H, n_layers, batch_first=True, dropout=between)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, S, ·) -> (B, H)
        h, _ = self.gru(self.dense(x))  # (B, S, H)
        if mask is None:
            return h[:, -1]
        return h[torch.arange(h.shape[0], device=h.device), mask.sum(dim=1) - 1]


def build(
    n_bands: int,
    n_scenes: int,
    *,
    segment_frames: int = 11,
    segment_hop: int = 2,
    n_trees: int = 200,
    n_tree_features: int = 8,
    smallest_leaf: int = 10,
    forest_segments: int = 20000,
    out_of_fold: int = 10,
    n_hidden: int = 256,
    n_layers: int = 2,
    dropout: float = 0.5,
    svm_c: float = 1.0,
) -> nn.Module:
    """A label-tree embedding, recurrent layers, and an SVM.

    segment_frames: frames that are embedded at a time.
    segment_hop: frames from one segment to the next.
    n_trees: trees of each forest.
    n_tree_features: numbers of a segment drawn at each split of a tree, to choose the best of.
    smallest_leaf: segments that a leaf of a tree has at least.
    forest_segments: at most so many segments are drawn to grow a forest from.
    out_of_fold: folds of the training recordings; each is embedded by forests that the others grew.
    n_hidden: hidden units of each layer.
    n_layers: recurrent layers.
    dropout: share of inputs and outputs dropped in training, from 0 to 1.
    svm_c: the SVM's C: the smaller, the wider its margin.
    """
    grow = Forest(n_trees, n_tree_features, smallest_leaf, forest_segments, out_of_fold)
    return Staged(
        LabelTree(n_scenes, segment_frames, segment_hop, grow),
        Classified(
            Recurrent(2 * (n_scenes - 1), n_hidden, n_layers, dropout), n_hidden, n_scenes, dropout
        ),
        LinearSVM(n_hidden, n_scenes, -1.0, 1.0, svm_c),
    )
