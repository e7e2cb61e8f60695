"""Models: one file each, clips in, scores out.

A model module has

    build(n_bands, n_scenes, **parameters) -> nn.Module

whose forward(x, mask) takes clips x (B, T, F) and, where some are short, a mask (B, T) that is
True for frames that count, and gives scores (B, C): softmax(scores) are the clip's probabilities.

A module that also has

    estimate(clips, labels, fit_network, seed) -> None

is an Estimator and fits itself: mixtures, factorisations, trees, and networks among other stages.
What it learns are buffers, arrays like a network's weights, so store, registry, prediction and
report know no difference. Any other module is fitted by gradient descent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from asc_cli.core import plugins

if TYPE_CHECKING:
    from torch import nn


def build(settings: dict[str, Any], n_bands: int, n_scenes: int) -> Any:
    """The network of a recipe's `model` section, with fresh weights.

    Args:
        settings: the model's `name`, and its parameters as its file names them.
        n_bands: F, bands of the feature.
        n_scenes: C, scenes to tell apart.

    Raises:
        AscError: no model has that name; says the nearest.
    """
    module = plugins.load("models", settings["name"])
    return module.build(n_bands, n_scenes, **{k: v for k, v in settings.items() if k != "name"})


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


FitNetwork = Callable[["nn.Module", Clips, np.ndarray], None]  # fits a network, labels (B,) int64


@runtime_checkable
class Estimator(Protocol):
    """A model that fits itself, in place.

    `fit_network` fits a network that is one of its stages, with the recipe's training settings, and
    resumes it; all else follows from the seed alone, so that a fit that starts again ends with
    the same bits.
    """

    def estimate(
        self, clips: OwnedClips, labels: np.ndarray, fit_network: FitNetwork, seed: int
    ) -> None: ...
