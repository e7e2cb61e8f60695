"""Label-tree embedding → network → linear support vector machine (Phan et al.).

Fitted one stage after another: the tree, then the network by gradient descent with a softmax on
top, then the machine on the network's representation of the training clips.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.models import Clips, FitNetwork, OwnedClips
from asc_cli.models._label_tree.svm import LinearSVM
from asc_cli.models._label_tree.tree import LabelTree
from asc_cli.models._sklearn import tensor

BATCH_CLIPS = 256


class Classified(nn.Module):
    """A network that represents clips, (B, ·, ·) -> (B, H), and the classifier it is trained
    with."""

    def __init__(self, body: nn.Module, H: int, n_scenes: int, dropout: float):
        super().__init__()
        self.body = body
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(H, n_scenes))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # -> (B, C)
        return self.head(self.body(x, mask))


class Staged(nn.Module):
    def __init__(self, tree: LabelTree, network: Classified, machine: LinearSVM):
        super().__init__()
        self.tree, self.network, self.machine = tree, network, machine

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        return self.machine(self.network.body(*self.tree(x, mask)))

    def estimate(
        self, clips: OwnedClips, labels: np.ndarray, fit_network: FitNetwork, seed: int
    ) -> None:
        embedded = self.tree.estimate(clips, labels, seed)
        fit_network(self.network, embedded, labels)
        self.network.to("cpu")
        representations = self._represented(embedded)
        self.machine.estimate(representations, labels, clips.owners, seed)

    def _represented(self, clips: Clips) -> Tensor:  # -> (B, H)
        self.network.eval()
        parts = []
        with torch.inference_mode():
            for start in range(0, len(clips), BATCH_CLIPS):
                x, mask = clips.batch(np.arange(start, min(start + BATCH_CLIPS, len(clips))))
                m = None if mask is None else tensor(mask)
                parts.append(self.network.body(tensor(x), m))
        return torch.cat(parts)
