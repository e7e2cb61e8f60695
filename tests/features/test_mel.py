"""Mel magnitudes against librosa called directly."""

import librosa
import numpy as np
import pytest
import scipy.signal

from asc_cli.features import mel
from tests.conftest import tone

RATE = 44_100


def test_equals_librosa():
    samples = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    reference = librosa.feature.melspectrogram(
        y=samples,
        sr=RATE,
        n_fft=1024,
        hop_length=1024,
        center=False,
        power=1.0,
        n_mels=40,
        window=scipy.signal.get_window("hamming", 1024, fftbins=True),
    )
    np.testing.assert_allclose(mel.Mel()(samples, RATE), reference.T, rtol=1e-4)


@pytest.mark.parametrize("hz", [200.0, 1000.0, 6000.0])
def test_a_tone_peaks_in_its_band_and_its_magnitude_doubles_with_its_level(hz: float):
    once, repeated = (
        mel.Mel()(tone(hz, 0.5, RATE, level), RATE).mean(axis=0) for level in (0.1, 0.2)
    )
    centres = librosa.mel_frequencies(42, fmin=0, fmax=RATE / 2)[1:-1]
    assert abs(once.argmax() - np.abs(centres - hz).argmin()) <= 1
    np.testing.assert_allclose(repeated, 2 * once, rtol=1e-3, atol=1e-7)
