"""Mel-frequency cepstral coefficients, their first and second differences in time.

    S[t, m] = 10 log10 max(P[t, m], 1e-10)           P: power in Slaney's mel bands, Hamming window
    c[t, :] = the first n_mfcc coefficients of the orthonormal DCT-II of S[t, :], c0 among them
    Δ, ΔΔ   = slope and curvature of a parabola (a line for Δ) fitted to `delta_width` frames

The front end of the DCASE 2016 baseline (Mesaros et al., EUSIPCO 2016) at 44.1 kHz: 40 ms every
20 ms, n_fft 2048, 40 bands, 20 coefficients, width 9. Its librosa also cut S at 80 dB below the
loudest frame of a recording; that is left out, because a frame would depend on the whole file.
librosa does the DCT and the differences.
"""

from __future__ import annotations

import numpy as np

from asc_cli.features import Framing
from asc_cli.features._spectrum import FLOOR, bands, hamming
from asc_cli.features.log_mel import mel_filters

VERSION = 1


def extract(
    samples: np.ndarray,
    sample_rate: int,
    *,
    n_mfcc: int = 20,
    n_mels: int = 40,
    frame_s: float = 0.04,
    hop_s: float = 0.02,
    n_fft: int = 2048,
    f_min_hz: float = 0.0,
    f_max_hz: float | None = None,
    deltas: bool = True,
    delta_width: int = 9,
) -> np.ndarray:  # (N,) -> (T, 3 n_mfcc), (T, n_mfcc) without deltas
    """Coefficients, then Δ, then ΔΔ, float32.

    n_mfcc: coefficients of a frame, the 0th among them.
    n_mels: mel bands that they are computed from.
    frame_s: seconds of a frame.
    hop_s: seconds from one frame to the next.
    n_fft: frames are padded with zeros to this many samples, or to their own length if longer.
    f_min_hz: lower edge of the lowest band, in Hz.
    f_max_hz: upper edge of the highest band, in Hz; none: half the sample rate.
    deltas: whether first and second differences in time are added.
    delta_width: frames that a difference is fitted to; an odd number from 3.
    """
    import librosa

    where = framing(sample_rate, frame_s=frame_s, hop_s=hop_s)
    n_fft = max(n_fft, where.frame_samples + where.frame_samples % 2)
    filters = mel_filters(sample_rate, n_fft, n_mels, f_min_hz, f_max_hz)
    power = bands(samples, hamming(where.frame_samples), where.hop_samples, filters)  # (T, n_mels)
    decibels = 10 * np.log10(np.maximum(power, np.float32(FLOOR)))
    cepstra = librosa.feature.mfcc(S=decibels.T, n_mfcc=n_mfcc)  # (n_mfcc, T)
    if deltas:
        # a recording shorter than the width has no parabola at its ends: repeat the end frames
        mode = "interp" if cepstra.shape[1] >= delta_width else "nearest"
        slope = librosa.feature.delta(cepstra, width=delta_width, order=1, mode=mode)
        curve = librosa.feature.delta(cepstra, width=delta_width, order=2, mode=mode)
        cepstra = np.concatenate([cepstra, slope, curve])
    return np.ascontiguousarray(cepstra.T, dtype=np.float32)


def framing(
    sample_rate: int,
    *,
    frame_s: float = 0.04,
    hop_s: float = 0.02,
    deltas: bool = True,
    delta_width: int = 9,
    **_: object,
) -> Framing:
    """A difference looks half its width to each side, and at an end a whole width back."""
    context = delta_width - 1 if deltas else 0
    return Framing(round(frame_s * sample_rate), round(hop_s * sample_rate), context)
