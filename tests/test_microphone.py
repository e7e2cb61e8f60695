"""Raw PCM in every encoding gives the floats it stands for."""

from __future__ import annotations

import io
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc_cli import workflow
from asc_cli.audio import microphone
from asc_cli.core.errors import AscError, FileFault
from asc_cli.inference.level import CLIPPED, SILENT, Meter
from tests.conftest import Asc


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


class FakeStream:
    """A microphone that calls back with three blocks, and is then taken away."""

    def __init__(self, rate: int, size: int, channels: int, callback) -> None:
        self.active = False
        for number in range(3):
            buffer = np.full((size, channels), number / 10, "f4")
            callback(buffer, size, None, None)
            buffer[:] = np.nan  # PortAudio uses its buffer again

    def __enter__(self) -> FakeStream:
        return self

    def __exit__(self, *fault: object) -> None: ...


def test_a_microphone_that_is_taken_away(monkeypatch: pytest.MonkeyPatch):
    module = types.SimpleNamespace(InputStream=FakeStream, PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    blocks = microphone.blocks(8_000, 2)
    received = [next(blocks) for _ in range(3)]
    np.testing.assert_allclose([block.mean() for block in received], [0, 0.1, 0.2], atol=1e-6)
    assert received[0].shape == (2_000, 2)
    with pytest.raises(FileFault, match="microphone: it was taken away"):
        next(blocks)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_sound_is_recorded_as_it_passes(suffix: str, tmp_path: Path):
    sound = np.random.default_rng(0).uniform(-0.9, 0.9, (4, 1_000, 2)).astype("f4")
    path = tmp_path / f"sound{suffix}"
    passed = microphone.recorded(sound, path, 8_000)
    first = [next(passed) for _ in range(3)]
    passed.close()  # as Ctrl-C does: the file is complete up to here
    np.testing.assert_array_equal(first, sound[:3])
    stored, rate = soundfile.read(path)
    assert rate == 8_000
    np.testing.assert_allclose(stored, sound[:3].reshape(-1, 2), atol=1 / 32_000)
    with pytest.raises(AscError, match="is there already; give another name"):
        microphone.recorded(sound, path, 8_000)
    for name, why in {"sound.txt": "", "no folder/sound.wav": "there is no folder"}.items():
        with pytest.raises(AscError, match=rf"^--record .*: cannot be written \({why}"):
            next(microphone.recorded(sound, tmp_path / name, 8_000))


def test_a_full_disk_is_named_and_a_fault_of_the_sound_is_not_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def gone() -> Iterator[np.ndarray]:
        yield np.zeros((10, 1), "f4")
        raise OSError("the microphone is gone")

    with pytest.raises(OSError, match="the microphone is gone"):
        list(microphone.recorded(gone(), tmp_path / "a.wav", 8_000))
    monkeypatch.setattr(microphone.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=0))
    with pytest.raises(FileFault, match="b.txt: cannot be written .No space left on device"):
        next(microphone.recorded(gone(), tmp_path / "b.txt", 8_000))


def test_ctrl_c_ends_listening_without_a_promise_to_resume(
    asc: Asc, monkeypatch: pytest.MonkeyPatch
):
    def stopped(*_: object, **__: object) -> Iterator[object]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(workflow, "listen", stopped)
    done = asc("listen", "-", "--rate", 8_000)
    assert (done.returncode, done.stderr.strip()) == (130, "asc: stopped")


def test_levels():
    meter = Meter()
    wave = np.sin(np.linspace(0, 200, 8_000)).astype("f4")
    for sound, level_db, peak_db, warning in (
        (0.5 * wave, -9.0, -6.0, None),
        (np.clip(2 * wave, -1, 1), -1.1, 0.0, CLIPPED),
        (np.zeros((100, 2), "f4"), -120.0, -120.0, SILENT),
        (1e-4 * wave, -83.0, -80.0, SILENT),
        (np.zeros((0, 1), "f4"), -120.0, -120.0, SILENT),
        (0.01 * wave, -43.0, -40.0, None),
    ):
        np.testing.assert_array_equal(next(iter(meter.measured([sound]))), sound)
        level = meter.read()
        assert (level.level_db, level.peak_db) == pytest.approx((level_db, peak_db), abs=0.15)
        assert level.warning == warning
