"""log_mel against librosa, and against what a pure tone must give."""

from __future__ import annotations

import itertools

import librosa
import numpy as np
import pytest

from asc_cli.features import _mel, log_mel


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 3 * 22_050).astype(np.float32)


@pytest.mark.parametrize("rate", [22_050, 44_100])
@pytest.mark.parametrize("n_mels", [40, 64, 128])
def test_equals_librosa(noise: np.ndarray, rate: int, n_mels: int):
    power = librosa.feature.melspectrogram(
        y=noise, sr=rate, n_fft=1024, hop_length=220, n_mels=n_mels, center=False, power=2.0
    )
    expected = np.log(np.maximum(power, 1e-10)).T
    np.testing.assert_allclose(log_mel.LogMel(n_mels=n_mels)(noise, rate), expected, atol=1e-4)


@pytest.mark.parametrize("frame", [441, 1025])
def test_a_frame_of_odd_length_is_padded_by_one(noise: np.ndarray, frame: int):
    power = librosa.feature.melspectrogram(
        y=noise,
        sr=22_050,
        n_fft=frame + 1,
        win_length=frame,
        hop_length=220,
        center=False,
        n_mels=40,
    )
    expected = np.log(np.maximum(power, 1e-10)).T
    ours = log_mel.LogMel(n_mels=40, frame_samples=frame)(noise, 22_050)
    np.testing.assert_allclose(ours[: len(expected)], expected, atol=1e-4)


@pytest.mark.parametrize("edges", [(0.0, None), (50.0, 8000.0)])
def test_filters_equal_librosa_s(edges: tuple[float, float | None]):
    for scale, area_norm in itertools.product(("slaney", "htk"), (True, False)):
        ours = _mel.mel_filters(44_100, 2048, 40, *edges, scale, area_norm)
        theirs = librosa.filters.mel(
            sr=44_100,
            n_fft=2048,
            n_mels=40,
            fmin=edges[0],
            fmax=edges[1],
            htk=scale == "htk",
            norm="slaney" if area_norm else None,
        )
        np.testing.assert_allclose(ours.T, theirs, atol=1e-7 if area_norm else 2e-5)


def test_a_tone_is_loudest_in_the_band_around_it():
    rate = 22_050
    centres = log_mel.LogMel().centres_hz(rate)
    for hz in (440.0, 1000.0, 5000.0):
        audio = np.sin(2 * np.pi * hz * np.arange(rate) / rate).astype(np.float32)
        loudest = log_mel.LogMel()(audio, rate).mean(axis=0).argmax()
        assert abs(loudest - np.abs(centres - hz).argmin()) <= 1


def test_silence_is_the_floor():
    out = log_mel.LogMel()(np.zeros(2048, np.float32), 22_050)
    np.testing.assert_allclose(out, np.log(1e-10), rtol=1e-6)


def test_thirty_seconds_have_the_frames_of_the_paper():
    assert log_mel.LogMel().framing(22_050).count(30 * 22_050) == 3003
    assert log_mel.LogMel().framing(44_100).count(30 * 44_100) == 6009
