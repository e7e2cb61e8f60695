"""MFCC and their differences against librosa called directly, from samples on."""

import librosa
import numpy as np
import pytest
import scipy.signal

from asc_cli.core.errors import AscError
from asc_cli.features import mfcc

RATE = 44_100
FRAME, HOP, N_FFT = 1764, 882, 2048  # 40 ms, 20 ms


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)


def reference(samples: np.ndarray) -> np.ndarray:  # -> (T, 20)
    """librosa takes n_fft samples a frame and sets the shorter window in their middle."""
    before = (N_FFT - FRAME) // 2
    return librosa.feature.mfcc(
        y=np.pad(samples, before),
        sr=RATE,
        n_mfcc=20,
        n_fft=N_FFT,
        hop_length=HOP,
        win_length=FRAME,
        window=scipy.signal.get_window("hamming", FRAME, fftbins=True),
        center=False,
        n_mels=40,
    ).T


def test_coefficients_equal_librosa():
    samples = noise(RATE)
    ours = mfcc.Mfcc()(samples, RATE)
    np.testing.assert_allclose(ours[:, :20], reference(samples), atol=2e-3)


def test_deltas_equal_librosa():
    samples = noise(RATE)
    ours, theirs = mfcc.Mfcc()(samples, RATE), reference(samples).T
    np.testing.assert_allclose(ours[:, 20:40], librosa.feature.delta(theirs, width=9).T, atol=1e-3)
    np.testing.assert_allclose(
        ours[:, 40:], librosa.feature.delta(theirs, width=9, order=2).T, atol=1e-3
    )


def test_forty_milliseconds_every_twenty():
    assert (
        mfcc.Mfcc().framing(RATE).frame_samples == FRAME
        and mfcc.Mfcc().framing(RATE).hop_samples == HOP
    )
    assert mfcc.Mfcc(deltas=False)(noise(30 * RATE), RATE).shape == (1499, 20)


def test_fewer_frames_than_the_deltas_look_at():
    few = mfcc.Mfcc()(noise(FRAME + 2 * HOP), RATE)
    assert few.shape == (3, 60) and np.isfinite(few).all()


def test_a_frame_longer_than_n_fft_is_not_cut():
    full = mfcc.Mfcc(n_fft=512, deltas=False)(noise(RATE), RATE)
    np.testing.assert_allclose(
        full, mfcc.Mfcc(n_fft=1764, deltas=False)(noise(RATE), RATE), atol=1e-4
    )


def test_the_width_of_a_difference_is_odd() -> None:
    with pytest.raises(AscError, match="features.delta_width = 4: an odd number from 3"):
        mfcc.Mfcc(delta_width=4)(noise(RATE), RATE)
