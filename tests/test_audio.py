"""Files of every kind become mono float32 samples; bad ones say what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc_cli.audio import decode, hashing
from asc_cli.core.errors import FileFault
from tests.conftest import tone, write


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_any_rate_becomes_the_wanted_one_and_a_tone_stays_that_tone(tmp_path: Path, rate: int):
    path = write(tmp_path / "a.wav", tone(440, 1.0, rate), rate)
    samples = decode.read(path, 22_050)
    assert samples.dtype == np.float32 and abs(len(samples) - 22_050) <= 1
    spectrum = np.abs(np.fft.rfft(samples[2000:18_384] * np.hanning(16_384)))
    assert abs(np.argmax(spectrum) * 22_050 / 16_384 - 440) < 2
    assert np.abs(samples[5000:15_000]).max() == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_U8"),
        ("a.wav", "PCM_16"),
        ("a.wav", "PCM_24"),
        ("a.wav", "PCM_32"),
        ("a.wav", "FLOAT"),
        ("a.wav", "DOUBLE"),
        ("a.wav", "ULAW"),
        ("a.flac", "PCM_16"),
        ("a.ogg", "VORBIS"),
        ("a.mp3", "MPEG_LAYER_III"),
        ("a.aiff", "PCM_16"),
        ("a.au", "PCM_16"),
    ],
)
def test_every_format_is_read(tmp_path: Path, name: str, subtype: str):
    signal = tone(440, 0.5, 22_050)
    path = write(tmp_path / name, signal, 22_050, subtype=subtype)
    samples = decode.read(path, 22_050)
    n = min(len(samples), len(signal))
    assert n > 10_000
    assert np.corrcoef(samples[:n], signal[:n])[0, 1] > 0.98


def test_mono_is_the_mean_of_the_channels(tmp_path: Path):
    channels = np.stack([tone(440, 0.1, 22_050), np.zeros(2205, "f4"), tone(440, 0.1, 22_050)])
    path = write(tmp_path / "a.wav", channels.T, subtype="FLOAT")
    np.testing.assert_allclose(decode.read(path, 22_050), channels.mean(0), atol=1e-7)


@pytest.mark.parametrize("n_channels", range(1, 10))
@pytest.mark.parametrize("n_samples", [1, 5, 1000])
def test_mono_has_the_bits_of_numpys_mean(n_channels: int, n_samples: int):
    block = np.random.default_rng(0).normal(0, 0.1, (n_samples, n_channels)).astype("f4")
    block[::3] = -0.0
    if n_channels > 1:  # one channel stays as it is, the sign of a zero too
        assert decode.mono(block).tobytes() == block.mean(axis=1, dtype="f4").tobytes()
    assert decode.mono(block).shape == (n_samples,)


def test_blocks_joined_are_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    noise = np.random.default_rng(0).normal(0, 0.1, 44_100).astype("f4")
    path = write(tmp_path / "a.wav", noise, 44_100, subtype="FLOAT")
    full = decode.read(path, 22_050)
    monkeypatch.setattr(decode, "BLOCK_SECONDS", 0.05)
    np.testing.assert_allclose(decode.read(path, 22_050), full, atol=1e-6)
    assert len(list(decode.blocks(path, 44_100))) == 20


def test_inspect_reads_the_header(tmp_path: Path):
    path = write(tmp_path / "a.wav", np.zeros((4410, 2)), 44_100, subtype="PCM_24")
    info = decode.inspect(path)
    assert info == decode.Info(44_100, 2, 4410, "WAV PCM_24")
    assert info.seconds == pytest.approx(0.1)


def fault(path: Path) -> str:
    with pytest.raises(FileFault) as caught:
        decode.read(path, 22_050)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    return caught.value.reason


def test_each_kind_of_bad_file_has_its_message(tmp_path: Path):
    empty = tmp_path / "empty.wav"
    empty.touch()
    assert fault(empty) == "is empty (0 bytes)"
    text = tmp_path / "text.wav"
    text.write_text("hello, this is no audio")
    assert "is not audio that can be read" in fault(text) and decode.READS in fault(text)
    assert fault(tmp_path / "none.wav") == "there is no such file"
    assert f"is a folder; a file was expected, or a folder that holds {decode.READS}" == fault(
        tmp_path
    )
    header = write(tmp_path / "header.wav", np.zeros(0))
    assert fault(header) == "holds no samples: a header without audio"


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "NaN"), (np.inf, "Inf")])
def test_nan_and_inf_are_refused(tmp_path: Path, value: float, kind: str):
    samples = tone(440, 1, 22_050)
    samples[100] = value
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    assert (
        fault(path) == f"holds {kind} among its samples between 0 and 20 s; write it again without"
    )


@pytest.mark.parametrize("kept", [0.5, 0.9])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "a.wav",
            r"is cut short: \d+ of the 441044 bytes that its header declares are present; download",
        ),
        ("a.aiff", r"is cut short: \d+ of the 441054 bytes"),
        ("a.au", r"is cut short: \d+ of the 441024 bytes"),
        ("a.w64", r"is cut short: \d+ of the 441104 bytes"),
        (
            "a.ogg",
            "is cut short: its last page is missing; download it again, or rewrite the rest",
        ),
        ("a.mp3", r"is cut short: [24]\.\d+ of the 5 s that its header declares"),
        ("a.flac", "cannot be decoded past"),
    ],
)
def test_a_file_cut_short_is_refused(tmp_path: Path, name: str, reason: str, kept: float):
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * 44_100)
    path = write(tmp_path / name, noise, 44_100)
    assert len(decode.read(path, 44_100)) == len(noise) and decode.inspect(path).seconds == 5
    hashing.excerpt(path)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    assert re.match(reason, fault(path))
    if name != "a.flac":
        for quick in (decode.inspect, hashing.excerpt):
            with pytest.raises(FileFault, match="is cut short: .*; download it again"):
                quick(path)


def test_an_ogg_that_ends_within_its_last_page_is_cut_short(tmp_path: Path):
    path = write(tmp_path / "a.ogg", tone(440, 2, 22_050))
    path.write_bytes(path.read_bytes()[:-1])
    assert fault(path).startswith("is cut short: its last page is missing")


@pytest.mark.parametrize(
    ("riff", "data"),
    [(0, 44_100), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000)],
)
def test_a_wav_from_a_pipe_does_not_know_its_size(tmp_path: Path, riff: int, data: int):
    path = write(tmp_path / "a.wav", tone(440, 1, 22_050))
    known = path.read_bytes()
    path.write_bytes(
        known[:4]
        + riff.to_bytes(4, "little")
        + known[8:40]
        + data.to_bytes(4, "little")
        + known[44:]
    )
    assert len(decode.read(path, 22_050)) == 22_050


def test_a_header_that_is_a_little_off_is_no_cut(tmp_path: Path):
    path = write(tmp_path / "a.wav", tone(440, 1, 22_050))
    path.write_bytes(path.read_bytes()[:-100])
    assert len(decode.read(path, 22_050)) == 22_000


def test_a_path_that_cannot_be_opened_has_a_reason(tmp_path: Path):
    path = write(tmp_path / "a.wav", tone(440, 1, 22_050))
    assert fault(path / "b.wav") == "cannot be opened (Not a directory)"


def test_faults_survive_the_way_from_a_worker_process():
    import pickle

    again = pickle.loads(pickle.dumps(FileFault("a.wav", "is empty")))
    assert (str(again), again.reason) == ("a.wav: is empty", "is empty")


def test_decoding_is_soundfile_s(tmp_path: Path):
    path = write(tmp_path / "a.wav", tone(440, 1, 22_050), subtype="PCM_16")
    np.testing.assert_array_equal(decode.read(path, 22_050), soundfile.read(path, dtype="f4")[0])


def with_rate(path: Path, rate: int) -> Path:
    """A WAV of a second whose header claims another rate."""
    data = bytearray(write(path, tone(440, 1, 22_050)).read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("rate", [1, 2, 7, 999, 768_001, 40_000_000, 2**31 - 1])
def test_a_rate_that_no_recording_has_is_refused(tmp_path: Path, rate: int):
    path = with_rate(tmp_path / "a.wav", rate)
    for read in (decode.inspect, hashing.excerpt, hashing.content, lambda p: decode.read(p, 8_000)):
        with pytest.raises(
            FileFault, match=f"a sample rate of {rate} Hz .*; asc reads 1000 to 768000 Hz. If the"
        ):
            read(path)


def test_an_aiff_of_rate_0_is_refused(tmp_path: Path):
    path = write(tmp_path / "a.aiff", tone(440, 1, 22_050))
    data = path.read_bytes()
    at = data.index(b"COMM") + 16  # the rate, 80 bits
    path.write_bytes(data[:at] + bytes(10) + data[at + 10 :])
    assert "sample rate of" in fault(path) or "cannot be" in fault(path)


@pytest.mark.parametrize("rate", [1_000, 768_000])
def test_the_slowest_and_the_fastest_rate_are_read(tmp_path: Path, rate: int):
    path = write(tmp_path / "a.wav", tone(100, 0.5, rate), rate)
    assert abs(len(decode.read(path, 8_000)) - 4_000) <= 1


def test_a_block_is_bounded_whatever_the_header_claims(tmp_path: Path, monkeypatch):
    path = write(tmp_path / "a.wav", np.zeros((2_000, 8)), 8_000)
    monkeypatch.setattr(decode, "MAX_BLOCK_VALUES", 4_000)
    assert [len(block) for block in decode.blocks(path, 8_000)] == [500] * 4


@pytest.mark.parametrize(
    ("kind", "subtype"), [("AU", "G723_24"), ("AU", "G721_32"), ("WAV", "G721_32")]
)
def test_a_file_that_cannot_be_sought_is_read_to_its_middle(
    tmp_path: Path, kind: str, subtype: str
):
    path = tmp_path / f"a.{kind.lower()}"
    soundfile.write(path, tone(440, 3, 8_000), 8_000, subtype, format=kind)
    length, _ = hashing.excerpt(path)
    assert abs(length - 24_000) < 200
    with soundfile.SoundFile(path) as sound:
        assert not sound.seekable()
    assert len(hashing.content(path)) == 64


def test_a_damaged_flac_is_a_sentence_in_every_reader(tmp_path: Path):
    path = write(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, 44_100))
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : -len(data) // 3] = bytes(len(data[len(data) // 3 : -len(data) // 3]))
    path.write_bytes(data)
    for read in (hashing.excerpt, hashing.content, lambda p: decode.read(p, 8_000)):
        with pytest.raises(FileFault, match=r"cannot be decoded past \d+\.\d\d s"):
            read(path)


def test_a_sample_dump_is_refused_before_libsndfile_prints(tmp_path: Path, capfd):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(440, 1, 22_050), 22_050, "PCM_16", format="SDS")
    data = bytearray(path.read_bytes())
    data[40] ^= 0x55
    path.write_bytes(data)
    assert fault(path).startswith("is a MIDI sample dump, which asc does not read; wav, flac")
    assert capfd.readouterr().out == ""
