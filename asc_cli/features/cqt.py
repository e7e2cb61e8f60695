"""Constant-Q transform, averaged over slices of half a second: after Bisot et al., TASLP 2017.

    C[n, b]  = the transform at sample n·hop, bin b at f_b = f_min 2^(b / bins_per_octave)
    y[t, b]  = √( mean over the n of slice t of |C[n, b]| )

There are as many bins as whole steps fit between f_min and the highest centre whose filter stays
below half the sample rate. A frame of this feature is a slice: slices do not overlap, and hold a
whole number of hops; a recording from 10 ms on that is shorter than a slice is padded with zeros to
one. The transform is librosa's (_cqt.py); tuning is fixed, since librosa's estimate would depend on
the whole file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from asc_cli.features import Framing, _cqt

VERSION = 2  # 2: digital silence gives zeros, also beside loud samples
SHORTEST_S = 0.01  # of a recording; one shorter than a slice is padded with zeros to a slice
HANN_BANDWIDTH = 1.50018310546875  # bins of a Hann window, librosa.filters.window_bandwidth


@dataclass(frozen=True)
class Cqt:
    """Square root of the mean magnitude of each slice, float32."""

    slice_s: float = 0.5  # seconds of a slice, which becomes one frame; to the nearest whole hop
    f_min_hz: float = 27.5  # centre of the lowest bin, in Hz
    bins_per_octave: int = 24  # bins of an octave
    hop_samples: int = 512  # samples from one magnitude to the next within a slice

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (T, n_bins)
        framing, shortest = self.framing(sample_rate), self.shortest_samples(sample_rate)
        T, hops = framing.count(len(samples)), framing.hop_samples // self.hop_samples
        magnitude = _cqt.magnitudes(
            np.pad(samples, (0, max(0, shortest - len(samples)))),
            self.octaves(sample_rate),
            T * hops,
        )  # (T · hops, n_bins)
        return np.sqrt(magnitude.reshape(T, hops, magnitude.shape[1]).mean(axis=1))

    def framing(self, sample_rate: int) -> Framing:
        """Return the framing; the lowest filter and the half-band filters overlap neighbours."""
        hops = max(1, round(self.slice_s * sample_rate / self.hop_samples))
        slice_samples = hops * self.hop_samples
        reach = longest_samples(sample_rate, self.f_min_hz, self.bins_per_octave) / 2
        context = 1 + math.ceil(reach / slice_samples)
        padded_from = math.floor(SHORTEST_S * sample_rate)
        return Framing(slice_samples, slice_samples, context, padded_from)

    def octaves(self, sample_rate: int) -> tuple[_cqt.Octave, ...]:
        bins = n_bins(sample_rate, self.f_min_hz, self.bins_per_octave)
        return _cqt.octaves(
            sample_rate, self.f_min_hz, bins, self.bins_per_octave, self.hop_samples
        )

    def shortest_samples(self, sample_rate: int) -> int:
        """Return the length to which short recordings are padded with zeros."""
        return 2 * longest_samples(sample_rate, self.f_min_hz, self.bins_per_octave)


def n_bins(sample_rate: int, f_min_hz: float, bins_per_octave: int) -> int:
    """Return the whole steps up to the centre f where f (1 + bandwidth / 2Q) is half the sample
    rate."""
    edge = 1 + HANN_BANDWIDTH / (2 * _cqt.quality(bins_per_octave))
    octaves = math.log2(sample_rate / 2 / (f_min_hz * edge))
    return math.floor(bins_per_octave * octaves)


def longest_samples(sample_rate: int, f_min_hz: float, bins_per_octave: int) -> int:
    """Return the length of the lowest bin's filter."""
    return math.ceil(_cqt.quality(bins_per_octave) * sample_rate / f_min_hz)
