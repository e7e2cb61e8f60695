"""Short-time spectra summed into bands, for all filterbank features.

X[t, k] = Σ_n w[n] x[t·hop + n] e^{-2πi kn / n_fft}     frames from their first sample on
P[t, m] = Σ_k M[k, m] |X[t, k]|²                        or of |X[t, k]|, the magnitude
"""

from __future__ import annotations

import functools

import numpy as np

from asc_cli.features._banded import ROWS, pieces_of, product
from asc_cli.features._fft import rfft

BLOCK_VALUES = 192 * 1024  # samples that are transformed at once: 768 kB, in the cache
WINDOW_ROWS = 32  # frames that are multiplied by the window at once
FLOOR = 1e-10  # power below which a logarithm is cut


def bands(
    samples: np.ndarray,  # (N,)
    window: np.ndarray,  # (frame,)
    hop_samples: int,
    filters: np.ndarray,  # (K, F) with K = 1 + n_fft // 2
    magnitude: bool = False,
) -> np.ndarray:  # -> (T, F) float32
    """Return band power, or magnitude, of each frame; frames are padded with zeros to n_fft
    samples."""
    n_fft = 2 * (len(filters) - 1)
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window))[::hop_samples]
    banded = np.empty((len(frames), filters.shape[1]), np.float32)
    size = min(max(1, BLOCK_VALUES // n_fft // ROWS) * ROWS, len(frames))
    windowed = np.empty((size, len(window)), np.result_type(samples, window))
    power, imaginary = np.empty((2, size, len(filters)), windowed.dtype)
    windows = np.tile(window, min(WINDOW_ROWS, size))
    pieces = pieces_of(filters) if size >= ROWS else ()
    for start in range(0, len(frames), size):
        block = slice(start, start + size)
        n = len(frames[block])
        _multiply(frames[block], windows, out=windowed[:n])
        spectrum = rfft(windowed[:n], n_fft)
        np.square(spectrum.real, out=power[:n])
        power[:n] += np.square(spectrum.imag, out=imaginary[:n])
        if magnitude:
            np.sqrt(power[:n], out=power[:n])
        product(power[:n], filters, pieces, banded[block])
    return banded


def _multiply(frames: np.ndarray, windows: np.ndarray, out: np.ndarray) -> None:  # (t, n), (r n,)
    """Write frames, which overlap in memory, times the window, which `windows` repeats, into out:
    a copy and long products are faster than a product for each frame."""
    np.copyto(out, frames)
    n_rows = len(windows) // frames.shape[1]
    full = len(frames) - len(frames) % n_rows
    rows = out[:full].reshape(-1, len(windows))
    np.multiply(rows, windows, out=rows)
    out[full:] *= windows[: frames.shape[1]]


def bin_centres_hz(sample_rate: int, frame_samples: int) -> np.ndarray:  # -> (K,)
    """Return the frequency of each bin of a frame, padded to an even n_fft: `bands` needs one."""
    n_fft = frame_samples + frame_samples % 2
    return np.linspace(0, sample_rate / 2, 1 + n_fft // 2)


def reach_samples(frame_samples: int) -> int:
    """Return how many samples of a centred frame are before its middle."""
    return (frame_samples + 1) // 2


def reflected(samples: np.ndarray, frame_samples: int) -> np.ndarray:  # (N,) -> (N + frame,)
    """Return a recording extended at both ends by its reflection, without the end sample.

    Frame t of it, which begins at t · hop, has its middle at sample t · hop of the recording: as
    torch.stft and librosa.stft centre frames with pad_mode "reflect".
    """
    before = reach_samples(frame_samples)
    return np.pad(samples, (before, frame_samples - before), mode="reflect")


@functools.lru_cache(maxsize=8)
def hann(length: int) -> np.ndarray:  # -> (length,)
    """Periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@functools.lru_cache(maxsize=8)
def hamming(length: int) -> np.ndarray:  # -> (length,)
    """Periodic ("asymmetric") Hamming window."""
    return (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


WINDOWS = {"hann": hann, "hamming": hamming}
