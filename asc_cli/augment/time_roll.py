"""Move each clip in time; what leaves at one end comes back at the other.

x[t] ← x[(t − s) mod T]             s ~ U{−⌊share · T⌋ … ⌊share · T⌋}, T: the frames that count
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from asc_cli.augment import Batch
from asc_cli.augment._draws import uniform


@dataclass(frozen=True)
class TimeRoll:
    """Another start for each clip."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.1  # largest move, as a share of the clip

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        import torch

        n_clips, n_frames, n_bands = batch.frames.shape
        lengths = batch.lengths()[:, None]  # (N, 1)
        furthest = (self.share * lengths).floor()
        drawn = uniform(rng, 0, 1, (n_clips, 1), batch.frames)
        moves = ((2 * furthest + 1) * drawn).floor().clamp(max=2 * furthest) - furthest
        places = torch.arange(n_frames, device=batch.frames.device).expand(n_clips, -1)  # (N, T)
        sources = torch.where(places < lengths, (places - moves.long()) % lengths, places)
        rolled = batch.frames.gather(1, sources[:, :, None].expand(-1, -1, n_bands))
        return replace(batch, frames=rolled)
