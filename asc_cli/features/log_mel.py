"""Logarithmic mel power spectrogram, the paper's front end (section 3.1).

    X[t, k] = Σ_n w[n] x[t·hop + n] e^{-2πi kn / frame}     frames without centring, w: Hann
    P[t, m] = Σ_k M[m, k] |X[t, k]|²                        M: Slaney's mel filters, area 1
    y[t, m] = ln max(P[t, m], 1e-10)

The paper names frame 1024, hop 220 and 64 filters and no logarithm; every peer takes it.
Slaney's scale: Auditory Toolbox, Interval Research Technical Report 1998-010; equal to
librosa.feature.melspectrogram(center=False) in the tests.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.features import Framing
from asc_cli.features._spectrum import FLOOR, bands, bin_centres_hz, hann

VERSION = 2  # 2: odd frames are padded to an even n_fft


@dataclass(frozen=True)
class LogMel:
    """Natural logarithm of mel-band power, float32."""

    n_mels: int = 64  # mel bands
    frame_samples: int = 1024  # samples of a frame
    hop_samples: int = 220  # samples from one frame to the next
    f_min_hz: float = 0.0  # lower edge of the lowest band, in Hz
    f_max_hz: float | None = None  # upper edge of the highest band; None: half the rate

    log_of_power: ClassVar[float] = 1.0

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (T, n_mels)
        filters = self.filters(sample_rate)
        log_mel = bands(samples, hann(self.frame_samples), self.hop_samples, filters)
        np.maximum(log_mel, np.float32(FLOOR), out=log_mel)
        return np.log(log_mel, out=log_mel)

    def framing(self, sample_rate: int) -> Framing:
        return Framing(self.frame_samples, self.hop_samples)

    def filters(self, sample_rate: int) -> np.ndarray:  # -> (1 + n_fft // 2, n_mels)
        return mel_filters(
            sample_rate, self.frame_samples, self.n_mels, self.f_min_hz, self.f_max_hz
        )

    def centres_hz(self, sample_rate: int) -> np.ndarray:  # -> (n_mels,)
        """Frequency at the peak of each band's triangle."""
        return _points_hz(sample_rate, self.n_mels, self.f_min_hz, self.f_max_hz)[1:-1]


@functools.lru_cache(maxsize=8)
def mel_filters(
    sample_rate: int, frame_samples: int, n_mels: int, f_min_hz: float, f_max_hz: float | None
) -> np.ndarray:  # -> (1 + n_fft // 2, n_mels)
    """Triangles between neighbouring mel points, each of area 1 over frequency in Hz.

    Written here because librosa.filters takes 1.4 s to import, more than a prediction's maths;
    equal to librosa.filters.mel(htk=False, norm="slaney") in the tests.
    """
    points_hz = _points_hz(sample_rate, n_mels, f_min_hz, f_max_hz)
    bins_hz = bin_centres_hz(sample_rate, frame_samples)[:, None]  # (K, 1)
    low, centre, high = points_hz[:-2], points_hz[1:-1], points_hz[2:]
    rising = (bins_hz - low) / (centre - low)
    falling = (high - bins_hz) / (high - centre)
    triangles = np.maximum(0, np.minimum(rising, falling))  # (K, n_mels)
    return np.ascontiguousarray(triangles * (2 / (high - low)), dtype=np.float32)


def _points_hz(
    sample_rate: int, n_mels: int, f_min_hz: float, f_max_hz: float | None
) -> np.ndarray:  # -> (n_mels + 2,)
    """Corners of the triangles, evenly spread in mel: each band's edges are its neighbours'."""
    highest_hz = sample_rate / 2 if f_max_hz is None else f_max_hz
    if not f_min_hz < highest_hz:
        raise AscError(f"f_max_hz = {highest_hz:g}: more than f_min_hz = {f_min_hz:g} was expected")
    top = mel_of_hz(highest_hz)
    return hz_of_mel(np.linspace(mel_of_hz(f_min_hz), top, n_mels + 2))


# Slaney's scale: linear below 1 kHz, 200/3 Hz a mel; above, 27 mel to each factor of 6.4
KNEE_HZ = 1000.0
HZ_PER_MEL = 200.0 / 3
KNEE_MEL = KNEE_HZ / HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27


def mel_of_hz(hz: float) -> float:
    return hz / HZ_PER_MEL if hz < KNEE_HZ else KNEE_MEL + np.log(hz / KNEE_HZ) / LOG_STEP


def hz_of_mel(mel: np.ndarray) -> np.ndarray:
    above = KNEE_HZ * np.exp(LOG_STEP * (np.maximum(mel, KNEE_MEL) - KNEE_MEL))
    return np.where(mel < KNEE_MEL, mel * HZ_PER_MEL, above)
