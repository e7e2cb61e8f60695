"""Mix clips in pairs, and their labels: mixup (Zhang et al., arXiv 1710.09412).

    x ← λ x + (1 − λ) x'        t ← λ t + (1 − λ) t'
    λ = max(l, 1 − l)           l ~ Beta(alpha, alpha)

x': another clip of the batch, drawn at random; t: targets. The mixture is of the frames as the
network sees them, of logarithms mostly: between_class mixes sounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from asc_cli.augment import Batch
from asc_cli.augment._draws import joined_mask, shares, tensor


@dataclass(frozen=True)
class Mixup:
    """Linear mixtures of clips."""

    alpha: Annotated[float, Field(gt=0)] = 0.2  # of the Beta distribution: 1 is even, less is rarer
    share: Annotated[float, Field(ge=0, le=1)] = 1.0  # share of the clips that are mixed

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        n_clips = len(batch.frames)
        others = rng.permutation(n_clips)
        drawn = rng.beta(self.alpha, self.alpha, n_clips)
        ratios = shares(rng, n_clips, self.share, np.maximum(drawn, 1 - drawn))
        own = tensor(ratios, batch.frames)[:, None]  # (N, 1)
        frames, targets = batch.frames, batch.targets
        return replace(
            batch,
            frames=own[:, :, None] * frames + (1 - own)[:, :, None] * frames[others],
            mask=joined_mask(batch, others, ratios),
            targets=own * targets + (1 - own) * targets[others],
        )
