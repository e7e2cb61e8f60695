"""Hide frames: SpecAugment's time masking (Park et al., arXiv 1904.08779).

    x[t₀ … t₀ + w − 1, :] ← the clip's mean         w ~ U{0 … width}, t₀ ~ U{0 … T − w}

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
class TimeMask:
    """Runs of frames that are hidden, other ones in each clip."""

    width: Annotated[int, Field(ge=0)] = 24  # most frames of a run
    times: Annotated[int, Field(ge=0, le=1000)] = 2  # runs in a clip

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        n_clips, n_frames, _ = batch.frames.shape
        hidden = np.zeros((n_clips, n_frames), bool)
        for _ in range(self.times):
            hidden |= span(rng, n_clips, n_frames, self.width)
        mean = batch.mean_over_time(batch.frames).mean(dim=2, keepdim=True)  # (N, 1, 1)
        where = tensor(hidden, batch.frames).bool()[:, :, None]  # (N, T, 1)
        return replace(batch, frames=mean.where(where, batch.frames))
