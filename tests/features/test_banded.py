"""Power times filters: the bits of the full product, with less work where BLAS allows it."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from asc_cli.features import _banded, _spectrum
from asc_cli.features.gammatone import Gammatone
from asc_cli.features.log_mel import LogMel


def power(n_frames: int, n_bins: int) -> np.ndarray:
    return np.random.default_rng(1).chisquare(2, (n_frames, n_bins)).astype(np.float32)


def full_product(spectra: np.ndarray, filters: np.ndarray) -> np.ndarray:
    parts = [spectra[i : i + 64] @ filters for i in range(0, len(spectra), 64)]
    return np.concatenate(parts)


FEATURES = [
    LogMel(),
    LogMel(n_mels=40),
    LogMel(n_mels=128, n_fft=2048),
    LogMel(n_mels=256, n_fft=4096, scale="htk", area_norm=False),
    LogMel(f_min_hz=50.0, f_max_hz=7000.0),
    LogMel(n_mels=200),  # some of so many bands are zero at all bins
    Gammatone(),
]


@pytest.mark.parametrize("feature", FEATURES, ids=repr)
@pytest.mark.parametrize("n_frames", [1, 63, 64, 100, 192, 200])
def test_the_bits_are_those_of_the_full_product(feature: LogMel | Gammatone, n_frames: int):
    filters = feature.filters(22_050)
    spectra = power(n_frames, len(filters))
    out = np.full((n_frames, filters.shape[1]), np.nan, np.float32)
    with threadpool_limits(1):
        _banded.product(spectra, filters, _banded.pieces_of(filters), out)
        assert np.array_equal(out, full_product(spectra, filters))


def test_the_pieces_hold_every_filter_once_and_few_zeros():
    filters = LogMel().filters(22_050)
    joined = np.zeros_like(filters)
    for piece in _banded._pieces(filters, 448):
        joined[piece.bins, piece.bands] += piece.filters
    assert np.array_equal(joined, filters)
    assert sum(piece.filters.size for piece in _banded._pieces(filters, 448)) < filters.size / 3


def test_where_a_bit_differs_the_full_product_is_taken(monkeypatch: pytest.MonkeyPatch):
    _banded._pieces_of.cache_clear()
    monkeypatch.setattr(_banded, "_multiply", lambda power, pieces, out: out.fill(1))
    try:
        assert _banded.pieces_of(LogMel().filters(22_050)) == ()
    finally:
        _banded._pieces_of.cache_clear()


def test_filters_without_zeros_are_not_cut():
    assert _banded.pieces_of(Gammatone().filters(22_050)) == ()


@pytest.mark.parametrize("n_frames", [1, 31, 63, 64, 65, 200, 257])
@pytest.mark.parametrize("magnitude", [False, True])
def test_bands_have_the_bits_of_blocks_of_64_frames(n_frames: int, magnitude: bool):
    """As version 0.1.0 computed them: what is stored stays valid."""
    import scipy.fft

    samples = np.random.default_rng(2).normal(0, 0.1, 1023 + 220 * n_frames).astype(np.float32)
    filters, window = LogMel().filters(22_050), _spectrum.hann(1024)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::220]
    expected = []
    with threadpool_limits(1):
        for start in range(0, len(frames), 64):
            spectrum = scipy.fft.rfft(frames[start : start + 64] * window)
            spectra = np.square(spectrum.real)
            spectra += np.square(spectrum.imag)
            expected.append((np.sqrt(spectra) if magnitude else spectra) @ filters)
        ours = _spectrum.bands(samples, window, 220, filters, magnitude)
    assert np.array_equal(ours, np.concatenate(expected))
