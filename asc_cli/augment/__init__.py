"""Transforms of training batches: one file each, clips and targets in, clips and targets out.

A transform module has

    one frozen dataclass with a `__call__`: a `Transform`, whose fields are its parameters, a
    comment each

N clips in a batch, T frames, F bands, C scenes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Transform(Protocol):
    """The interface of a transform's dataclass: it changes the batches of training, and no others.

    Its fields are its parameters; their defaults are written there and nowhere else. Validation
    and test clips never pass through a transform.
    """

    def __call__(
        self, clips: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return a changed copy of a batch.

        Args:
            clips: (N, T, F) float32, standardised; a short clip's missing frames are 0, the mean
                of every band.
            targets: (N, C) float32, one-hot: 1 for a clip's scene, else 0.
            generator: The only source of randomness. Each epoch's draws follow from the recipe's
                seed, the fold and the epoch, so that a run that is resumed ends with the same
                bits.

        Returns:
            Clips and targets of the same shapes and types. Targets change where clips are mixed:
            each row still sums to 1. The arguments themselves are not changed.
        """
        ...
