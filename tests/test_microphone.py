"""Raw PCM in every encoding gives the floats it stands for."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from asc_cli.audio import microphone
from asc_cli.core.errors import AscError, FileFault


@pytest.mark.parametrize(
    ("encoding", "values"),
    [("s16le", [0, 16384, -32768]), ("s32le", [0, 1 << 30, -(1 << 31)]), ("f32le", [0, 0.5, -1])],
)
def test_encodings(encoding: str, values: list[float]):
    kind, _ = microphone.ENCODINGS[encoding]
    raw = np.array([[v, 0] for v in values], kind).tobytes() + b"\x01"  # cut within a frame
    samples = np.concatenate(list(microphone.pcm(io.BytesIO(raw), 8_000, 2, encoding)))
    np.testing.assert_array_equal(samples, np.array([[0, 0], [0.5, 0], [-1, 0]], "f4"))


def test_an_unknown_encoding_is_refused():
    with pytest.raises(AscError, match="--encoding mp3: one of s16le, s32le, f32le"):
        microphone.pcm(io.BytesIO(), 8_000, 1, "mp3")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(AscError, match=r"the microphone: the extra `mic` is needed .*\[mic\]"):
        microphone.blocks(8_000, 1)  # at once, not when the first block is asked for


def test_a_sample_that_is_no_number_ends_it():
    raw = np.zeros(8_000, "<f4")
    raw[5_000] = np.nan
    blocks = microphone.pcm(io.BytesIO(raw.tobytes()), 8_000, 1, "f32le")
    with pytest.raises(FileFault, match="stdin: holds NaN or Inf among its samples 4000 to 6000"):
        list(blocks)
