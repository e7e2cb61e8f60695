"""GAP@20, Hit@1 and PERR of videos with many labels, computed batch by batch.

    GAP@20   pool the 20 best (label, confidence) pairs of every video, sort by confidence;
             Σ precision(i) over the hits i / all labels of all videos, also those not in the pool
    Hit@1    share of videos whose best label is right
    PERR     hits among a video's n best / n, n its number of labels; mean over videos

Order within a video: confidence, then the smaller label. Equal confidences in the pool have no
order: GAP is the mean over all their orders, so it depends neither on how videos are cut into
batches nor on the order they come in. (The public YouTube-8M code shuffles before it sorts, with
a fixed seed: one draw of what is averaged here.)

As in that code: a video without labels counts as a miss in Hit@1 and PERR, and its pairs stay in
the pool; a label predicted with confidence 0 is no hit in PERR. B videos, C labels, k best.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from asc_cli.core.errors import AscError

if TYPE_CHECKING:
    from torch import Tensor

POOLED = 20  # pairs of each video in GAP, and in the competition's files


def best(probabilities: np.ndarray | Tensor, k: int = POOLED) -> tuple[np.ndarray, np.ndarray]:
    """Return the k best labels (B, k) int64 and confidences (B, k) float32, best first; all C if
    fewer.

    >>> labels, confidences = best(np.array([[0.5, 0.125, 0.5, 0.75]]), k=3)
    >>> labels.tolist(), confidences.tolist()
    ([[3, 0, 2]], [[0.75, 0.5, 0.5]])
    """
    p = _float32(probabilities)  # (B, C)
    (B, C), k = p.shape, min(k, p.shape[1])
    least = np.partition(p, C - k, axis=1)[:, C - k, None]  # the k-th best confidence
    above, equal = p > least, p == least
    n_ties = k - above.sum(axis=1, keepdims=True)
    selected = above | (equal & (np.cumsum(equal, axis=1) <= n_ties))  # smaller labels first
    labels = np.nonzero(selected)[1].reshape(B, k)
    return _ranked(labels, np.take_along_axis(p, labels, axis=1))


class Streaming:
    """Sums over batches; stores one float32 for each pair in the pool, 80 bytes per video.

    Use `add`. PERR needs a video's n best, which may be more than 20, so it is computed from a
    batch's probabilities. `add_best` is for predictions that are cut already, to any number of
    pairs.
    """

    def __init__(self) -> None:
        self._hits, self._misses = array("f"), array("f")  # confidences in the pool
        self._videos = self._positives = self._right = 0
        self._perr = 0.0

    def add(self, probabilities: np.ndarray | Tensor, truth: Sequence[Collection[int]]) -> None:
        """Add a batch's probabilities (B, C) and, for each video, its right labels."""
        longest = max((len(labels) for labels in truth), default=0)
        C = probabilities.shape[1]
        for row, labels in enumerate(truth):
            if any(label >= C for label in labels):
                raise AscError(
                    f"video {row + 1} of the batch has the label {max(labels)}, but predictions "
                    f"are for {C} labels, 0 to {C - 1}; use a model and videos of the same year"
                )
        self.add_best(*best(probabilities, max(POOLED, longest)), truth)

    def add_best(
        self, labels: np.ndarray, confidences: np.ndarray, truth: Sequence[Collection[int]]
    ) -> None:
        """Add pairs (B, k) in any order, as `best` or a competition's file gives them.

        Label −1 is padding. GAP takes each video's 20 best; PERR
        is too low for a video with more labels than pairs, as missing pairs count as misses.
        """
        labels, confidences = _ranked(*_checked(labels, confidences, truth))
        right = [set(one) for one in truth]
        n = np.array([len(one) for one in right], dtype=np.int64)  # (B,)
        hit, valid = _is_hit(labels, right, n), labels >= 0  # (B, k)
        pool_hit, pool = hit[:, :POOLED], confidences[:, :POOLED]
        self._hits.frombytes(pool[pool_hit].tobytes())
        self._misses.frombytes(pool[valid[:, :POOLED] & ~pool_hit].tobytes())
        among = (np.arange(labels.shape[1]) < n[:, None]) & hit & (confidences > 0)
        self._perr += float((among.sum(axis=1) / np.maximum(n, 1)).sum())
        self._right += int(hit[:, :1].sum())
        self._videos += len(right)
        self._positives += int(n.sum())

    def result(self) -> dict[str, float]:
        """Return the metrics of all videos so far, and the numbers of videos and positives.

        NaN for a division by 0.
        """
        hits, misses = (
            np.array(confidences, dtype=np.float32) for confidences in (self._hits, self._misses)
        )
        hits.sort()
        misses.sort()
        videos = self._videos or np.nan
        return {
            "gap": _sum_of_precisions(hits, misses) / (self._positives or np.nan),
            "hit_at_1": self._right / videos,
            "perr": self._perr / videos,
            "videos": self._videos,
            "positives": self._positives,
        }


