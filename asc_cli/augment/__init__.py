"""Augmentations: one file each, a batch of training clips in, a changed batch out.

A transform module has

    one frozen dataclass with a `__call__`: a `Transform`, whose fields are its parameters, a
    comment each
    NEEDS_LOGARITHM = True      where it changes levels, so that recipes with other features are
                                refused

A recipe lists them under `augment`; they are applied in that order to the batches of training, and
to no others.

N clips in a batch, T frames, F bands, C scenes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

DB_PER_NEPER = 10 / math.log(10)  # of power: 10 log10 P = DB_PER_NEPER · ln P


@dataclass(frozen=True)
class Scale:
    """What the numbers of a batch's frames stand for.

        x = (k ln P − mean) / deviation         P: power in a band; of a logarithmic feature

    Attributes:
        mean: (F,) of the standardisation; 0 without.
        deviation: (F,) of the standardisation; 1 without.
        log_of_power: k, the feature's `log_of_power`; None of a feature that is no logarithm.
    """

    mean: Tensor
    deviation: Tensor
    log_of_power: float | None

    def power(self, frames: Tensor) -> Tensor:
        """Return the power in each band.

        Args:
            frames: (..., F) x above.

        Returns:
            (..., F) P above.
        """
        return ((frames * self.deviation + self.mean) / self._k).exp()

    def frames(self, power: Tensor) -> Tensor:
        """Return frames of a power in each band, the inverse of `power`.

        Args:
            power: (..., F) P above, more than 0.

        Returns:
            (..., F) x above.
        """
        return (power.log() * self._k - self.mean) / self.deviation

    def of_decibels(self, db: Tensor) -> Tensor:
        """Return what is added to frames whose level is raised.

        Args:
            db: (..., F), or (..., 1) for all bands alike.

        Returns:
            (..., F) the difference in x.
        """
        return db * (self._k / DB_PER_NEPER) / self.deviation

    @property
    def _k(self) -> float:
        if self.log_of_power is None:
            raise ValueError("the feature is no logarithm of a power")
        return self.log_of_power


@dataclass(frozen=True)
class Batch:
    """A batch of training clips.

    Attributes:
        frames: (N, T, F) float32; a short clip's missing frames are 0.
        mask: (N, T) bool, True for frames that count; None where all do.
        targets: (N, C) float32 whose rows sum to 1: 1 for a clip's scene, until clips are mixed.
        scale: What the frames' numbers stand for.
    """

    frames: Tensor
    mask: Tensor | None
    targets: Tensor
    scale: Scale

    def lengths(self) -> Tensor:
        """Return how many frames of each clip count.

        Returns:
            (N,) int64.
        """
        if self.mask is None:
            return self.targets.new_full((len(self.frames),), self.frames.shape[1]).long()
        return self.mask.sum(dim=1)

    def mean_over_time(self, values: Tensor) -> Tensor:
        """Return the mean over the frames that count.

        Args:
            values: (N, T, F).

        Returns:
            (N, 1, F).
        """
        if self.mask is None:
            return values.mean(dim=1, keepdim=True)
        counted = values * self.mask[:, :, None]
        return counted.sum(dim=1, keepdim=True) / self.lengths()[:, None, None]


class Transform(Protocol):
    """The interface of a transform's dataclass: it changes the batches of training, and no others.

    Its fields are its parameters; their defaults are written there and nowhere else, and a range is
    written `Annotated[float, Field(ge=0, le=1)]`. Validation and test clips never pass through a
    transform.
    """

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Return a changed copy of a batch.

        Args:
            batch: Clips, their targets, and what their numbers stand for. Its tensors are not
                changed themselves. They may be on a GPU.
            rng: The only source of randomness. It follows from the recipe's seed, the fold, the
                epoch and the step, so that a run that is resumed ends with the same bits.

        Returns:
            A batch of the same shapes and types. Targets change where clips are mixed: each row
            still sums to 1. Frames beyond a clip's end are set to 0 afterwards.
        """
        ...
