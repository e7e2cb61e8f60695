"""cqt.extract in ONNX operators, for models that are taken elsewhere.

librosa.cqt takes an octave at a time, from the highest, and halves the sample rate in between:

    x_0 = x        x_{i+1}[n] = Σ_d h[d] x_i[2n − d]                   d = −reach … reach
    C[n, b] = Σ_j k_b[j] x_i[n·hop / 2^i − L/2 + j]                    b of octave i, j = 0 … L − 1

and zeros lie before and after every x_i. Both sums are convolutions with a stride. h is what soxr
answers to an impulse; k_b is librosa's wavelet of bin b after its passage through the Fourier
transform, where librosa drops the smallest values. A hop that is no longer even ends the halving.

librosa would also halve the rate first if the highest bin lay more than an octave below half the
rate; cqt.n_bins leaves less than one bin there. The halving makes 64 samples at once, a channel
each: one matrix product, where a channel alone would be a long loop. Of less than a slice there
is no frame; onnxruntime then stops at a Reshape, as asc stops with an error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SPARSITY = 0.01  # of a wavelet's spectrum, the share that librosa.cqt drops by default
RESAMPLER = "soxr_hq"  # librosa.cqt's default
FURTHEST = 1024  # samples to each side of an impulse in which its answer is looked for
INAUDIBLE = 1e-7  # of the answer's peak: single precision's own noise
AT_ONCE = 64

START = """
    n_given = Shape <start=1, end=2> (samples)
    n_slices = Div (n_given, slice_samples)
    n_used = Mul (n_slices, slice_hops)
    lacking = Sub (shortest, n_given)
    appended = Max (lacking, zero_at)
    after = Concat <axis=0> (zeros_3, appended)
    signal_0 = Pad (samples, after)
"""
OCTAVE = """
    line_{i} = Unsqueeze (signal_{i}, middle_axis)
    whole_{i} = Conv <strides=[{hop}], pads=[{half}, {half}]> (line_{i}, wavelets_{i})
    used_{i} = Slice (whole_{i}, zero_at, n_used, last_axis)
    squares_{i} = Mul (used_{i}, used_{i})
    parts_{i} = Reshape (squares_{i}, re_im_shape_{i})
    power_{i} = ReduceSum <keepdims=0> (parts_{i}, middle_axis)
"""
HALVE = """
    many_{i} = Conv <strides=[{stride}], pads=[{reach}, {length}]> (line_{i}, halving)
    in_turn_{i} = Transpose <perm=[0, 2, 1]> (many_{i})
    joined_{i} = Reshape (in_turn_{i}, flat_shape)
    n_{i} = Shape <start=1, end=2> (signal_{i})
    n_odd_{i} = Add (n_{i}, one_at)
    n_half_{i} = Div (n_odd_{i}, two_at)
    signal_{next} = Slice (joined_{i}, zero_at, n_half_{i}, last_axis)
"""
SLICES = """
    power = Concat <axis=1> ({powers})
    magnitude = Sqrt (power)
    at_least_one = Max (n_slices, one_at)
    slices_shape = Concat <axis=0> (all_bins, at_least_one, slice_hops)
    by_slice = Reshape (magnitude, slices_shape)
    mean_magnitude = ReduceMean <keepdims=0> (by_slice, slice_axis)
    root = Sqrt (mean_magnitude)
    frames = Transpose <perm=[0, 2, 1]> (root)
