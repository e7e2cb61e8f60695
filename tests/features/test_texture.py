"""Statistics of a whole recording: known answers, streams, and what they do not depend on."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.stats

from asc_cli.core.errors import AscError
from asc_cli.features import stream
from asc_cli.features._texture import sums
from asc_cli.features.texture import GROUPS, Texture

RATE = 16_000
WIDTHS = {"spectrum": 1394, "kernels": 1440, "onsets": 304, "envelopes": 1440}


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 10 * RATE).astype(np.float32)


def only(group: str) -> Texture:
    return Texture(**{name: name == group for name in GROUPS})


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_has_its_width_and_any_recording_gives_numbers(group: str, noise: np.ndarray):
    feature = only(group)
    for samples in (noise, noise[:640], noise[:3001], np.zeros(RATE, np.float32)):
        frame = feature(samples, RATE)
        assert frame.shape == (1, WIDTHS[group]) and np.isfinite(frame).all()


def test_blocks_of_any_size_give_the_same_bits(noise: np.ndarray):
    feature = Texture()
    full = feature(noise, RATE)
    for size in (997, 100_000):
        [frame] = stream(feature, (noise[i : i + size] for i in range(0, len(noise), size)), RATE)
        np.testing.assert_array_equal(frame, full)


def test_silent_ends_and_the_level_change_nothing_and_a_silent_middle_does(noise: np.ndarray):
    feature = Texture()
    full, silence = feature(noise, RATE), np.zeros(5000, np.float32)
    ends = np.concatenate([silence, noise, silence])
    np.testing.assert_array_equal(feature(ends, RATE), full)
    np.testing.assert_allclose(feature(noise / 4, RATE), full, atol=0.2)
    middle = np.concatenate([noise[:RATE], silence, noise[RATE:]])
    assert np.abs(feature(middle, RATE) - full).max() > 1


def test_an_hour_needs_the_memory_of_a_minute():
    def blocks(n: int) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(0)
        for _ in range(n):
            yield rng.normal(0, 0.1, 4 * RATE).astype(np.float32)

    peaks = []
    for n in (4, 12):
        tracemalloc.start()
        list(stream(only("onsets"), blocks(n), RATE))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]


def test_moments_percentiles_and_correlations_are_scipys():
    x = np.random.default_rng(0).gamma(2, size=(500, 3))
    moments, histogram = sums.Moments(3), sums.Histogram(3, -1, 20, 1 / 64)
    together = sums.Correlations(3)
    for part in np.array_split(x, 7):
        for each in (moments, histogram, together):
            each.add(part)
    mean, deviation, skew, kurtosis = moments.central()
    np.testing.assert_allclose([mean, deviation], [x.mean(0), x.std(0)])
    np.testing.assert_allclose(skew, scipy.stats.skew(x))
    np.testing.assert_allclose(kurtosis, scipy.stats.kurtosis(x))
    expected = np.percentile(x, [5, 50, 95], axis=0)
    np.testing.assert_allclose(histogram.percentiles((0.05, 0.5, 0.95)), expected, atol=0.05)
    np.testing.assert_allclose(together.pairs(), np.corrcoef(x.T)[np.triu_indices(3, 1)])


def test_a_modulation_is_in_its_band():
    t = np.arange(4000)[:, None]
    modulation = sums.Modulation(1, 256, 10)
    for part in np.array_split(np.sin(2 * np.pi * 40 / 256 * t), 9):  # 40 turns a window
        modulation.add(part)
    assert modulation.starts[modulation.means()[:, 0].argmax()] == 30


def test_no_group_is_refused():
    with pytest.raises(AscError, match="texture has none of its groups; set one of spectrum, "):
        Texture(**dict.fromkeys(GROUPS, False))(np.zeros(RATE, np.float32), RATE)
