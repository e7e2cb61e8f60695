"""Colour each clip, as another microphone would.

    y ← y + g(f)        g: straight lines between n_knots gains ~ U(−db, db), evenly spread over the
                        bands from the lowest to the highest

The same in every frame of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from asc_cli.augment import Batch
from asc_cli.augment._draws import tensor

NEEDS_LOGARITHM = True


@dataclass(frozen=True)
class Equaliser:
    """Another frequency response for each clip."""

    db: Annotated[float, Field(ge=0)] = 6.0  # largest change of a band's level, in dB
    n_knots: Annotated[int, Field(ge=2)] = 4  # gains that are drawn; those between are on lines

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        n_clips, _, n_bands = batch.frames.shape
        knots = rng.uniform(-self.db, self.db, (n_clips, self.n_knots))
        gains = tensor(knots @ lines(self.n_knots, n_bands), batch.frames)[:, None]  # (N, 1, F)
        return replace(batch, frames=batch.frames + batch.scale.of_decibels(gains))


def lines(n_knots: int, n_bands: int) -> np.ndarray:  # -> (n_knots, F)
    """Return the weight of each knot in each band."""
    places = np.linspace(0, n_knots - 1, n_bands)
    return np.maximum(0, 1 - np.abs(places - np.arange(n_knots)[:, None]))
