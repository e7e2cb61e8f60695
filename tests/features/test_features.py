"""What every feature promises, whatever it computes."""

from __future__ import annotations

import numpy as np
import pytest

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.export import frontends
from asc_cli.features import stream
from asc_cli.frontend.feature import Feature, resolve

RATE = 22_050


@pytest.fixture(params=plugins.names("features"))
def feature(request: pytest.FixtureRequest) -> Feature:
    return resolve(request.param, RATE, {})


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 5 * RATE).astype(np.float32)


def frames(feature: Feature, samples: np.ndarray) -> np.ndarray:
    module = plugins.load("features", feature.name)
    return module.extract(samples, feature.sample_rate, **feature.parameters)


def test_the_shape_is_what_framing_says(feature: Feature, noise: np.ndarray):
    module = plugins.load("features", feature.name)
    out = frames(feature, noise)
    framing = module.framing(feature.sample_rate, **feature.parameters)
    assert out.dtype == np.float32 and len(out) == framing.count(len(noise))
    assert np.isfinite(out).all()


def test_the_same_samples_give_the_same_bits(feature: Feature, noise: np.ndarray):
    np.testing.assert_array_equal(frames(feature, noise), frames(feature, noise.copy()))


def test_silence_gives_finite_frames(feature: Feature):
    assert np.isfinite(frames(feature, np.zeros(RATE, np.float32))).all()


def test_blocks_give_the_frames_of_the_whole(feature: Feature, noise: np.ndarray):
    module = plugins.load("features", feature.name)
    whole = frames(feature, noise)
    for size in (RATE // 2, 2 * RATE + 17):
        blocks = [noise[start : start + size] for start in range(0, len(noise), size)]
        parts = list(stream(module, blocks, RATE, feature.parameters))
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)


@pytest.mark.parametrize("name", ["log_mel", "mel", "gammatone"])
def test_every_sample_of_a_frame_of_odd_length_is_heard(name: str):
    module = plugins.load("features", name)
    click = np.zeros(441, np.float32)
    silence = module.extract(click, RATE, frame_samples=441)
    click[-1] = 1e6
    assert (module.extract(click, RATE, frame_samples=441) > silence).all()
    parameters = resolve(name, RATE, {"frame_samples": 441}).parameters
    _, constants = frontends.find(module)(RATE, **parameters)
    assert constants["to_n_fft"].tolist() == [0, 0, 0, 0, 0, 1]


def test_less_than_a_frame_says_so(feature: Feature):
    module = plugins.load("features", feature.name)
    with pytest.raises(AscError, match=r"is 0\.000 s long, shorter than one frame \(\d+ samples"):
        list(stream(module, [np.zeros(8, np.float32)], RATE, feature.parameters))


def test_the_version_is_a_number(feature: Feature):
    assert feature.version >= 1