"""


@dataclass(frozen=True)
class Octave:
    """Bins that are found at one sample rate."""

    kernels: np.ndarray  # (bins, L) complex
    hop_samples: int
    halved: bool  # from here to the octave below


def slices(
    sample_rate: int,
    centres_hz: np.ndarray,  # (F,)
    bins_per_octave: int,
    quality: float,
    hop_samples: int,
    slice_samples: int,
    shortest_samples: int,
) -> tuple[str, dict[str, np.ndarray]]:
    """Nodes that make `frames` (R, T, F) of `samples` (R, N), and the constants they use.

    The constant last_axis is the caller's. Fewer samples than the shortest are followed by zeros.
    """
    found = octaves(sample_rate, centres_hz, bins_per_octave, quality, hop_samples)
    h = halving_filter()
    reach, length = len(h) // 2, len(h) + 2 * (AT_ONCE - 1)
    filters = np.zeros((AT_ONCE, 1, length), np.float32)
    for place in range(AT_ONCE):
        filters[place, 0, 2 * place : 2 * place + len(h)] = h
    constants = _constants(len(centres_hz), hop_samples, slice_samples, shortest_samples)
    constants["halving"] = filters
    nodes, x = START, 0
    for i, octave in enumerate(found):
        bins, L = octave.kernels.shape
        both = np.concatenate([octave.kernels.real, octave.kernels.imag])[:, None]
        constants[f"wavelets_{i}"] = both.astype(np.float32)  # (2 bins, 1, L)
        constants[f"re_im_shape_{i}"] = np.array([0, 2, bins, -1])
        nodes += OCTAVE.format(i=i, hop=octave.hop_samples, half=L // 2)
        if i + 1 < len(found):
            nodes += (
                HALVE.format(i=i, next=i + 1, stride=2 * AT_ONCE, reach=reach, length=length)
                if octave.halved
                else f"    signal_{i + 1} = Identity (signal_{i})\n"
            )
    powers = ", ".join(f"power_{i}" for i in reversed(range(len(found))))
    return nodes + SLICES.format(powers=powers), constants


def _constants(
    F: int, hop_samples: int, slice_samples: int, shortest_samples: int
) -> dict[str, np.ndarray]:
    hops = slice_samples // hop_samples
    return {
        "slice_samples": np.array([slice_samples]),
        "slice_hops": np.array([hops]),
        "shortest": np.array([shortest_samples]),
        "zeros_3": np.zeros(3, np.int64),
        "zero_at": np.array([0]),
        "one_at": np.array([1]),
        "two_at": np.array([2]),
        "middle_axis": np.array([1]),
        "flat_shape": np.array([0, -1]),
        "all_bins": np.array([0, F]),
        "slice_axis": np.array([3]),
    }


def octaves(
    sample_rate: float,
    centres_hz: np.ndarray,
    bins_per_octave: int,
    quality: float,
    hop_samples: int,
) -> list[Octave]:
    """From the highest down."""
    found: list[Octave] = []
    rate, hop, high = sample_rate, hop_samples, len(centres_hz)
    while high > 0:
        low = max(0, high - bins_per_octave)
        loudness = np.sqrt(sample_rate / rate) / np.sqrt(quality * sample_rate / centres_hz)
        found.append(
            Octave(
                kernels(centres_hz[low:high], rate, quality) * loudness[low:high, None],
                hop,
                halved=hop % 2 == 0,
            )
        )
        if hop % 2 == 0:
            rate, hop = rate / 2, hop // 2
        high = low
    return found


def kernels(centres_hz: np.ndarray, rate: float, quality: float) -> np.ndarray:  # -> (bins, L)
    """What librosa's sparse wavelets, applied to L samples' spectrum, weigh each sample with."""
    import librosa

    alpha = np.full(len(centres_hz), 1 / quality)
    wavelets, lengths = librosa.filters.wavelet(freqs=centres_hz, sr=rate, alpha=alpha)
    L = wavelets.shape[1]
    spectra = np.fft.fft(wavelets * lengths[:, None] / L, axis=1)[:, : L // 2 + 1]
    sparse = librosa.util.sparsify_rows(spectra, quantile=SPARSITY).toarray()
    return np.fft.fft(sparse, n=L, axis=1)


def halving_filter() -> np.ndarray:  # -> (2 reach + 1,)
    """h, as soxr's answers to an impulse on an even and on an odd sample show it."""
    import librosa

    h = np.zeros(2 * FURTHEST + 1)  # h[FURTHEST + d]
    for odd in (0, 1):
        impulse = np.zeros(4 * FURTHEST, np.float32)
        impulse[2 * FURTHEST + odd] = 1
        answer = librosa.resample(impulse, orig_sr=2, target_sr=1, res_type=RESAMPLER, scale=True)
        h[odd::2] = answer[FURTHEST // 2 + odd : 3 * FURTHEST // 2 + 1]
    h = (h + h[::-1]) / 2  # symmetric but for rounding
    reach = FURTHEST - np.flatnonzero(np.abs(h) > INAUDIBLE * h.max())[0]
    return h[FURTHEST - reach : FURTHEST + reach + 1]
