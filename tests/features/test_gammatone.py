"""Gammatone bands against the ERB formulas and pure tones."""

import numpy as np
import pytest

from asc_cli.features import gammatone
from tests.conftest import tone

RATE = 22_050


def test_erb_at_published_points():
    """Glasberg & Moore 1990: 24.7 Hz at 0, about 132.6 Hz at 1 kHz; 1 kHz is 15.6 ERBs up."""
    assert gammatone.erb_hz(np.array([0.0, 1000.0])) == pytest.approx([24.7, 132.639])
    assert gammatone.erbs(1000.0) == pytest.approx(15.621, abs=1e-3)
    assert gammatone.hz_of_erbs(np.array(gammatone.erbs(440.0))) == pytest.approx(440.0)


def test_erbs_count_erb_widths():
    """E is the integral of df / ERB(f), to the rounding of the published constants (0.3 %)."""
    hz = np.linspace(0, 8000, 80_001)
    widths = 1 / gammatone.erb_hz(hz)
    assert gammatone.erbs(8000) == pytest.approx(np.trapezoid(widths, hz), rel=4e-3)


def test_centres_are_even_steps_of_the_ears_scale():
    centres = gammatone.band_centres_hz(RATE, 64, 50.0, None)
    steps = np.diff([gammatone.erbs(hz) for hz in (*centres, RATE / 2)])
    assert centres[0] == pytest.approx(50.0) and np.allclose(steps, steps[0])
    assert gammatone.band_centres_hz(RATE, 64, 50.0, 8000.0)[-1] == pytest.approx(8000.0)


@pytest.mark.parametrize("band", [5, 20, 40, 63])
def test_the_width_of_a_filter_is_its_erb(band: int):
    """The area under |H|² over its peak is the equivalent rectangular bandwidth."""
    centre = gammatone.band_centres_hz(RATE, 64, 50.0, None)[band]
    filters = gammatone.gammatone_filters(RATE * 4, 1 << 17, 1, centre, centre)
    area_hz = filters[:, 0].sum() * RATE * 4 / (1 << 17)
    assert filters.max() == pytest.approx(1, abs=1e-4)
    assert area_hz == pytest.approx(gammatone.erb_hz(centre), rel=0.03)


@pytest.mark.parametrize("band", range(3, 64, 6))
def test_a_pure_tone_peaks_in_its_band(band: int):
    centres = gammatone.band_centres_hz(RATE, 64, 50.0, None)
    frames = gammatone.Gammatone()(tone(centres[band], 0.5, RATE), RATE)
    assert frames.mean(axis=0).argmax() == band


def test_ten_times_the_level_is_two_ln_ten_more():
    low, high = (gammatone.Gammatone()(tone(1000, 0.2, RATE, level), RATE) for level in (0.05, 0.5))
    np.testing.assert_allclose(high - low, 2 * np.log(10), atol=1e-2)
