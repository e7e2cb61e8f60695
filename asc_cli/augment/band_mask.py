"""Hide bands: SpecAugment's frequency masking (Park et al., arXiv 1904.08779).

    x[:, f₀ … f₀ + w − 1] ← the clip's mean         w ~ U{0 … width}, f₀ ~ U{0 … F − w}

A clip's mean is that of all its bands and of the frames that count, before anything is hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from asc_cli.augment import Batch
from asc_cli.augment._draws import span, tensor


@dataclass(frozen=True)
class BandMask:
    """Runs of bands that are hidden, other ones in each clip."""

    width: Annotated[int, Field(ge=0)] = 8  # most bands of a run
    times: Annotated[int, Field(ge=0, le=1000)] = 2  # runs in a clip

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        n_clips, _, n_bands = batch.frames.shape
        hidden = np.zeros((n_clips, n_bands), bool)
        for _ in range(self.times):
            hidden |= span(rng, n_clips, n_bands, self.width)
        mean = batch.mean_over_time(batch.frames).mean(dim=2, keepdim=True)  # (N, 1, 1)
        where = tensor(hidden, batch.frames).bool()[:, None]  # (N, 1, F)
        return replace(batch, frames=mean.where(where, batch.frames))
