"""Make each clip louder or quieter.

    y ← y + g                                   y: level of each band in dB, g ~ U(−db, db) a clip

Recordings of one scene differ in level, by distance and by device; all bands change alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from asc_cli.augment import Batch
from asc_cli.augment._draws import uniform

NEEDS_LOGARITHM = True


@dataclass(frozen=True)
class Gain:
    """Another level for each clip."""

    db: Annotated[float, Field(ge=0)] = 6.0  # largest change of a clip's level, in dB

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        gains = uniform(rng, -self.db, self.db, (len(batch.frames), 1, 1), batch.frames)
        return replace(batch, frames=batch.frames + batch.scale.of_decibels(gains))
