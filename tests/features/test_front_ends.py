"""The challenges' front ends, frame for frame: librosa with their settings, streams and ONNX."""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import pytest

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.features import stream
from asc_cli.frontend.feature import StoredFeature, resolve
from asc_cli.recipe import load as recipe

FRONT_ENDS = ("dcase2018_frontend", "dcase2024_frontend")
EPSILON = float(np.spacing(1))


def noise(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(0, 0.1, n) * np.linspace(0.01, 1, n)).astype(np.float32)


def front_end(name: str) -> StoredFeature:
    features = dict(recipe.load(name).features)
    return resolve(features.pop("name"), features.pop("sample_rate"), features)


def by_librosa(name: str, samples: np.ndarray) -> np.ndarray:
    """(N,) -> (T, F), as each challenge's own code calls it."""
    if name == "dcase2018_frontend":  # dcase_util's mel extractor
        magnitude = np.abs(
            librosa.stft(
                samples,
                n_fft=2048,
                win_length=1920,
                hop_length=960,
                center=True,
                window="hamming",
                pad_mode="reflect",
            )
        )
        filters = librosa.filters.mel(sr=48_000, n_fft=2048, n_mels=40, fmin=0, fmax=24_000)
        return np.log(filters @ magnitude + EPSILON).T
    power = librosa.feature.melspectrogram(  # torchaudio's MelSpectrogram with its defaults
        y=samples,
        sr=32_000,
        n_fft=4096,
        win_length=3072,
        hop_length=500,
        n_mels=256,
        htk=True,
        norm=None,
        center=True,
        pad_mode="reflect",
        power=2.0,
    )
    return np.log(power + 1e-5).T


@pytest.mark.parametrize("name", FRONT_ENDS)
@pytest.mark.parametrize("extra", [0, 1, 499])
def test_a_challenge_s_frames(name: str, extra: int):
    feature = front_end(name)
    samples = noise(feature.sample_rate + extra)
    ours = feature.compute(samples, feature.sample_rate)
    assert (
        len(ours)
        == feature.framing.count(len(samples))
        == {48_000: 51, 32_000: 65}[feature.sample_rate]
    )
    np.testing.assert_allclose(ours, by_librosa(name, samples), atol=2e-4)


def test_a_clip_of_a_second_is_the_challenge_s_input():
    grid = front_end("dcase2024_frontend").clip_grid({"length_s": 1.0, "overlap": 0.0})
    assert grid.n_frames == 65 and grid.starts(641).tolist() == list(range(0, 640, 64))


@pytest.mark.parametrize("name", FRONT_ENDS)
@pytest.mark.parametrize("size", [700, 8_000, 30_000])
def test_blocks_give_the_same_frames(name: str, size: int):
    feature = front_end(name)
    samples = noise(2 * feature.sample_rate + 123)
    blocks = [samples[start : start + size] for start in range(0, len(samples), size)]
    parts = list(stream(feature.compute, blocks, feature.sample_rate))
    full = feature.compute(samples, feature.sample_rate)
    np.testing.assert_allclose(np.concatenate(parts), full, atol=1e-5)


@pytest.mark.parametrize("frame", [5, 8])
def test_the_shortest_that_can_be_reflected(frame: int):
    feature = plugins.feature("log_mel", {"frame_samples": frame, "hop_samples": 3, "n_mels": 2,
                                          "centred": True})  # fmt: skip
    shortest = feature.framing(8_000).shortest_samples
    [frames] = stream(feature, [noise(shortest)], 8_000)
    assert frames.shape == (1 + shortest // 3, 2) and np.isfinite(frames).all()
    with pytest.raises(AscError, match=rf"shorter than one frame \({shortest} samples"):
        list(stream(feature, [noise(shortest - 1)], 8_000))


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_the_same_in_onnx_operators(name: str):
    pytest.importorskip("onnx", reason="the extra `train` is not installed")
    from tests.features import test_onnx

    feature = front_end(name)
    samples = noise(feature.sample_rate + 77)
    session = test_onnx.session(feature.name, feature.sample_rate, **feature.parameters)
    test_onnx.compare(session, feature.name, samples, feature.sample_rate, **feature.parameters)
    with pytest.raises(Exception, match="Non-zero status code"):
        session.run(None, {"samples": samples[None, :900]})


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"n_fft": 512}, r"n_fft = 512: at least frame_samples = 1024"),
        ({"floor": 0.0}, "floor = 0 and offset = 0"),
        ({"offset": -1.0}, "offset = -1"),
    ],
)
def test_parameters_without_a_meaning_are_refused(parameters: dict[str, Any], words: str):
    with pytest.raises(AscError, match=words):
        plugins.feature("log_mel", parameters)(noise(4096), 22_050)


@pytest.mark.parametrize("name", ["log_mel", "mel"])
def test_new_parameters_at_their_old_values_change_no_key_and_no_signature(name: str):
    added = plugins.INSTALLED.added(name)
    assert {
        p.name: p.default for p in plugins.parameters("features", name)
    }.items() >= added.items()
    plain = resolve(name, 22_050, {})
    assert not added.keys() & plain.description()["parameters"].keys()
    assert resolve(name, 22_050, {"centred": True}).key != plain.key
