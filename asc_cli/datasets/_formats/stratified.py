"""Folds for recordings that have none: stratified by scene, groups in one piece.

Groups are placed one after the other, the largest first, each into the fold that has least of its
scenes; of several such folds, the one that has least in all. Groups of one size are in an order
that depends on the seed. A scene with a group per fold, or more, is in every fold; its recordings
per fold differ by its largest group at most.

scikit-learn's StratifiedGroupKFold does the same by another measure; it is in the extra `train`,
and this belongs to the small installation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from asc_cli.datasets import Recording


def assign(
    recordings: Sequence[Recording], groups: Mapping[str, str], folds: int, seed: int = 0
) -> dict[str, int]:
    """Return the fold of each recording, from 1.

    Args:
        recordings: Those to divide.
        groups: File → group.
        folds: How many folds.
        seed: Another seed, another order of groups of one size.
    """
    scenes = sorted({recording.label for recording in recordings})
    number = {scene: i for i, scene in enumerate(scenes)}
    counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(scenes), np.int64))
    for recording in recordings:
        counts[groups[recording.file]][number[recording.label]] += 1
    totals = np.maximum(1, sum(counts.values(), np.zeros(len(scenes), np.int64)))
    names = sorted(counts)
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    placed = np.zeros((folds, len(scenes)), np.int64)
    fold_of: dict[str, int] = {}
    for name in sorted(order, key=lambda name: -counts[name].sum()):
        share = counts[name] / totals**2
        cost = np.round(placed @ share, 12)  # grows as the sum of squared shares does
        fold = int(np.lexsort((placed.sum(axis=1), cost))[0])
        placed[fold] += counts[name]
        fold_of[name] = fold + 1
    return {recording.file: fold_of[groups[recording.file]] for recording in recordings}
