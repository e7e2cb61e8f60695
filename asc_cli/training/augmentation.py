"""A recipe's augmentations, applied to the batches of training in the order of the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asc_cli.augment import Batch, Scale, Transform
from asc_cli.core.plugins import Catalog
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.standardise import Standardisation
from asc_cli.training.loss import one_hot


@dataclass(frozen=True)
class Augmentation:
    """Transforms, and what they need to know of the clips."""

    transforms: tuple[Transform, ...]
    scale: Scale
    n_scenes: int

    def __call__(
        self, x: Tensor, mask: Tensor | None, labels: Tensor, seed: Sequence[int]
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return clips (b, T, F), mask (b, T) and targets (b, C), changed.

        Args:
            x: (b, T, F), standardised.
            mask: (b, T) bool; None if all frames count.
            labels: (b,) int64.
            seed: Of this step alone: the recipe's, the fold, the epoch, the step.
        """
        return self._changed(x, mask, one_hot(labels, self.n_scenes), seed)

    def with_answers(
        self,
        x: Tensor,
        mask: Tensor | None,
        labels: Tensor,
        answers: Tensor,  # (b, C) of teachers
        seed: Sequence[int],
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        """Return the same as a call, and the answers (b, C), mixed as the targets are."""
        both = torch.cat([one_hot(labels, self.n_scenes), answers], dim=1) / 2  # rows sum to 1
        x, mask, both = self._changed(x, mask, both, seed)
        targets, answers = (2 * both).split(self.n_scenes, dim=1)
        return x, mask, targets, answers

    def _changed(
        self, x: Tensor, mask: Tensor | None, targets: Tensor, seed: Sequence[int]
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        rng = np.random.default_rng(seed)
        batch = Batch(x, mask, targets, self.scale)
        with torch.no_grad():
            for transform in self.transforms:
                batch = _without_what_is_beyond(transform(batch, rng))
        return batch.frames, batch.mask, batch.targets


def _without_what_is_beyond(batch: Batch) -> Batch:
    """Set frames beyond a clip's end to 0, whatever a transform made of them."""
    if batch.mask is None:
        return batch
    zero = batch.frames.new_zeros(())
    return replace(batch, frames=batch.frames.where(batch.mask[:, :, None], zero))


def augmentation(
    settings: Sequence[dict[str, Any]],
    feature: StoredFeature,
    standardise: Standardisation,
    n_scenes: int,
    device: str,
    catalog: Catalog,
) -> Augmentation | None:
    """Return what a recipe's `augment` says; None where it lists nothing."""
    if not settings:
        return None
    transforms = [
        catalog.dataclass_of("augment", each["name"])(
            **{key: value for key, value in each.items() if key != "name"}
        )
        for each in settings
    ]
    scale = Scale(
        torch.from_numpy(standardise.mean).to(device),
        torch.from_numpy(standardise.deviation).to(device),
        getattr(feature.compute, "log_of_power", None),
    )
    return Augmentation(tuple(transforms), scale, n_scenes)
