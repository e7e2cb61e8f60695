"""Mel-frequency cepstral coefficients, their first and second differences in time.

    S[t, m] = 10 log10 max(P[t, m], 1e-10)           P: power in Slaney's mel bands, Hamming window
    c[t, :] = the first n_mfcc coefficients of the orthonormal DCT-II of S[t, :], c0 among them
    Δ, ΔΔ   = slope and curvature of a parabola (a line for Δ) fitted to `delta_width` frames

The front end of the DCASE 2016 baseline (Mesaros et al., EUSIPCO 2016) at 44.1 kHz: 40 ms every
20 ms, n_fft 2048, 40 bands, 20 coefficients, width 9. Its librosa also cut S at 80 dB below the
loudest frame of a recording; that is left out, because a frame would depend on the whole file.
The coefficients and differences are those of librosa.feature, which calls the same functions of
SciPy; importing it takes longer than a prediction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.features import Framing
from asc_cli.features._mel import mel_filters
from asc_cli.features._spectrum import FLOOR, bands, hamming

VERSION = 1


@dataclass(frozen=True)
class Mfcc:
    """Coefficients, then Δ, then ΔΔ, float32."""

    n_mfcc: int = 20  # coefficients of a frame, the 0th among them
    n_mels: int = 40  # mel bands that they are computed from
    frame_s: float = 0.04  # seconds of a frame
    hop_s: float = 0.02  # seconds from one frame to the next
    n_fft: int = 2048  # samples that frames are padded to; their own length if that is longer
    f_min_hz: float = 0.0  # lower edge of the lowest band, in Hz
    f_max_hz: float | None = None  # upper edge of the highest band; None: half the rate
    deltas: bool = True  # whether first and second differences in time are added
    delta_width: int = 9  # frames that a difference is fitted to; an odd number from 3

    def __call__(
        self, samples: np.ndarray, sample_rate: int
    ) -> np.ndarray:  # (N,) -> (T, 3 n_mfcc), (T, n_mfcc) without deltas
        from scipy.fft import dct
        from scipy.signal import savgol_filter

        framing = self.framing(sample_rate)
        filters = self.filters(sample_rate)
        power = bands(samples, hamming(framing.frame_samples), framing.hop_samples, filters)
        decibels = 10 * np.log10(np.maximum(power, np.float32(FLOOR)))  # (T, n_mels)
        cepstra = dct(decibels.T, axis=0, norm="ortho")[: self.n_mfcc]  # (n_mfcc, T)
        if self.deltas:
            # shorter than the width, there is no parabola at the ends: repeat the end frames
            width, mode = self.delta_width, "interp"
            if width < 3 or width % 2 == 0:
                raise AscError(f"features.delta_width = {width}: an odd number from 3 was expected")
            if cepstra.shape[1] < width:
                mode = "nearest"
            slope = savgol_filter(cepstra, width, polyorder=1, deriv=1, mode=mode)
            curve = savgol_filter(cepstra, width, polyorder=2, deriv=2, mode=mode)
            cepstra = np.concatenate([cepstra, slope, curve])
        return np.ascontiguousarray(cepstra.T, dtype=np.float32)

    def framing(self, sample_rate: int) -> Framing:
        """Return the framing; a difference uses half its width to each side, a full width at an
        end."""
        context = self.delta_width - 1 if self.deltas else 0
        return Framing(round(self.frame_s * sample_rate), round(self.hop_s * sample_rate), context)

    def filters(self, sample_rate: int) -> np.ndarray:  # -> (1 + n_fft // 2, n_mels)
        frame = self.framing(sample_rate).frame_samples
        n_fft = max(self.n_fft, frame + frame % 2)
        edges = (self.f_min_hz, self.f_max_hz)
        return mel_filters(sample_rate, n_fft, self.n_mels, *edges, "slaney", True)
