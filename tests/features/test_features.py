"""The contract of every feature."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.export import frontends
from asc_cli.features import stream
from asc_cli.frontend.feature import StoredFeature, resolve
from tests.conftest import ENCODERS, ROOT

RATE = 22_050


@pytest.fixture(params=sorted({*plugins.names("features")} - {*ENCODERS}))
def feature(request: pytest.FixtureRequest) -> StoredFeature:
    return resolve(request.param, RATE, {})


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 5 * RATE).astype(np.float32)


def frames(feature: StoredFeature, samples: np.ndarray) -> np.ndarray:
    return feature.compute(samples, feature.sample_rate)


def test_the_shape_follows_framing(feature: StoredFeature, noise: np.ndarray):
    out = frames(feature, noise)
    assert out.dtype == np.float32 and len(out) == feature.framing.count(len(noise))
    assert np.isfinite(out).all()


def test_the_same_samples_give_the_same_bits(feature: StoredFeature, noise: np.ndarray):
    np.testing.assert_array_equal(frames(feature, noise), frames(feature, noise.copy()))


def test_silence_gives_finite_frames(feature: StoredFeature):
    assert np.isfinite(frames(feature, np.zeros(RATE, np.float32))).all()


def test_blocks_give_the_frames_of_the_recording(feature: StoredFeature, noise: np.ndarray):
    full = frames(feature, noise)
    for size in (RATE // 2, 2 * RATE + 17):
        blocks = [noise[start : start + size] for start in range(0, len(noise), size)]
        parts = list(stream(feature.compute, blocks, RATE))
        np.testing.assert_allclose(np.concatenate(parts), full, atol=1e-4)


@pytest.mark.parametrize("name", ["log_mel", "mel", "gammatone"])
def test_every_sample_of_a_frame_of_odd_length_counts(name: str):
    feature = plugins.feature(name, {"frame_samples": 441})
    click = np.zeros(441, np.float32)
    silence = feature(click, RATE)
    click[-1] = 1e6
    assert (feature(click, RATE) > silence).all()
    _, constants = frontends.find(feature)(RATE)
    assert constants["to_n_fft"].tolist() == [0, 0, 0, 0, 0, 1]


def test_less_than_a_frame_is_an_error(feature: StoredFeature):
    with pytest.raises(
        AscError,
        match=r"is 0\.000 s long, shorter than (one frame|the shortest .*) \(\d+ samples",
    ):
        list(stream(feature.compute, [np.zeros(8, np.float32)], RATE))


def test_the_version_is_a_number(feature: StoredFeature):
    assert feature.version >= 1


KEYS = {  # of 0.1.0, with defaults at 22 050 Hz: another key, and no stored array is found again
    "cqt": "83ac9f20650ccaed",
    "gammatone": "977a22fbacf618e7",
    "log_mel": "96e486fc1110d4b4",
    "mel": "700b454a7630552b",
    "mfcc": "c81b7fd9927a37f0",
}


def test_the_keys_in_the_store_are_those_of_0_1_0():
    assert {name: resolve(name, RATE, {}).key for name in KEYS} == KEYS


def test_computing_features_loads_nothing_heavy():
    code = (
        "import sys, numpy as np\n"
        "from asc_cli.core import plugins\n"
        "from asc_cli.frontend.feature import resolve\n"
        "noise = np.random.default_rng(0).normal(0, 0.1, 44_100).astype('f4')\n"
        f"for name in sorted({{*plugins.names('features')}} - {{*{ENCODERS}}}):\n"
        "    resolve(name, 22_050, {}).compute(noise, 22_050)\n"
        "print(sorted({'librosa', 'numba', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
