"""Mel bands, for `log_mel` and `mel`, and their filters.

    y[t, m] = Σ_k M[k, m] |X[t, k]|²     or of |X[t, k]|; X: _spectrum.py
    M: triangles between neighbouring points that are evenly spaced in mel

    Slaney: linear below 1 kHz, 200/3 Hz a mel; above, 27 mel to each factor of 6.4
    HTK:    mel = 2595 log10(1 + f / 700)

Slaney: Auditory Toolbox, Interval Research Technical Report 1998-010. HTK: Young et al., The HTK
Book. Written here because librosa.filters takes 1.4 s to import, more than a prediction's maths;
equal to librosa.filters.mel in the tests.
"""

from __future__ import annotations

import functools
from typing import Literal, Protocol

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.features import Framing
from asc_cli.features._spectrum import WINDOWS, bands, bin_centres_hz, reach_samples, reflected

Scale = Literal["slaney", "htk"]
KNEE_HZ = 1000.0
HZ_PER_MEL = 200.0 / 3
KNEE_MEL = KNEE_HZ / HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27


class Settings(Protocol):
    """The parameters that `log_mel` and `mel` share."""

    @property
    def n_mels(self) -> int: ...
    @property
    def frame_samples(self) -> int: ...
    @property
    def hop_samples(self) -> int: ...
    @property
    def f_min_hz(self) -> float: ...
    @property
    def f_max_hz(self) -> float | None: ...
    @property
    def n_fft(self) -> int | None: ...
    @property
    def window(self) -> Literal["hann", "hamming"]: ...
    @property
    def spectrum(self) -> Literal["power", "magnitude"]: ...
    @property
    def scale(self) -> Scale: ...
    @property
    def area_norm(self) -> bool: ...
    @property
    def centred(self) -> bool: ...


def mel_bands(
    settings: Settings, samples: np.ndarray, sample_rate: int
) -> np.ndarray:  # (N,) -> (T, n_mels) float32
    frame = settings.frame_samples
    if settings.centred:
        samples = reflected(samples, frame)
    return bands(
        samples,
        WINDOWS[settings.window](frame),
        settings.hop_samples,
        filters_of(settings, sample_rate),
        magnitude=settings.spectrum == "magnitude",
    )


def framing_of(settings: Settings) -> Framing:
    frame, hop = settings.frame_samples, settings.hop_samples
    if not settings.centred:
        return Framing(frame, hop)
    return Framing(frame, hop, context_frames=reach_samples(frame) // hop + 1, centred=True)


def filters_of(settings: Settings, sample_rate: int) -> np.ndarray:  # -> (1 + n_fft // 2, n_mels)
    n_fft = settings.frame_samples if settings.n_fft is None else settings.n_fft
    if n_fft < settings.frame_samples:
        raise AscError(
            f"features.n_fft = {n_fft}: at least frame_samples = {settings.frame_samples} was "
            "expected"
        )
    return mel_filters(
        sample_rate,
        n_fft,
        settings.n_mels,
        settings.f_min_hz,
        settings.f_max_hz,
        settings.scale,
        settings.area_norm,
    )


@functools.lru_cache(maxsize=8)
def mel_filters(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    f_min_hz: float,
    f_max_hz: float | None,
    scale: Scale,
    area_norm: bool,
) -> np.ndarray:  # -> (1 + n_fft // 2, n_mels)
    """Return the triangles, each of area 1 over frequency in Hz, or of height 1."""
    points_hz = mel_points_hz(sample_rate, n_mels, f_min_hz, f_max_hz, scale)
    bins_hz = bin_centres_hz(sample_rate, n_fft)[:, None]  # (K, 1)
    low, centre, high = points_hz[:-2], points_hz[1:-1], points_hz[2:]
    rising = (bins_hz - low) / (centre - low)
    falling = (high - bins_hz) / (high - centre)
    triangles = np.maximum(0, np.minimum(rising, falling))  # (K, n_mels)
    if area_norm:
        triangles = triangles * (2 / (high - low))
    return np.ascontiguousarray(triangles, dtype=np.float32)


def mel_points_hz(
    sample_rate: int, n_mels: int, f_min_hz: float, f_max_hz: float | None, scale: Scale
) -> np.ndarray:  # -> (n_mels + 2,)
    """Return the corners of the triangles: each band's edges are its neighbours' centres."""
    highest_hz = sample_rate / 2 if f_max_hz is None else f_max_hz
    if not f_min_hz < highest_hz:
        raise AscError(f"f_max_hz = {highest_hz:g}: more than f_min_hz = {f_min_hz:g} was expected")
    low, high = mel_of_hz(f_min_hz, scale), mel_of_hz(highest_hz, scale)
    return hz_of_mel(np.linspace(low, high, n_mels + 2), scale)


def mel_of_hz(hz: float, scale: Scale) -> float:
    if scale == "htk":
        return 2595 * np.log10(1 + hz / 700)
    return hz / HZ_PER_MEL if hz < KNEE_HZ else KNEE_MEL + np.log(hz / KNEE_HZ) / LOG_STEP


def hz_of_mel(mel: np.ndarray, scale: Scale) -> np.ndarray:
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    above = KNEE_HZ * np.exp(LOG_STEP * (np.maximum(mel, KNEE_MEL) - KNEE_MEL))
    return np.where(mel < KNEE_MEL, mel * HZ_PER_MEL, above)
