"""The transform without scipy.fft: its bits, and what is not imported."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.fft

from asc_cli.features import _fft
from tests.conftest import ROOT


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_samples", "n_fft"), [(1024, 1024), (882, 1024), (1764, 2048), (9, 7)])
def test_it_has_the_bits_of_scipy(n_samples: int, n_fft: int, dtype: type) -> None:
    frames = np.random.default_rng(0).standard_normal((70, n_samples)).astype(dtype)
    actual, expected = _fft.rfft(frames, n_fft), scipy.fft.rfft(frames, n_fft)
    assert actual.dtype == expected.dtype and np.array_equal(actual, expected)


def test_a_cosine_is_in_its_bin() -> None:
    cosine = np.cos(2 * np.pi * 5 * np.arange(64) / 64)[None]
    expected = np.zeros((1, 33))
    expected[0, 5] = 32
    np.testing.assert_allclose(_fft.rfft(cosine, 64), expected, atol=1e-12)


def test_it_imports_nothing_of_scipy() -> None:
    code = (
        "import sys, numpy as np\n"
        "from asc_cli.features.log_mel import LogMel\n"
        "LogMel()(np.zeros(4096, np.float32), 22_050)\n"
        "assert not [name for name in sys.modules if name.startswith('scipy')]\n"
        "import scipy.fft\n"  # it can be imported afterwards
        "assert scipy.fft.rfft(np.ones(4))[0] == 4\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_scipy_that_has_it_elsewhere_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fft.machinery, "EXTENSION_SUFFIXES", [])
    assert _fft._pocketfft() is None
    _fft._transform.cache_clear()
    try:
        frames = np.arange(8, dtype=np.float32)[None]
        assert np.array_equal(_fft.rfft(frames, 8), scipy.fft.rfft(frames, 8))
    finally:
        _fft._transform.cache_clear()
