"""Mel bands, not logarithmic; with the defaults the front end of Kong et al., DCASE 2016.

    y[t, m] = Σ_k M[k, m] |X[t, k]|          X: _spectrum.py, w: periodic Hamming
                                             M: Slaney's mel filters, area 1 (_mel.py)

Frames of 1024 samples without overlap. Other choices are parameters, as of `log_mel`. Equal to
librosa.feature.melspectrogram(power=1) in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from asc_cli.features import Framing
from asc_cli.features._mel import filters_of, framing_of, mel_bands

VERSION = 2  # 2: odd frames are padded to an even n_fft


@dataclass(frozen=True)
class Mel:
    """Mel bands, float32."""

    n_mels: int = 40  # mel bands
    frame_samples: int = 1024  # samples of a frame
    hop_samples: int = 1024  # samples from one frame to the next
    f_min_hz: float = 0.0  # lower edge of the lowest band, in Hz
    f_max_hz: float | None = None  # upper edge of the highest band; None: half the rate
    n_fft: int | None = None  # samples that frames are padded to with zeros; None: their own
    window: Literal["hann", "hamming"] = "hamming"  # what frames are multiplied by
    spectrum: Literal["power", "magnitude"] = "magnitude"  # what is summed into bands
    scale: Literal["slaney", "htk"] = "slaney"  # mel scale on which bands are evenly spaced
    area_norm: bool = True  # whether filters have area 1; false: height 1
    centred: bool = False  # whether frame t has its middle at t · hop, with reflection at the ends

    ADDED: ClassVar = {
        "n_fft": None,
        "window": "hamming",
        "spectrum": "magnitude",
        "scale": "slaney",
        "area_norm": True,
        "centred": False,
    }

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (T, n_mels)
        return mel_bands(self, samples, sample_rate)

    def framing(self, sample_rate: int) -> Framing:
        return framing_of(self)

    def filters(self, sample_rate: int) -> np.ndarray:  # -> (1 + n_fft // 2, n_mels)
        return filters_of(self, sample_rate)
