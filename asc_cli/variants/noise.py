"""White noise at a signal-to-noise ratio.

    y = x + σ z      z Gaussian, σ² = mean(x²) / 10^(snr_db / 10)

The noise follows from the recording and `seed`: another recording has other noise, the same one
always the same.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

VERSION = 1


@dataclass(frozen=True)
class Noise:
    snr_db: Annotated[float, Field(ge=-20, le=100)] = 20.0  # power of the recording over the noise
    seed: Annotated[int, Field(ge=0)] = 0  # another seed, other noise

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        contents = zlib.crc32(np.ascontiguousarray(samples).data)
        noise = np.random.default_rng([self.seed, contents]).standard_normal(
            len(samples), dtype=np.float32
        )
        power = np.square(samples, dtype=np.float64).mean() / 10 ** (self.snr_db / 10)
        return samples + np.float32(np.sqrt(power)) * noise
