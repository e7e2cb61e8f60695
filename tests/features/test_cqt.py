"""CQT slices: tones peak in their bin, slices are the mean of librosa's transform."""

import librosa
import numpy as np
import pytest

from asc_cli.core.errors import AscError
from asc_cli.features import _cqt, cqt, stream
from tests.conftest import tone


@pytest.mark.parametrize("rate", [22_050, 44_100])
@pytest.mark.parametrize("b", [0, 24, 71, 120, 180])
def test_a_tone_peaks_in_its_bin(rate: int, b: int):
    hz = 27.5 * 2 ** (b / 24)
    slices = cqt.Cqt()(tone(hz, 4.0, rate), rate)
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
    full = np.abs(
        librosa.cqt(samples, sr=rate, fmin=27.5, n_bins=206, bins_per_octave=24, tuning=0.0)
    )
    slices = cqt.Cqt()(samples, rate)
    for t in range(len(slices)):  # 22 hops of 512 samples are half a second
        expected = np.sqrt(full[:, 22 * t : 22 * (t + 1)].mean(axis=1))
        np.testing.assert_allclose(slices[t], expected, rtol=1e-4)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_thirty_seconds_are_about_sixty_slices(rate: int):
    framing = cqt.Cqt().framing(rate)
    assert framing.frame_samples == framing.hop_samples
    assert framing.frame_samples / rate == pytest.approx(0.5, rel=0.03)
    assert framing.count(30 * rate) in (58, 59, 60)


def test_the_shortest_recording_has_one_slice():
    n = cqt.Cqt().framing(22_050).frame_samples
    assert cqt.Cqt()(tone(440, 1, 22_050)[:n], 22_050).shape == (1, 206)


def test_silence_beside_sound_is_silent():
    """Beyond the lowest filter's reach, and those of the halving before it, nothing leaks."""
    rate = 22_050
    samples = np.concatenate([tone(440, 4.0, rate), np.zeros(10 * rate, np.float32)])
    slices = cqt.Cqt()(samples, rate)
    assert (slices[-8:] == 0).all() and slices[:8].max() > 0.5


@pytest.mark.parametrize(("hop", "per_octave"), [(512, 24), (384, 12), (100, 36), (77, 12)])
def test_any_hop_equals_librosa(hop: int, per_octave: int):
    """A hop of 512 halves eight times, 384 seven, 100 twice and 77 never."""
    rate = 22_050
    samples = np.random.default_rng(0).normal(0, 0.1, 4 * rate).astype(np.float32)
    bins = cqt.n_bins(rate, 27.5, per_octave)
    full = np.abs(
        librosa.cqt(
            samples,
            sr=rate,
            hop_length=hop,
            fmin=27.5,
            n_bins=bins,
            bins_per_octave=per_octave,
            tuning=0.0,
        )
    )
    octaves = cqt.Cqt(bins_per_octave=per_octave, hop_samples=hop).octaves(rate)
    ours = _cqt.magnitudes(samples, octaves, full.shape[1])
    np.testing.assert_allclose(ours.T, full, atol=1e-6, rtol=1e-4)


def test_the_halving_filter_is_measured_completely():
    filters, reach = _cqt.halving()
    assert 150 < reach < _cqt.IMPULSE_RADIUS // 2
    np.testing.assert_allclose(filters.sum(axis=1), np.sqrt(2), rtol=1e-5)  # energy is kept


@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.3, 0.499])
@pytest.mark.parametrize("rate", [22_050, 44_100])
def test_a_recording_shorter_than_a_slice_is_padded(rate: int, seconds: float):
    samples = tone(1_000, seconds, rate)
    feature = cqt.Cqt()
    length = feature.framing(rate).frame_samples
    [frames] = stream(feature, [samples[:100], samples[100:]], rate)
    assert frames.shape == (1, cqt.n_bins(rate, 27.5, 24)) and np.isfinite(frames).all()
    np.testing.assert_array_equal(
        frames, feature(np.pad(samples, (0, length - len(samples))), rate)
    )
    assert frames[0].max() > 0


def test_less_than_ten_milliseconds_is_refused():
    with pytest.raises(
        AscError, match=r"is 0.009 s long, shorter than the shortest that is padded"
    ):
        list(stream(cqt.Cqt(), [tone(1_000, 0.009, 22_050)], 22_050))


@pytest.mark.parametrize("seconds", [0.55, 3.2])
def test_longer_recordings_are_not_padded(seconds: float):
    samples = tone(1_000, seconds, 22_050)
    frames = np.concatenate(list(stream(cqt.Cqt(), [samples], 22_050)))
    np.testing.assert_array_equal(frames, cqt.Cqt()(samples, 22_050))


@pytest.mark.parametrize("rate", [8_000.0, 44_100.0])
@pytest.mark.parametrize("per_octave", [12, pytest.param(36, marks=pytest.mark.campaign)])
def test_wavelets_and_what_is_dropped_are_librosas_to_the_bit(rate: float, per_octave: int):
    Q = _cqt.quality(per_octave)
    centres_hz = 27.5 * 2 ** (np.arange(2 * per_octave) / per_octave)
    wavelets, lengths = librosa.filters.wavelet(freqs=centres_hz, sr=rate, alpha=1 / Q)
    L = wavelets.shape[1]
    spectra = np.fft.fft(wavelets * lengths[:, None] / L, axis=1)[:, : L // 2 + 1]
    sparse = librosa.util.sparsify_rows(spectra, quantile=_cqt.SPARSITY).toarray()
    expected = np.fft.fft(sparse, n=L, axis=1)
    np.testing.assert_array_equal(_cqt.kernels(centres_hz, rate, Q), expected)
    assert (sparse == 0).any()


def test_the_halving_is_librosas_to_the_bit():
    impulse = np.zeros(4 * _cqt.IMPULSE_RADIUS, np.float32)
    impulse[2 * _cqt.IMPULSE_RADIUS] = 1
    response = librosa.resample(impulse, orig_sr=2, target_sr=1, res_type="soxr_hq", scale=True)
    h = _cqt._halving_filter()
    reach = len(h) // 2 // 2
    middle = len(response) // 2
    expected = response[middle - reach : middle + reach + 1].astype(float)
    np.testing.assert_array_equal(h[len(h) // 2 % 2 :: 2], (expected + expected[::-1]) / 2)
