"""Logarithmic power in gammatone bands, evenly spaced on the ERB scale.

    ERB(f)   = 24.7 (4.37 f / 1000 + 1)                  width of the ear's filter at f Hz
    E(f)     = 21.4 log10(1 + 4.37 f / 1000)             how many such filters lie below f
    f_m      = E⁻¹ of n_bands even steps from E(f_min) to E(f_max)
    |H_m(f)|² = (1 + ((f − f_m) / b_m)²)^−4               b_m = 1.019 ERB(f_m)
    y[t, m]  = ln max(Σ_k |H_m(f_k)|² |X[t, k]|², 1e-10) X: _spectrum.py, w: periodic Hann

Glasberg & Moore 1990 (ERB); Patterson et al. 1992 (fourth order, 1.019). H is the filter's
response in frequency, without its mirror image, applied to frames instead of to the signal. Written
here because librosa and scipy have no gammatone filterbank over frames.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from asc_cli.features import Framing
from asc_cli.features._spectrum import FLOOR, bands, bin_centres_hz, hann

VERSION = 2  # 2: odd frames are padded to an even n_fft
ORDER = 4
BANDWIDTHS_PER_ERB = 1.019


@dataclass(frozen=True)
class Gammatone:
    """Natural logarithm of gammatone-band power, float32."""

    n_bands: int = 64  # filters of the bank
    frame_samples: int = 1024  # samples of a frame
    hop_samples: int = 512  # samples from one frame to the next
    f_min_hz: float = 50.0  # centre of the lowest band, in Hz
    f_max_hz: float | None = None  # centre of the highest; None: the last below half the rate

    log_of_power: ClassVar[float] = 1.0

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (T, n_bands)
        filters = self.filters(sample_rate)
        power = bands(samples, hann(self.frame_samples), self.hop_samples, filters)
        return np.log(np.maximum(power, np.float32(FLOOR)))

    def framing(self, sample_rate: int) -> Framing:
        return Framing(self.frame_samples, self.hop_samples)

    def filters(self, sample_rate: int) -> np.ndarray:  # -> (1 + n_fft // 2, n_bands)
        return gammatone_filters(
            sample_rate, self.frame_samples, self.n_bands, self.f_min_hz, self.f_max_hz
        )

    def centres_hz(self, sample_rate: int) -> np.ndarray:  # -> (n_bands,)
        return band_centres_hz(sample_rate, self.n_bands, self.f_min_hz, self.f_max_hz)


@functools.lru_cache(maxsize=8)
def gammatone_filters(
    sample_rate: int, frame_samples: int, n_bands: int, f_min_hz: float, f_max_hz: float | None
) -> np.ndarray:  # -> (1 + n_fft // 2, n_bands)
    """|H_m(f_k)|² of each band at each bin."""
    bins_hz = bin_centres_hz(sample_rate, frame_samples)[:, None]
    centres = band_centres_hz(sample_rate, n_bands, f_min_hz, f_max_hz)
    distance = (bins_hz - centres) / (BANDWIDTHS_PER_ERB * erb_hz(centres))
    return np.ascontiguousarray((1 + distance**2) ** -ORDER, dtype=np.float32)


def band_centres_hz(
    sample_rate: int, n_bands: int, f_min_hz: float, f_max_hz: float | None
) -> np.ndarray:  # -> (n_bands,)
    """Even steps of E; without f_max the step after the last one is half the sample rate."""
    if f_max_hz is None:
        return hz_of_erbs(np.linspace(erbs(f_min_hz), erbs(sample_rate / 2), n_bands + 1)[:-1])
    return hz_of_erbs(np.linspace(erbs(f_min_hz), erbs(f_max_hz), n_bands))


def erb_hz(hz: np.ndarray) -> np.ndarray:
    """Equivalent rectangular bandwidth of the ear's filter at hz."""
    return 24.7 * (4.37 * hz / 1000 + 1)


def erbs(hz: float) -> float:
    """Return E, the number of ERBs below hz."""
    return 21.4 * np.log10(1 + 4.37 * hz / 1000)


def hz_of_erbs(number: np.ndarray) -> np.ndarray:
    return (10 ** (number / 21.4) - 1) * 1000 / 4.37
