"""Playback at another speed: pitch and duration change together, as a tape's do.

y[m] = x(m · factor)      m = 0 … ⌊(N − 1) / factor⌋, linear interpolation between samples
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

VERSION = 1


@dataclass(frozen=True)
class Speed:
    factor: Annotated[float, Field(ge=0.25, le=4)] = 1.1  # above 1: faster, higher and shorter

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        places = np.arange(np.floor((len(samples) - 1) / self.factor) + 1) * self.factor
        return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
