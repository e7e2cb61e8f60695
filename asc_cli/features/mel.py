"""Mel magnitudes, not logarithmic: the front end of Kong et al., DCASE 2016.

    y[t, m] = Σ_k M[k, m] |X[t, k]|          X: _spectrum.py, w: periodic Hamming
                                             M: Slaney's mel filters, area 1 (log_mel.py)

Frames of 1024 samples without overlap. Equal to librosa.feature.melspectrogram(power=1) in the
tests.
"""

from __future__ import annotations

import numpy as np

from asc_cli.features import Framing
from asc_cli.features._spectrum import bands, hamming
from asc_cli.features.log_mel import mel_filters

VERSION = 2  # 2: odd frames are padded to an even n_fft


def extract(
    samples: np.ndarray,
    sample_rate: int,
    *,
    n_mels: int = 40,
    frame_samples: int = 1024,
    hop_samples: int = 1024,
    f_min_hz: float = 0.0,
    f_max_hz: float | None = None,
) -> np.ndarray:  # (N,) -> (T, n_mels)
    """Magnitude in mel bands, float32.

    n_mels: mel bands.
    frame_samples: samples of a frame.
    hop_samples: samples from one frame to the next.
    f_min_hz: lower edge of the lowest band, in Hz.
    f_max_hz: upper edge of the highest band, in Hz; none: half the sample rate.
    """
    filters = mel_filters(sample_rate, frame_samples, n_mels, f_min_hz, f_max_hz)
    return bands(samples, hamming(frame_samples), hop_samples, filters, magnitude=True)


def framing(
    sample_rate: int, *, frame_samples: int = 1024, hop_samples: int = 1024, **_: object
) -> Framing:
    return Framing(frame_samples, hop_samples)
