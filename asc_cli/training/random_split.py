"""How much a random split flatters: a quick model under a list's folds, and under random ones.

    K = X Xᵀ / F                texture statistics, standardised over all recordings
    score = K_test,train (K_train + λ I)⁻¹ Y_train      ridge regression on one-hot scenes Y

Nothing is chosen by its scores: λ is fixed, and the statistics need no labels. So it is no estimate
of what a tuned model reaches; what counts is the difference between the two ways of dividing.
Intervals are of 95 %, from draws of whole groups, the same for both ways, so that their difference
is paired.

n recordings, F statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.evaluation.intervals import BOOTSTRAPS, percentiles
from asc_cli.frontend import store
from asc_cli.frontend.fill import extract
from asc_cli.protocol import folds as assignment

RECIPE = "own_quick"  # whose features these are, so that training it finds them
RIDGE = 0.1  # λ; the mean of K's diagonal is 1
CUT = 6.0  # deviations
DRAWS = 10  # of random splits


@dataclass(frozen=True)
class RandomSplits:
    """Accuracies from 0 to 1, each with the ends of its interval of 95 %.

    Attributes:
        recordings: How many were compared: those that have features.
        grouped: Accuracy under the list's folds.
        grouped_interval: Its interval.
        random: Mean accuracy under random splits, stratified by scene.
        random_interval: Its interval.
        gain: random − grouped: by how much a random split flatters.
        gain_interval: Its interval.
        draws: How many random splits there were.
    """

    recordings: int
    grouped: float
    grouped_interval: tuple[float, float]
    random: float
    random_interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]
    draws: int

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes.

        Returns:
            As in JSON.
        """
        return {k: [*v] if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def compare_random_splits(
    data: Path,
    *,
    seed: int = 0,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RandomSplits:
    """Compare a quick model's accuracy under a list's folds and under random splits.

    Args:
        data: A CSV with folds.
        seed: Of the random splits.
        jobs: Worker processes, for features; None: one per processor.
        progress: Called with (done, all) as features are computed.

    Returns:
        Both accuracies and their difference, with intervals. Recordings without features are left
        out.

    Raises:
        AscError: The list has no folds, or none of its recordings has features.
    """
    extraction = extract(RECIPE, data=data, jobs=jobs, progress=progress)
    listing = extraction.source.listing
    if not listing.splits:
        raise AscError(f"{data}: names no folds, so there is nothing to compare")
    recordings = [r for r in listing.recordings if r.file in extraction.digests]
    if not recordings:
        raise AscError(f"{data}: no recording has features; the first: {extraction.failed[0]}")
    stored = store.Stored(extraction.feature)
    x = np.concatenate([stored.load(extraction.digests[r.file]) for r in recordings])  # (n, F)
    folds = {file: split.fold for split in listing.splits for file in split.test}
    return _compare(x, recordings, folds, seed)


def _compare(
    x: np.ndarray, recordings: Sequence[Recording], folds: Mapping[str, int], seed: int
) -> RandomSplits:
    kernel, labels = _kernel(x), [recording.label for recording in recordings]
    grouped = _right(kernel, labels, [folds[recording.file] for recording in recordings])
    own = {recording.file: recording.file for recording in recordings}
    random = np.zeros(len(recordings))
    for draw in range(DRAWS):
        drawn = assignment.assign(recordings, own, len(set(folds.values())), seed + draw)
        random += _right(kernel, labels, [drawn[r.file] for r in recordings]) / DRAWS
    times = _times([recording.group or recording.file for recording in recordings])
    sizes = times.sum(axis=1)
    ends = [percentiles(times @ values / sizes) for values in (grouped, random, random - grouped)]
    a, b = float(grouped.mean()), float(random.mean())
    return RandomSplits(len(recordings), a, ends[0], b, ends[1], b - a, ends[2], DRAWS)


def _kernel(x: np.ndarray) -> np.ndarray:  # (n, F) -> (n, n)
    std = x.std(axis=0)
    x = np.clip((x - x.mean(axis=0)) / np.where(std > 0, std, 1), -CUT, CUT)
    return (x @ x.T / x.shape[1]).astype(np.float64)


def _right(
    kernel: np.ndarray, labels: Sequence[str], folds: Sequence[int]
) -> np.ndarray:  # -> (n,)
    """Return 1 for each recording that is recognised by a model of the other folds, else 0."""
    scenes, y = np.unique(labels, return_inverse=True)
    one_hot, fold_of = np.eye(len(scenes))[y], np.asarray(folds)
    right = np.zeros(len(y))
    for fold in np.unique(fold_of):
        test, train = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        ridge = kernel[np.ix_(train, train)] + RIDGE * np.eye(len(train))
        weights = np.linalg.solve(ridge, one_hot[train])
        right[test] = (kernel[np.ix_(test, train)] @ weights).argmax(axis=1) == y[test]
    return right


def _times(groups: Sequence[str]) -> np.ndarray:  # -> (BOOTSTRAPS, n)
    """Return how many times each recording is in each draw of groups."""
    names, number = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(names), size=(BOOTSTRAPS, len(names)))
    counts = np.stack([np.bincount(row, minlength=len(names)) for row in drawn])
    return counts[:, number].astype(np.float64)
