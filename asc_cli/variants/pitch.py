"""Another pitch, the same duration: librosa's phase vocoder, then soxr.

f → f · 2^(semitones / 12)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

VERSION = 1


@dataclass(frozen=True)
class Pitch:
    semitones: Annotated[float, Field(ge=-24, le=24)] = 2.0  # above 0: higher

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        import librosa

        return np.asarray(
            librosa.effects.pitch_shift(
                samples, sr=sample_rate, n_steps=self.semitones, res_type="soxr_hq"
            ),
            np.float32,
        )
