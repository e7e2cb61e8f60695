"""Constant-Q transform, averaged over slices of half a second: after Bisot et al., TASLP 2017.

    C[n, b]  = the transform at sample n·hop, bin b at f_b = f_min 2^(b / bins_per_octave)
    y[t, b]  = √( mean over the n of slice t of |C[n, b]| )

There are as many bins as whole steps fit between f_min and the highest centre whose filter stays
below half the sample rate. A frame of this feature is a slice: slices do not overlap, and hold a
whole number of hops. librosa does the transform; tuning is fixed, since librosa's estimate would
depend on the whole file.
"""

from __future__ import annotations

import math

import numpy as np

from asc_cli.features import Framing, _cqt_onnx

VERSION = 1
HANN_BANDWIDTH = 1.50018310546875  # bins of a Hann window, librosa.filters.window_bandwidth


def extract(
    samples: np.ndarray,
    sample_rate: int,
    *,
    slice_s: float = 0.5,
    f_min_hz: float = 27.5,
    bins_per_octave: int = 24,
    hop_samples: int = 512,
) -> np.ndarray:  # (N,) -> (T, n_bins)
    """Square root of the mean magnitude of each slice, float32."""
    import librosa

    where = framing(
        sample_rate, slice_s=slice_s, f_min_hz=f_min_hz,
        bins_per_octave=bins_per_octave, hop_samples=hop_samples,
    )  # fmt: skip
    longest = longest_samples(sample_rate, f_min_hz, bins_per_octave)
    short = 2 * longest - len(samples)  # zeros, which librosa takes to follow the end anyway
    magnitude = np.abs(
        librosa.cqt(
            np.pad(samples, (0, max(0, short))), sr=sample_rate, hop_length=hop_samples,
            fmin=f_min_hz, n_bins=n_bins(sample_rate, f_min_hz, bins_per_octave),
            bins_per_octave=bins_per_octave, tuning=0.0,
        )
    )  # (n_bins, 1 + N // hop)  # fmt: skip
    T, hops = where.count(len(samples)), where.hop_samples // hop_samples
    slices = magnitude[:, : T * hops].reshape(len(magnitude), T, hops)
    return np.ascontiguousarray(np.sqrt(slices.mean(axis=2)).T, dtype=np.float32)


def framing(
    sample_rate: int,
    *,
    slice_s: float = 0.5,
    f_min_hz: float = 27.5,
    bins_per_octave: int = 24,
    hop_samples: int = 512,
) -> Framing:
    """The lowest filter, and the half-band filters before it, reach into neighbouring slices."""
    slice_samples = max(1, round(slice_s * sample_rate / hop_samples)) * hop_samples
    reach = longest_samples(sample_rate, f_min_hz, bins_per_octave) / 2
    return Framing(slice_samples, slice_samples, 1 + math.ceil(reach / slice_samples))


def onnx(
    sample_rate: int,
    *,
    slice_s: float = 0.5,
    f_min_hz: float = 27.5,
    bins_per_octave: int = 24,
    hop_samples: int = 512,
) -> tuple[str, dict[str, np.ndarray]]:
    """`extract` in ONNX operators."""
    where = framing(
        sample_rate, slice_s=slice_s, f_min_hz=f_min_hz,
        bins_per_octave=bins_per_octave, hop_samples=hop_samples,
    )  # fmt: skip
    steps = np.arange(n_bins(sample_rate, f_min_hz, bins_per_octave)) / bins_per_octave
    return _cqt_onnx.slices(
        sample_rate, f_min_hz * 2**steps, bins_per_octave, quality(bins_per_octave), hop_samples,
        where.hop_samples, 2 * longest_samples(sample_rate, f_min_hz, bins_per_octave),
    )  # fmt: skip


def n_bins(sample_rate: int, f_min_hz: float, bins_per_octave: int) -> int:
    """Whole steps up to the centre f where f (1 + bandwidth / 2Q) is half the sample rate."""
    edge = 1 + HANN_BANDWIDTH / (2 * quality(bins_per_octave))
    octaves = math.log2(sample_rate / 2 / (f_min_hz * edge))
    return math.floor(bins_per_octave * octaves)


def quality(bins_per_octave: int) -> float:
    """Q: centre over bandwidth, as librosa defines it from the ratio r of neighbouring bins."""
    r = 2 ** (1 / bins_per_octave)
    return (r**2 + 1) / (r**2 - 1)


def longest_samples(sample_rate: int, f_min_hz: float, bins_per_octave: int) -> int:
    """Length of the lowest bin's filter."""
    return math.ceil(quality(bins_per_octave) * sample_rate / f_min_hz)
