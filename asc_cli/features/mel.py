"""Mel magnitudes, not logarithmic: the front end of Kong et al., DCASE 2016.

    y[t, m] = Σ_k M[k, m] |X[t, k]|          X: _spectrum.py, w: periodic Hamming
                                             M: Slaney's mel filters, area 1 (log_mel.py)

Frames of 1024 samples without overlap. Equal to librosa.feature.melspectrogram(power=1) in the
tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asc_cli.features import Framing
from asc_cli.features._spectrum import bands, hamming
from asc_cli.features.log_mel import mel_filters

VERSION = 2  # 2: odd frames are padded to an even n_fft


@dataclass(frozen=True)
class Mel:
    """Magnitude in mel bands, float32."""

    n_mels: int = 40  # mel bands
    frame_samples: int = 1024  # samples of a frame
    hop_samples: int = 1024  # samples from one frame to the next
    f_min_hz: float = 0.0  # lower edge of the lowest band, in Hz
    f_max_hz: float | None = None  # upper edge of the highest band; None: half the rate

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (T, n_mels)
        filters = self.filters(sample_rate)
        window = hamming(self.frame_samples)
        return bands(samples, window, self.hop_samples, filters, magnitude=True)

    def framing(self, sample_rate: int) -> Framing:
        return Framing(self.frame_samples, self.hop_samples)

    def filters(self, sample_rate: int) -> np.ndarray:  # -> (1 + n_fft // 2, n_mels)
        return mel_filters(
            sample_rate, self.frame_samples, self.n_mels, self.f_min_hz, self.f_max_hz
        )
