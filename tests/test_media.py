"""The sound of m4a, webm and other containers; what is not one is refused in words."""

from __future__ import annotations

import random
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.audio import decode, inputs, media
from asc_cli.core.errors import AscError, FileFault
from asc_cli.datasets import table
from asc_cli.frontend import store
from asc_cli.frontend.index import Index
from tests.conftest import ROOT, Asc, write
from tests.test_export import registered

av = pytest.importorskip("av", reason="the extra `media` is not installed")
SECONDS = 3
KINDS = {  # suffix → container, coder
    "m4a": ("ipod", "aac"),
    "mp4": ("mp4", "aac"),
    "mov": ("mov", "aac"),
    "3gp": ("3gp", "aac"),
    "aac": ("adts", "aac"),
    "webm": ("webm", "libopus"),
    "mkv": ("matroska", "libopus"),
    "wma": ("asf", "wmav2"),
    "avi": ("avi", "mp3"),
    "flv": ("flv", "aac"),
    "ts": ("mpegts", "aac"),
    "amr": ("amr", "libopencore_amrnb"),
}


def encoded(path: Path, sound: np.ndarray, rate: int = 48_000) -> Path:  # (channels, n)
    """Write a sound as its suffix says."""
    container, coder = KINDS[path.suffix[1:]]
    layout = "mono" if len(sound) == 1 else "stereo"
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(coder, rate=rate)
        stream.bit_rate, stream.layout = 12_200 if path.suffix == ".amr" else 128_000, layout
        frame = av.AudioFrame.from_ndarray(np.float32(sound), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        cut = av.AudioResampler(
            format=stream.codec_context.format.name,
            layout=layout,
            rate=rate,
            frame_size=stream.codec_context.frame_size or 1_024,
        )
        for part in [*cut.resample(frame), *cut.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


def tones(rate: int = 48_000, seconds: float = SECONDS) -> np.ndarray:
    """440 Hz left and 880 Hz right, the second half louder."""
    t = np.arange(int(rate * seconds)) / rate
    louder = np.where(t < seconds / 2, 0.1, 0.5)
    return np.stack([louder * np.sin(2 * np.pi * hz * t) for hz in (440, 880)])


@pytest.mark.parametrize("suffix", [kind for kind in KINDS if kind != "amr"])
def test_a_container_gives_its_sound(suffix: str, tmp_path: Path) -> None:
    sound = tones()
    path = encoded(tmp_path / f"a.{suffix}", sound)
    info = decode.inspect(path)
    assert (info.sample_rate, info.channels) == (48_000, 2)
    assert info.seconds == pytest.approx(SECONDS, abs=0.2 if suffix == "aac" else 0.06)
    samples = decode.read(path, 48_000)
    assert len(samples) == pytest.approx(SECONDS * 48_000, abs=0.06 * 48_000)
    expected = sound.mean(axis=0)
    lag = range(3_000)  # a coder's delay
    n = 100_000
    similar = max(np.corrcoef(samples[k : k + n], expected[:n])[0, 1] for k in lag[::50])
    assert similar > 0.8
    mono = encoded(tmp_path / f"mono.{suffix}", sound[:1])
    spectrum = np.abs(np.fft.rfft(decode.read(mono, 22_050)))
    hz = spectrum.argmax() * 22_050 / (2 * (len(spectrum) - 1))
    assert hz == pytest.approx(440, abs=2)


def test_amr_of_phones(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.amr", tones(8_000)[:1], 8_000)
    assert decode.inspect(path).sample_rate == 8_000
    assert len(decode.read(path, 8_000)) == pytest.approx(SECONDS * 8_000, abs=500)


def test_blocks_are_the_recording_and_a_block_is_bounded(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.m4a", tones(48_000, 50))
    parts = list(decode.blocks(path, 48_000))
    assert len(parts) == 3 and max(map(len, parts)) == decode.BLOCK_SECONDS * 48_000
    np.testing.assert_array_equal(np.concatenate(parts), decode.read(path, 48_000))


def test_a_recording_of_a_browser_has_no_length_in_its_header(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.webm", tones())
    live = tmp_path / "live.mkv"
    with (
        av.open(str(path)) as source,
        av.open(str(live), "w", format="matroska", options={"live": "1"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    with av.open(str(live)) as opened:
        assert not opened.duration
    assert decode.inspect(live).seconds == pytest.approx(SECONDS, abs=0.06)
    assert len(decode.read(live, 48_000)) == pytest.approx(SECONDS * 48_000, abs=3_000)


@pytest.mark.parametrize("suffix", ["m4a", "mov", "wma", "avi", "webm", "flv"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_container_that_is_cut_short_is_refused(suffix: str, kept: float, tmp_path: Path) -> None:
    path = encoded(tmp_path / f"a.{suffix}", np.random.default_rng(0).normal(0, 0.1, (2, 240_000)))
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(FileFault, match=r"is it cut short\?|is cut short|cannot be decoded past"):
        decode.read(path, 22_050)


@pytest.mark.parametrize("suffix", ["m4a", "webm", "wma", "ts"])
def test_flipped_bytes_end_in_a_sentence_or_in_sound(suffix: str, tmp_path: Path) -> None:
    rng = random.Random(0)
    path = encoded(tmp_path / f"a.{suffix}", np.random.default_rng(0).normal(0, 0.1, (1, 48_000)))
    whole = path.read_bytes()
    refused = 0
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 20)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            assert np.isfinite(decode.read(path, 22_050)).all()
        except FileFault as fault:
            refused += 1
            assert str(fault).isprintable() and "Errno" not in fault.reason, fault
    assert refused < 40


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("list.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{other}\n#EXT-X-ENDLIST\n"),
        ("list.m4a", "ffconcat version 1.0\nfile {other}\n"),
        ("page.webm", "<html>not found</html>"),
        ("picture.mov", "P6 1 1 255 abc"),
    ],
)
def test_what_would_open_other_files_is_not_opened(
    name: str, contents: str, tmp_path: Path
) -> None:
    other = encoded(tmp_path / "other.ts", tones())
    path = tmp_path / name
    path.write_text(contents.format(other=other.name))
    with pytest.raises(FileFault, match="is not audio that can be read"):
        decode.read(path, 22_050)


def test_a_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 64
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(stream.encode(None))
    with pytest.raises(FileFault, match="holds no sound"):
        decode.read(path, 22_050)


def test_without_the_extra_it_is_named_and_so_is_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "park" / "it's.m4a"
    path.parent.mkdir()
    encoded(path, tones())
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(FileFault) as fault:
        decode.read(path, 22_050)
    assert "m4a files: the extra `media` is needed" in fault.value.reason
    way = fault.value.reason.partition("or convert it: ")[2]
    assert shlex.split(way) == ["ffmpeg", "-i", "it's.m4a", "it's.wav"]
    with pytest.raises(AscError, match="the extra `media` is needed"):
        table.read(tmp_path)


def test_another_version_of_ffmpeg_is_another_recording_to_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encoded(tmp_path / "a.m4a", tones())
    plain = write(tmp_path / "a.wav", np.zeros(22_050))
    entries = {each: store.entry(each) for each in (path, plain)}
    monkeypatch.setattr("asc_cli.frontend.index.RACY_NS", -(10**12))
    Index().put(entries.items())
    assert Index().get(path) == entries[path] and Index().get(plain) == entries[plain]
    assert "libavcodec" in media.version()
    monkeypatch.setattr(media, "version", lambda: "libavcodec 99.0.0")
    assert Index().get(path) is None and Index().get(plain) == entries[plain]
    assert store.entry(path).digest != entries[path].digest
    assert store.entry(plain).digest == entries[plain].digest


def test_a_folder_of_phone_recordings(tmp_path: Path, asc: Asc) -> None:
    registered("m")
    folder = tmp_path / "phone"
    folder.mkdir()
    sound = np.random.default_rng(0).normal(0, 0.1, (1, 96_000))
    paths = [encoded(folder / f"a.{kind}", sound) for kind in KINDS if kind != "amr"]
    assert inputs.find([str(folder)]) == sorted(paths)
    done = asc("predict", folder, "--csv", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    predicted = {p.file: p for p in workflow.predict(folder)}
    wav = write(tmp_path / "a.wav", sound[0], 48_000)
    [expected] = workflow.predict(wav)
    for path in paths:
        ours = np.array([*predicted[str(path)].scenes.values()])
        np.testing.assert_allclose(ours, [*expected.scenes.values()], atol=0.1)


@pytest.mark.campaign
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc on this system")
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Two hours of silence are a small file, whatever its header claims."""
    path = encoded(tmp_path / "long.m4a", np.zeros((1, 8_000 * 7_200)), 8_000)
    code = (
        "import re, sys; from pathlib import Path; from asc_cli.audio import decode\n"
        "n = sum(len(block) for block in decode.blocks(Path(sys.argv[1]), 22_050))\n"
        # of this process alone: ru_maxrss begins with that of the process that started it
        "status = Path('/proc/self/status').read_text()\n"
        "print(n, re.search(r'VmHWM:\\s+(\\d+)', status)[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, cwd=ROOT, check=True
    )
    n, kilobytes = map(int, done.stdout.split())
    assert n == pytest.approx(7_200 * 22_050, rel=1e-3) and kilobytes < 300_000
