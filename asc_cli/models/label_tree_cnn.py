"""Label-tree embedding → CNN with 1-max pooling → linear SVM: Phan et al., TASLP 25(6) (CNN-Gam).

    E = e_1 … e_S, the label-tree image of the clip (_label_tree/tree.py)      (2 (C − 1), S)
    z_w,q = max over s of ReLU(⟨filter_w,q, E[:, s : s + w]⟩ + b_w,q)      one number a filter
    v = all z: filters q = 1 … n_filters over the image's full height, for every width w
    scores = W dropout(v) + b while it learns, then the SVM's on v scaled to [0, 1]

B clips, S segments, C scenes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asc_cli.core.errors import AscError
from asc_cli.models._label_tree.pipeline import Classified, Staged
from asc_cli.models._label_tree.svm import LinearSVM
from asc_cli.models._label_tree.tree import Forest, LabelTree


class OneMax(nn.Module):
    def __init__(self, n_inputs: int, widths: tuple[int, ...], n_filters: int):
        super().__init__()
        self.widths = widths
        self.filters = nn.ModuleList(nn.Conv1d(n_inputs, n_filters, width) for width in widths)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, S, ·) -> (B, H)
        if x.shape[1] < max(self.widths):
            raise AscError(
                f"model.widths goes up to {max(self.widths)}, but a clip has {x.shape[1]} "
                "segments; give longer clips (clips.length_s) or narrower filters"
            )
        image = x.transpose(1, 2)  # (B, 2 (C − 1), S); segments that do not count are zeros
        if mask is not None:
            image = image * mask[:, None]
        return torch.cat([torch.relu(f(image)).amax(dim=2) for f in self.filters], dim=1)


def build(
    n_bands: int,
    n_scenes: int,
    *,
    segment_frames: int = 11,
    segment_hop: int = 1,
    n_trees: int = 200,
    n_tree_features: int = 8,
    smallest_leaf: int = 10,
    forest_segments: int = 20000,
    out_of_fold: int = 10,
    widths: tuple[int, ...] = (5, 10, 15, 20, 25, 30, 35, 40, 45),
    n_filters: int = 100,
    dropout: float = 0.5,
    svm_c: float = 1.0,
) -> nn.Module:
    """A label-tree embedding, filters of several widths, and an SVM.

    segment_frames: frames that are embedded at a time.
    segment_hop: frames from one segment to the next.
    n_trees: trees of each forest.
    n_tree_features: numbers of a segment drawn at each split of a tree, to choose the best of.
    smallest_leaf: segments that a leaf of a tree has at least.
    forest_segments: at most so many segments are drawn to grow a forest from.
    out_of_fold: folds of the training recordings; each is embedded by forests that the others grew.
    widths: widths of the filters, in segments, a list.
    n_filters: filters of each width.
    dropout: share of the filters' outputs dropped in training, from 0 to 1.
    svm_c: the SVM's C: the smaller, the wider its margin.
    """
    grow = Forest(n_trees, n_tree_features, smallest_leaf, forest_segments, out_of_fold)
    H = len(widths) * n_filters
    return Staged(
        LabelTree(n_scenes, segment_frames, segment_hop, grow),
        Classified(OneMax(2 * (n_scenes - 1), widths, n_filters), H, n_scenes, dropout),
        LinearSVM(H, n_scenes, 0.0, 1.0, svm_c),
    )
