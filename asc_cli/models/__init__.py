"""Models: one file each, clips in, scores out.

A model module has

    build(n_bands, n_scenes, **parameters) -> nn.Module

whose forward(x, mask) takes clips x (B, T, F) and, where some are short, a mask (B, T) that is
True for frames that count, and gives scores (B, C): softmax(scores) are the clip's probabilities.

A module that also has

    estimate(clips, labels, descend, seed) -> None

is an Estimator and fits itself: mixtures, factorisations, trees, and networks among other stages.
What it learns are buffers, arrays like a network's weights, so store, registry, prediction and
report know no difference. Any other module is fitted by gradient descent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from torch import nn


class Clips(Protocol):
    """What gradient descent needs of a set of clips (`clips.ClipSet` is one)."""

    def __len__(self) -> int: ...

    def batch(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Clips `which` (b,) -> frames (b, T, F) and a mask (b, T), None if all frames count."""
        ...


class OwnedClips(Clips, Protocol):
    """Clips that know which recording each is of."""

    @property
    def owners(self) -> np.ndarray: ...  # (B,)


Descend = Callable[["nn.Module", Clips, np.ndarray], None]  # fits a network, labels (B,) int64


@runtime_checkable
class Estimator(Protocol):
    """A model that fits itself, in place.

    `descend` fits a network that is one of its stages, with the recipe's training settings, and
    resumes it; all else follows from the seed alone, so that a fit that starts again ends with
    the same bits.
    """

    def estimate(
        self, clips: OwnedClips, labels: np.ndarray, descend: Descend, seed: int
    ) -> None: ...
