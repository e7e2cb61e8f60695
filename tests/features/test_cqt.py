"""CQT slices: tones peak in their bin, slices are the mean of librosa's transform."""

import librosa
import numpy as np
import pytest

from asc_cli.features import cqt
from tests.conftest import tone


@pytest.mark.parametrize("rate", [22_050, 44_100])
@pytest.mark.parametrize("b", [0, 24, 71, 120, 180])
def test_a_tone_peaks_in_its_bin(rate: int, b: int):
    hz = 27.5 * 2 ** (b / 24)
    slices = cqt.extract(tone(hz, 4.0, rate), rate)
    assert slices[2:-2].mean(axis=0).argmax() == b


@pytest.mark.parametrize(("rate", "bins"), [(22_050, 206), (44_100, 230)])
def test_bins_go_up_to_half_the_sample_rate_and_no_further(rate: int, bins: int):
    assert cqt.n_bins(rate, 27.5, 24) == bins
    samples = np.zeros(rate * 3, np.float32)
    librosa.cqt(samples, sr=rate, fmin=27.5, n_bins=bins, bins_per_octave=24, tuning=0.0)
    with pytest.raises(librosa.ParameterError, match="Nyquist"):  # the limit itself is one more
        librosa.cqt(samples, sr=rate, fmin=27.5, n_bins=bins + 2, bins_per_octave=24, tuning=0.0)


def test_a_slice_is_the_root_of_librosas_mean_magnitude():
    rate = 22_050
    samples = np.random.default_rng(0).normal(0, 0.1, 4 * rate).astype(np.float32)
    whole = np.abs(
        librosa.cqt(samples, sr=rate, fmin=27.5, n_bins=206, bins_per_octave=24, tuning=0.0)
    )
    slices = cqt.extract(samples, rate)
    for t in range(len(slices)):  # 22 hops of 512 samples are half a second
        expected = np.sqrt(whole[:, 22 * t : 22 * (t + 1)].mean(axis=1))
        np.testing.assert_allclose(slices[t], expected, rtol=1e-4)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_thirty_seconds_are_about_sixty_slices(rate: int):
    framing = cqt.framing(rate)
    assert framing.frame_samples == framing.hop_samples
    assert framing.frame_samples / rate == pytest.approx(0.5, rel=0.03)
    assert framing.count(30 * rate) in (58, 59, 60)


def test_the_shortest_recording_has_one_slice():
    n = cqt.framing(22_050).frame_samples
    assert cqt.extract(tone(440, 1, 22_050)[:n], 22_050).shape == (1, 206)
