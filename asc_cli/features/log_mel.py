"""Logarithmic mel spectrogram; with the defaults the paper's front end (section 3.1).

    X[t, k] = Σ_n w[n] x[t·hop + n] e^{-2πi kn / n_fft}     w: Hann, n < frame; no centring
    P[t, m] = Σ_k M[m, k] |X[t, k]|²                        M: Slaney's mel filters, area 1
    y[t, m] = ln max(P[t, m] + offset, floor)               offset 0, floor 1e-10

The paper names frame 1024, hop 220 and 64 filters and no logarithm; every peer takes it. All other
choices are parameters: the recipes dcase2018_frontend and dcase2024_frontend have those of the
challenges' baselines. Centred: the middle of frame t is sample t·hop, and the recording is
extended at both ends by its reflection, so that there are 1 + N // hop frames. Equal to
librosa.feature.melspectrogram in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.features import Framing
from asc_cli.features._mel import filters_of, framing_of, mel_bands, mel_points_hz

VERSION = 2  # 2: odd frames are padded to an even n_fft


@dataclass(frozen=True)
class LogMel:
    """Natural logarithm of mel bands, float32."""

    n_mels: int = 64  # mel bands
    frame_samples: int = 1024  # samples of a frame
    hop_samples: int = 220  # samples from one frame to the next
    f_min_hz: float = 0.0  # lower edge of the lowest band, in Hz
    f_max_hz: float | None = None  # upper edge of the highest band; None: half the rate
    n_fft: int | None = None  # samples that frames are padded to with zeros; None: their own
    window: Literal["hann", "hamming"] = "hann"  # what frames are multiplied by
    spectrum: Literal["power", "magnitude"] = "power"  # what is summed into bands
    scale: Literal["slaney", "htk"] = "slaney"  # mel scale on which bands are evenly spaced
    area_norm: bool = True  # whether filters have area 1; false: height 1
    centred: bool = False  # whether frame t has its middle at t · hop, with reflection at the ends
    offset: float = 0.0  # added to a band before the logarithm
    floor: float = 1e-10  # smallest value that the logarithm is taken of

    ADDED: ClassVar = {
        "n_fft": None,
        "window": "hann",
        "spectrum": "power",
        "scale": "slaney",
        "area_norm": True,
        "centred": False,
        "offset": 0.0,
        "floor": 1e-10,
    }

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (T, n_mels)
        if not 0 < np.float32(self.floor) < np.inf or not 0 <= self.offset < np.inf:
            raise AscError(
                f"features: floor = {self.floor:g} and offset = {self.offset:g}; a floor above 0 "
                "and an offset of 0 or more were expected"
            )
        log_mel = mel_bands(self, samples, sample_rate)
        if self.offset:
            log_mel += np.float32(self.offset)
        np.maximum(log_mel, np.float32(self.floor), out=log_mel)
        return np.log(log_mel, out=log_mel)

    def framing(self, sample_rate: int) -> Framing:
        return framing_of(self)

    @property
    def log_of_power(self) -> float:
        """Frames are this times ln of a power; a magnitude is the root of one."""
        return 1.0 if self.spectrum == "power" else 0.5

    def filters(self, sample_rate: int) -> np.ndarray:  # -> (1 + n_fft // 2, n_mels)
        return filters_of(self, sample_rate)

    def centres_hz(self, sample_rate: int) -> np.ndarray:  # -> (n_mels,)
        """Frequency at the peak of each band's triangle."""
        edges = (self.f_min_hz, self.f_max_hz)
        return mel_points_hz(sample_rate, self.n_mels, *edges, self.scale)[1:-1]