def _sum_of_precisions(hits: np.ndarray, misses: np.ndarray) -> float:  # confidences, ascending
    """Return Σ precision(i) over the hits, mean over all orders of equal confidences.

    Of n equals, m are hits; P hits and N pairs are above. Place j of the n is a hit with chance
    m/n, and then (j − 1) (m − 1) / (n − 1) of those before it among the equals are hits too:

        Σ_j m/n (P + 1 + (j − 1) q) / (N + j),  q = (m − 1) / (n − 1),  S = Σ_j 1 / (N + j)
        = m/n ((P + 1) S + q (n − (N + 1) S))
    """
    levels, m = np.unique(hits, return_counts=True)
    P = len(hits) - np.searchsorted(hits, levels, side="right")
    above = len(misses) - np.searchsorted(misses, levels, side="right")
    N = P + above
    n = m + len(misses) - np.searchsorted(misses, levels, side="left") - above
    reciprocals = 1 / np.arange(1, len(hits) + len(misses) + 2)
    S = np.add.reduceat(reciprocals, np.stack([N, N + n], axis=1).ravel())[::2] if N.size else N
    q = (m - 1) / np.maximum(n - 1, 1)
    return float((m / n * ((P + 1) * S + q * (n - (N + 1) * S))).sum())


def _is_hit(labels: np.ndarray, right: list[set[int]], n: np.ndarray) -> np.ndarray:  # -> (B, k)
    """Return which labels are right; (video, label) pairs are compared as single numbers."""
    flat = np.fromiter((label for one in right for label in one), np.int64, int(n.sum()))
    if flat.size and flat.min() < 0:
        raise AscError(f"a video has the label {flat.min()}; labels are counted from 0")
    width = max(int(labels.max(initial=0)), int(flat.max(initial=0))) + 1
    video = np.arange(len(right))
    pairs = video[:, None] * width + labels
    return np.isin(pairs, np.repeat(video, n) * width + flat) & (labels >= 0)


def _ranked(labels: np.ndarray, confidences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort each row by confidence, ties by label; label −1 last."""
    order = np.lexsort((labels, np.where(labels < 0, np.inf, -confidences)), axis=1)
    return np.take_along_axis(labels, order, 1), np.take_along_axis(confidences, order, 1)


def _checked(
    labels: np.ndarray, confidences: np.ndarray, truth: Sequence[Collection[int]]
) -> tuple[np.ndarray, np.ndarray]:
    if labels.shape != confidences.shape or labels.ndim != 2 or len(labels) != len(truth):
        raise AscError(
            f"labels of shape {labels.shape}, confidences of shape {confidences.shape} and "
            f"{len(truth)} videos; expected (videos, pairs) of both"
        )
    ordered = np.sort(labels, axis=1)
    duplicate = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if duplicate.any():
        row, column = np.argwhere(duplicate)[0]
        raise AscError(
            f"video {row + 1} of the batch has label {ordered[row, column]} twice; "
            "give each label once"
        )
    return labels, _float32(confidences)


def _float32(values: np.ndarray | Tensor) -> np.ndarray:
    array = values if isinstance(values, np.ndarray) else values.detach().float().cpu().numpy()
    if np.isnan(array).any():
        row = np.argwhere(np.isnan(array))[0][0]
        raise AscError(
            f"video {row + 1} of the batch has a confidence that is not a number; if a model "
            "predicted it, its training has diverged: train it with a smaller learning rate"
        )
    return array.astype(np.float32, copy=False)
