"""Helpers of models that are fitted by scikit-learn."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.core.errors import AscError
from asc_cli.models import Clips


def require_enough(count: int, scene: int, n_scenes: int, needed: int, what: str) -> None:
    """Raise AscError when a scene has fewer than `needed` of `what` to learn from."""
    if count < needed:
        raise AscError(
            f"scene {scene + 1} of {n_scenes} (as the dataset lists them) has {count} {what} to "
            f"train on in this fold, and at least {needed} are needed; add recordings of it"
        )


def frames_of(clips: Clips, which: np.ndarray) -> np.ndarray:  # (b,) -> (n, F)
    """Return all valid frames of clips `which`, one after another."""
    frames, mask = clips.batch(which)  # (b, T, F), (b, T)
    return frames[mask] if mask is not None else frames.reshape(-1, frames.shape[2])


def tensor(array: np.ndarray) -> Tensor:
    """Copy an array into torch's own, aligned memory."""
    return torch.from_numpy(np.ascontiguousarray(array)).clone()


def frozen_linear(n_in: int, n_out: int) -> nn.Linear:
    """Return a linear layer in float64, all zeros, without gradients, for scikit-learn's
    weights."""
    layer = nn.Linear(n_in, n_out, dtype=torch.float64).requires_grad_(False)
    layer.weight.zero_()
    layer.bias.zero_()
    return layer


@contextlib.contextmanager
def ignore_convergence_warnings() -> Iterator[None]:
    """Ignore the warning that a fit used all its iterations: their number is the recipe's."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def stratified_group_folds(
    owners: np.ndarray, labels: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:  # (B,), (B,) -> (B,)
    """Return a fold below n for every clip: grouped by recording, stratified by scene.

    At most as many folds as the rarest scene has recordings, so that every fold has every scene.
    """
    recordings, first = np.unique(owners, return_index=True)
    scenes = labels[first]
    n = min(n, np.bincount(scenes)[np.unique(scenes)].min())
    folds = np.empty(len(recordings), np.int64)
    for scene in np.unique(scenes):
        order = rng.permutation(np.flatnonzero(scenes == scene))
        folds[order] = np.arange(len(order)) % n
    return folds[np.searchsorted(recordings, owners)]


def require_recordings(owners: np.ndarray, labels: np.ndarray, n_scenes: int, needed: int) -> None:
    """Raise AscError for the first scene with fewer than `needed` recordings."""
    for scene in range(n_scenes):
        n_recordings = len(np.unique(owners[labels == scene]))
        require_enough(n_recordings, scene, n_scenes, needed, "recording(s)")
