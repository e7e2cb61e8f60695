"""The constant-Q transform as librosa.cqt defines it, an octave at a time from the highest.

    x_0 = x        x_{i+1}[n] = Σ_d h[d] x_i[2n − d]                   d = −reach … reach
    C[n, b] = Σ_j k_b[j] x_i[n·hop / 2^i − L/2 + j]                    b of octave i, j = 0 … L − 1

and zeros lie before and after every x_i. h is the impulse response of librosa's resampler, soxr;
k_b is librosa's wavelet of bin b after the Fourier transform in which librosa drops the smallest
values (Schörkhuber and Klapuri, Constant-Q transform toolbox, SMC 2010). The halving ends when the
hop is odd. librosa would also halve the rate first if the highest bin lay more than an octave below
half the rate; cqt.n_bins leaves less than one bin there.

The two sums are computed here because soxr's use long Fourier transforms, whose rounding errors
spread from loud samples into silence nearby, and depend on where a block of samples starts. Equal
to librosa.cqt in the tests. Matrix products are also faster.

N samples, n frames of the transform, F bins, L samples of a wavelet.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

SPARSITY = 0.01  # of a wavelet's spectrum, the share that librosa.cqt drops by default
RESAMPLER = "soxr_hq"  # librosa.cqt's default
IMPULSE_RADIUS = 1024  # samples to each side of an impulse where its response is measured
TAP_THRESHOLD = 1e-7  # of the response's peak: below it is float32 rounding
POLYPHASE_BLOCK = 64  # samples of the halved signal per row of a matrix product


@dataclass(frozen=True)
class Octave:
    """Bins that are computed at one sample rate."""

    low: int  # the first of them
    kernels: np.ndarray  # (bins, L) complex
    hop_samples: int
    halved: bool  # the octave below is computed at half the rate


def magnitudes(
    samples: np.ndarray,  # (N,)
    octaves: tuple[Octave, ...],
    n_frames: int,
) -> np.ndarray:  # -> (n_frames, F) float32
    """Return |C| at the first frames, at most 1 + N // hop of them."""
    F = octaves[0].low + len(octaves[0].kernels)
    result = np.empty((n_frames, F), np.float32)
    x = samples
    for octave in octaves:
        bins, L = octave.kernels.shape
        padded = np.pad(x, L // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, L)[:: octave.hop_samples]
        both = np.ascontiguousarray(frames[:n_frames]) @ re_im(octave.kernels).T  # (n, 2 bins)
        np.hypot(both[:, :bins], both[:, bins:], out=result[:, octave.low : octave.low + bins])
        if octave.halved:
            x = _halved(x)
    return result


def _halved(x: np.ndarray) -> np.ndarray:  # (N,) -> (⌈N / 2⌉,)
    filters, reach = halving()
    n = -(-len(x) // 2)
    rows = -(-n // POLYPHASE_BLOCK)
    after = 2 * POLYPHASE_BLOCK * (rows - 1) + filters.shape[1] - reach - len(x)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, (reach, max(0, after))), filters.shape[1]
    )[:: 2 * POLYPHASE_BLOCK]
    return (np.ascontiguousarray(windows[:rows]) @ filters.T).reshape(-1)[:n]


@functools.lru_cache(maxsize=8)
def octaves(
    sample_rate: int, f_min_hz: float, n_bins: int, bins_per_octave: int, hop_samples: int
) -> tuple[Octave, ...]:
    """Return the octaves from the highest down."""
    Q = quality(bins_per_octave)
    centres_hz = f_min_hz * 2 ** (np.arange(n_bins) / bins_per_octave)
    loudness = 1 / np.sqrt(Q * sample_rate / centres_hz)[:, None]
    result: list[Octave] = []
    rate, hop, high = float(sample_rate), hop_samples, n_bins
    while high > 0:
        low, even = max(0, high - bins_per_octave), hop % 2 == 0
        scale = np.sqrt(sample_rate / rate) * loudness[low:high]
        result.append(Octave(low, scale * kernels(centres_hz[low:high], rate, Q), hop, even))
        if even:
            rate, hop = rate / 2, hop // 2
        high = low
    return tuple(result)


def quality(bins_per_octave: int) -> float:
    """Return Q: centre over bandwidth, as librosa defines it from the ratio r of neighbouring
    bins."""
    r = 2 ** (1 / bins_per_octave)
    return (r**2 + 1) / (r**2 - 1)


def kernels(centres_hz: np.ndarray, rate: float, Q: float) -> np.ndarray:  # (F,) -> (F, L) complex
    """Return the weights of sparse wavelets as filters of L samples."""
    lengths = Q * rate / centres_hz
    L = int(2 ** np.ceil(np.log2(lengths.max())))
    spectra = np.fft.fft(_wavelets(centres_hz, lengths, rate, L) * lengths[:, None] / L, axis=1)
    return np.fft.fft(_sparse(spectra[:, : L // 2 + 1]), n=L, axis=1)


def _wavelets(
    centres_hz: np.ndarray, lengths: np.ndarray, rate: float, L: int
) -> np.ndarray:  # (F,), (F,) -> (F, L) complex64
    """Return windowed phasors in the middle of L samples, their magnitudes' sum 1 each."""
    result = np.zeros((len(centres_hz), L), np.complex64)
    for row, hz, length in zip(result, centres_hz, lengths, strict=True):
        angles = np.arange(-length // 2, length // 2) * 2 * np.pi * hz / rate
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(len(angles)) / len(angles))
        wavelet = (np.cos(angles) + 1j * np.sin(angles)) * window
        start = (L - len(angles)) // 2
        row[start : start + len(angles)] = wavelet / np.abs(wavelet).sum()
    return result


def _sparse(spectra: np.ndarray) -> np.ndarray:  # (F, K) -> (F, K)
    """Drop the smallest values of each row, SPARSITY of its magnitudes' sum in all."""
    magnitudes = np.abs(spectra)
    ascending = np.sort(magnitudes, axis=1)
    shares = np.cumsum(ascending / magnitudes.sum(axis=1, keepdims=True), axis=1)
    first = np.argmin(shares < SPARSITY, axis=1)
    smallest = np.take_along_axis(ascending, first[:, None], axis=1)
    return np.where(magnitudes >= smallest, spectra, 0)


def re_im(kernel: np.ndarray) -> np.ndarray:  # (F, L) complex -> (2 F, L)
    """Stack the real parts on the imaginary ones."""
    return np.concatenate([kernel.real, kernel.imag]).astype(np.float32)


@functools.lru_cache(maxsize=1)
def halving() -> tuple[np.ndarray, int]:  # -> (block, 2 reach + 2 block − 1), reach
    """Return h as a polyphase matrix: one row per output sample, each shifted by two samples."""
    h = _halving_filter()
    filters = np.zeros((POLYPHASE_BLOCK, len(h) + 2 * (POLYPHASE_BLOCK - 1)), np.float32)
    for place in range(POLYPHASE_BLOCK):
        filters[place, 2 * place : 2 * place + len(h)] = h
    return filters, len(h) // 2


def _halving_filter() -> np.ndarray:  # -> (2 reach + 1,)
    """Measure h: soxr's response to an impulse on an even and on an odd sample."""
    import soxr

    h = np.zeros(2 * IMPULSE_RADIUS + 1)  # h[IMPULSE_RADIUS + d]
    for odd in (0, 1):
        impulse = np.zeros(4 * IMPULSE_RADIUS, np.float32)
        impulse[2 * IMPULSE_RADIUS + odd] = 1
        response = soxr.resample(impulse, 2, 1, quality=RESAMPLER)
        response /= np.sqrt(0.5)  # in float32; so the energy is that of before
        h[odd::2] = response[IMPULSE_RADIUS // 2 + odd : 3 * IMPULSE_RADIUS // 2 + 1]
    h = (h + h[::-1]) / 2  # symmetric but for rounding
    reach = IMPULSE_RADIUS - np.flatnonzero(np.abs(h) > TAP_THRESHOLD * h.max())[0]
    return h[IMPULSE_RADIUS - reach : IMPULSE_RADIUS + reach + 1]
