"""Front ends in ONNX's operators give what the features give, whatever the length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from asc_cli.core import plugins
from asc_cli.export import frontends, network
from tests.conftest import ENCODERS, tone

onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `train` is not installed")
RATE = 22_050
WITH_FRONT_END = sorted({*plugins.names("features")} - {"texture", *ENCODERS})


def session(feature: str, rate: int, **parameters: Any) -> Any:
    nodes, constants = frontends.find(plugins.feature(feature, parameters))(rate)
    graph = network.parse(
        "float[R, N] samples",
        "float[R, T, F] frames",
        nodes,
        {**network.CONSTANTS, **constants},
        "f",
    )
    created = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", network.OPSET)], ir_version=10
    )
    return onnxruntime.InferenceSession(created.SerializeToString())


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)


def compare(session: Any, feature: str, samples: np.ndarray, rate: int, **parameters: Any) -> None:
    expected = plugins.feature(feature, parameters)(samples, rate)
    [frames] = session.run(None, {"samples": samples[None]})
    np.testing.assert_allclose(frames[0], expected, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("feature", ["log_mel", "mel", "gammatone"])
@pytest.mark.parametrize("frame", [1024, 882, 1018])  # 32 × 32, 21 × 42, and 2 × a prime
def test_filterbanks(feature: str, frame: int):
    samples = tone(440, 0.5, RATE) + noise(RATE // 2) / 10
    compare(
        session(feature, RATE, frame_samples=frame), feature, samples, RATE, frame_samples=frame
    )


@pytest.mark.parametrize("width", [3, 9])
def test_differences_at_every_end(width: int):
    """Shorter than the width, as long, and longer."""
    predicted = session("mfcc", RATE, delta_width=width)
    for n_frames in (1, width - 1, width, width + 1, 2 * width, 50):
        samples = noise(882 + (n_frames - 1) * 441 + 7)
        compare(predicted, "mfcc", samples, RATE, delta_width=width)


def test_cepstra_alone():
    compare(
        session("mfcc", RATE, deltas=False, n_fft=512),
        "mfcc",
        noise(RATE),
        RATE,
        deltas=False,
        n_fft=512,
    )


@pytest.mark.parametrize(
    ("rate", "parameters"),
    [
        (22_050, {}),
        (44_100, {}),
        (22_050, {"hop_samples": 100, "bins_per_octave": 12}),  # soon odd: no more halving
        (8_000, {"hop_samples": 77, "f_min_hz": 110.0}),  # odd at once
        (16_000, {"bins_per_octave": 5, "f_min_hz": 500.0, "slice_s": 0.2}),  # few bins
    ],
)
def test_constant_q(rate: int, parameters: dict[str, Any]):
    predicted = session("cqt", rate, **parameters)
    loud = np.concatenate([noise(rate), np.zeros(3 * rate, np.float32), tone(440, 2, rate)])
    for samples in (noise(rate), loud, loud[: 4 * rate - 101], np.zeros(2 * rate, np.float32)):
        compare(predicted, "cqt", samples, rate, **parameters)


@pytest.mark.parametrize("feature", WITH_FRONT_END)
def test_a_batch_is_its_recordings_one_by_one(feature: str):
    predicted = session(feature, RATE)
    both = np.stack([noise(2 * RATE), tone(440, 2, RATE)])
    [together] = predicted.run(None, {"samples": both})
    alone = [predicted.run(None, {"samples": one[None]})[0][0] for one in both]
    np.testing.assert_allclose(together, alone, atol=2e-4)  # a root, far from the tone


@pytest.mark.parametrize("feature", WITH_FRONT_END)
def test_less_than_a_frame_is_refused(feature: str):
    with pytest.raises(Exception, match="Non-zero status code"):
        session(feature, RATE).run(None, {"samples": np.zeros((1, 99), np.float32)})
