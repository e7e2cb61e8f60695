"""Label-tree embedding: Phan et al., ACM Multimedia 2016 and TASLP 25(6), 2017.

The scenes are split in two recursively until each is alone, C − 1 splits in all. At a split

    1. a random forest is trained on the scenes there with half of the recordings
    2. its confusion matrix K on the other half is made symmetric, (K + Kᵀ) / 2, and
       spectral clustering cuts that graph in two: scenes that are confused stay together
    3. another forest learns left against right from all recordings

A segment's embedding is the pair (P(left | x), P(right | x)) of every split. That of a training
segment comes from forests that were not trained on its recording (out of fold), or the
network would overfit to it.

    x_j = mean of frames j·hop … j·hop + segment_frames − 1         segment j of a clip
    e_j = (P_1, 1 − P_1, …, P_{C−1}, 1 − P_{C−1})                   (2 (C − 1),)

B clips, T frames, S segments of a clip, F bands, C scenes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.core.errors import AscError
from asc_cli.models import OwnedClips
from asc_cli.models._label_tree.forest import Forests
from asc_cli.models._sklearn import require_recordings, stratified_group_folds, tensor

BATCH_CLIPS = 256
MIN_SIMILARITY = 1e-3  # between scenes that are never confused: keeps the graph in one piece
LEFT, RIGHT = 1, 2  # side of a split that a scene is on; 0: not in it


@dataclass(frozen=True)
class Forest:
    """Parameters of every forest."""

    n_trees: int
    n_features: int  # drawn at each split of a tree
    smallest_leaf: int  # segments
    n_segments: int  # at most so many are drawn to grow a forest from
    out_of_fold: int  # folds


@dataclass(frozen=True)
class Embedded:
    """Embedded clips for the network, as `models.Clips` requires."""

    images: np.ndarray  # (B, S, 2 (C − 1)) float32
    masks: np.ndarray  # (B, S) bool

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        mask = self.masks[which]
        return self.images[which], None if mask.all() else mask


class Segments(NamedTuple):
    """The segments of clips, to grow forests from."""

    images: np.ndarray  # (B, S, F)
    masks: np.ndarray  # (B, S) False for padding


class LabelTree(nn.Module):
    """Clips (B, T, F) -> their label-tree images (B, S, 2 (C − 1))."""

    sides: Tensor  # (C − 1, C): LEFT, RIGHT or 0

    def __init__(self, n_scenes: int, segment_frames: int, segment_hop: int, grow: Forest):
        super().__init__()
        self.length, self.hop, self.grow = segment_frames, segment_hop, grow
        self.register_buffer("sides", torch.zeros(n_scenes - 1, n_scenes, dtype=torch.int64))
        self.forests = Forests()

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        segments, mask = self.segments(x, mask)  # (B, S, F)
        first = self.forests(segments.flatten(0, 1)).unflatten(0, segments.shape[:2])
        return embedding(first), mask

    def segments(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, T, F) -> (B, S, F): a segment is valid if all its frames are; the first always is."""
        if x.shape[1] < self.length:
            raise AscError(
                f"model.segment_frames = {self.length}, but a clip holds {x.shape[1]} frames; "
                "give longer clips (clips.length_s) or shorter segments"
            )
        windows = x.unfold(1, self.length, self.hop)  # (B, S, F, length)
        if mask is None:
            return windows.mean(dim=3), None
        counts = mask.unfold(1, self.length, self.hop).sum(dim=2)  # (B, S)
        first = torch.arange(counts.shape[1], device=counts.device) == 0
        valid = (counts == self.length) | first
        return windows.sum(dim=3) / counts.clamp_min(1)[:, :, None] * valid[:, :, None], valid

    def estimate(self, clips: OwnedClips, labels: np.ndarray, seed: int) -> Embedded:
        """Fit the tree and its forests; return the training clips, embedded out of fold."""
        n_scenes = self.sides.shape[1]
        require_recordings(clips.owners, labels, n_scenes, 2)
        segments = self._all_segments(clips)
        images, masks = segments
        rng = np.random.default_rng(seed)
        half = stratified_group_folds(clips.owners, labels, 2, rng)  # (B,) 0 or 1
        self.sides.copy_(tensor(self._splits(segments, labels, half == 0, rng)))
        everyone = np.ones(len(labels), bool)
        self.forests.load_trees(self._node_forests(segments, labels, everyone, rng))
        first = np.empty((*images.shape[:2], n_scenes - 1), np.float32)  # (B, S, C − 1)
        fold = stratified_group_folds(clips.owners, labels, self.grow.out_of_fold, rng)
        for k in np.unique(fold):
            forests = self._node_forests(segments, labels, fold != k, rng)
            rows = images[fold == k].reshape(-1, images.shape[2])
            shares = [forest.predict_proba(rows)[:, 0] for forest in forests]
            first[fold == k] = np.stack(shares, axis=1).reshape(-1, *first.shape[1:])
        return Embedded(embedding(torch.from_numpy(first)).numpy() * masks[:, :, None], masks)

    def _all_segments(self, clips: OwnedClips) -> Segments:
        images, masks = [], []
        for start in range(0, len(clips), BATCH_CLIPS):
            x, mask = clips.batch(np.arange(start, min(start + BATCH_CLIPS, len(clips))))
            segments, valid = self.segments(tensor(x), None if mask is None else tensor(mask))
            images.append(segments.numpy())
            masks.append(np.ones(segments.shape[:2], bool) if valid is None else valid.numpy())
        return Segments(np.concatenate(images), np.concatenate(masks))

    def _splits(
        self, segments: Segments, labels: np.ndarray, learns: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:  # -> (C − 1, C)
        """Return every split of the tree, the root's first."""
        pending = [np.arange(self.sides.shape[1])]
        sides = []
        while pending:
            scenes = pending.pop(0)
            if len(scenes) < 2:
                continue
            at_split = np.isin(labels, scenes)
            learnt = self._fit(segments, labels, learns & at_split, rng)
            confusion = _confusion(learnt, segments, labels, ~learns & at_split, scenes)
            left = bipartition(confusion)
            side = np.zeros(self.sides.shape[1], np.int64)
            side[scenes] = np.where(left, LEFT, RIGHT)
            sides.append(side)
            pending += [scenes[left], scenes[~left]]
        return np.stack(sides)

    def _node_forests(
        self, segments: Segments, labels: np.ndarray, learns: np.ndarray, rng: np.random.Generator
    ) -> list[Any]:
        """Fit a forest per split that classifies left (class LEFT, the first) against right."""
        forests = []
        for side in self.sides.numpy():
            which = learns & (side[labels] > 0)
            forests.append(self._fit(segments, side[labels], which, rng))
        return forests

    def _fit(
        self, segments: Segments, targets: np.ndarray, which: np.ndarray, rng: np.random.Generator
    ) -> Any:
        """Fit a forest to segments of the clips `which` (B,), targets (B,)."""
        from sklearn.ensemble import RandomForestClassifier

        images, masks = segments
        clip, segment = np.nonzero(masks & which[:, None])
        if len(clip) > self.grow.n_segments:
            drawn = rng.choice(len(clip), self.grow.n_segments, replace=False)
            clip, segment = clip[drawn], segment[drawn]
        forest = RandomForestClassifier(
            self.grow.n_trees,
            max_features=min(self.grow.n_features, images.shape[2]),
            min_samples_leaf=self.grow.smallest_leaf,
            class_weight="balanced",
            random_state=int(rng.integers(2**31)),
        )
        forest.fit(images[clip, segment], targets[clip])
        if len(forest.classes_) < len(np.unique(targets[which])):
            raise AscError(
                f"model.forest_segments = {self.grow.n_segments}: the drawn segments lack a scene; "
                "increase it"
            )
        return forest


def embedding(first: Tensor) -> Tensor:  # (B, S, C − 1) -> (B, S, 2 (C − 1))
    """Return P and 1 − P of every split, side by side."""
    return torch.stack([first, 1 - first], dim=3).flatten(2)


def bipartition(confusion: np.ndarray) -> np.ndarray:  # (n, n) rows sum to 1 -> (n,) bool
    """Return which scenes go left: the side of the first one, so that the result is unique."""
    from sklearn.cluster import SpectralClustering

    n = len(confusion)
    if n == 2:
        return np.array([True, False])
    similarity = (confusion + confusion.T) / 2 + MIN_SIMILARITY
    clustering = SpectralClustering(
        2, affinity="precomputed", assign_labels="cluster_qr", random_state=0
    )
    side = clustering.fit_predict(similarity)
    if len(set(side)) < 2:  # all similarities are equal: any cut is as good
        return np.arange(n) < n // 2
    return side == side[0]


def _confusion(
    forest: Any, segments: Segments, labels: np.ndarray, which: np.ndarray, scenes: np.ndarray
) -> np.ndarray:  # -> (n, n)
    """Return the forest's mean probability of each of `scenes`, a row per true scene."""
    images, masks = segments
    clip, segment = np.nonzero(masks & which[:, None])
    scores = np.zeros((len(clip), len(scenes)))
    scores[:, np.searchsorted(scenes, forest.classes_)] = forest.predict_proba(
        images[clip, segment]
    )
    truth = labels[clip]
    return np.stack([scores[truth == scene].mean(axis=0) for scene in scenes])
