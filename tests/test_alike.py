"""Recordings of the same sound: copies, and parts of one recording; on noise, which is hardest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc_cli.frontend import fingerprint
from asc_cli.frontend.alike import alike
from asc_cli.protocol import places
from tests.conftest import tone, write

RATE = 22_050
SECONDS = 4.0


def noise(seed: int, seconds: float = SECONDS) -> np.ndarray:
    """A street: low noise whose level moves, nothing that is repeated."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    low = np.convolve(rng.normal(size=n + 7), np.ones(8) / 8, "valid")
    level = np.interp(np.arange(n), np.linspace(0, n, 9), rng.uniform(0.3, 1, 9))
    return (0.1 * level * low).astype("f4")


COPIES: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "quieter": lambda path, x: write(path.with_suffix(".wav"), 0.1 * x, RATE),
    "cut": lambda path, x: write(path.with_suffix(".wav"), x[7777:-3333], RATE),
    "coded": lambda path, x: write(path.with_suffix(".mp3"), x, RATE),
    "another rate": lambda path, x: write(path.with_suffix(".wav"), x[::2], RATE // 2),
    "a mixture": lambda path, x: write(path.with_suffix(".ogg"), 0.5 * x[9999:], RATE),
    "noisier": lambda path, x: write(path.with_suffix(".wav"), x + 0.1 * noise(99), RATE),
}


@pytest.mark.parametrize("kind", COPIES)
def test_each_kind_of_copy_is_noticed_and_nothing_else(kind: str, tmp_path: Path) -> None:
    files = {f"r{n}": write(tmp_path / f"r{n}.flac", noise(n), RATE) for n in range(6)}
    files["copy"] = COPIES[kind](tmp_path / "copy", noise(2))
    pairs, failed = alike(files)
    assert [(p.first, p.second, p.kind) for p in pairs] == [("r2", "copy", "overlap")]
    assert not failed
    offset = {"cut": 7777, "a mixture": 9999}.get(kind, 0) / RATE
    assert abs(pairs[0].offset_s + offset) < 0.03
    assert pairs[0].seconds == pytest.approx(SECONDS - offset - 0.27, abs=0.25)


def test_excerpts_that_overlap_are_noticed_and_those_that_only_touch_are_not(
    tmp_path: Path,
) -> None:
    x = noise(1, 9)
    cuts = {"a": x[: 3 * RATE], "b": x[2 * RATE : 5 * RATE], "c": x[5 * RATE :]}
    files = {name: write(tmp_path / f"{name}.wav", part, RATE) for name, part in cuts.items()}
    pairs, _ = alike(files)
    assert [(p.first, p.second) for p in pairs] == [("a", "b")]
    assert pairs[0].offset_s == pytest.approx(-2, abs=0.02)


def test_equal_samples_are_identical_however_short_or_silent(tmp_path: Path) -> None:
    files = {
        "a": write(tmp_path / "a.wav", noise(1, 0.05), RATE),
        "b": write(tmp_path / "b.flac", soundfile.read(tmp_path / "a.wav")[0], RATE),
        "silence": write(tmp_path / "s.wav", np.zeros(RATE, "f4"), RATE),
        "longer silence": write(tmp_path / "t.wav", np.zeros(2 * RATE, "f4"), RATE),
        "same silence": write(tmp_path / "u.wav", np.zeros(RATE, "f4"), RATE),
    }
    pairs, _ = alike(files)
    assert [(p.first, p.second, p.kind) for p in pairs] == [
        ("a", "b", "identical"),
        ("silence", "same silence", "identical"),
    ]


def test_tones_that_differ_are_not_the_same(tmp_path: Path) -> None:
    files = {
        str(hz): write(tmp_path / f"{hz}.wav", tone(hz, 3, RATE) + 0.1 * noise(hz, 3), RATE)
        for hz in (50, 60, 440, 450)
    }
    assert alike(files) == ([], [])


def test_an_unreadable_file_is_named_and_the_others_are_compared(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    files = {"a": write(tmp_path / "a.wav", noise(1), RATE), "bad": tmp_path / "bad.wav"}
    files["b"] = write(tmp_path / "b.wav", noise(1), RATE)
    pairs, failed = alike(files)
    assert [(p.first, p.second) for p in pairs] == [("a", "b")]
    assert [str(fault.path) for fault in failed] == ["bad"]


def test_a_long_recording_is_compared_by_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "MOST_WORDS", 100)
    blocks = [noise(n, 2) for n in range(4)]
    assert len(fingerprint.fingerprint(iter(blocks))) == 100


def test_words_that_everything_has_cost_nothing() -> None:
    rng = np.random.default_rng(0)
    words = {f"r{n}": rng.integers(1, 2**32, 200, np.uint32) for n in range(200)}
    for each in words.values():
        each[:100] = 7
    assert fingerprint.overlaps(words) == []
    assert fingerprint.overlaps({"a": np.zeros(0, np.uint32)}) == []


@pytest.mark.campaign
def test_the_sounds_of_esc10(esc10: Path) -> None:
    """Names tell all sources; sound tells two that were published under two numbers."""
    from asc_cli.protocol.source import open_source

    source = open_source("esc10", esc10)
    files = {r.file: source.path(r.file) for r in source.listing.recordings}
    pairs, failed = alike(files, jobs=1)
    assert not failed
    assert {(Path(p.first).stem, Path(p.second).stem) for p in pairs} == {
        ("3-151080-A", "5-151085-A"),
        ("2-28314-A", "2-30322-A"),
    }
    published = {r.file: Path(r.file).stem.rsplit("-", 1)[0] for r in source.listing.recordings}
    groups = places.group([*map(_ungrouped, source.listing.recordings)], None, 5).groups
    assert len(set(zip(groups.values(), published.values(), strict=True))) == len(
        set(published.values())
    )


def _ungrouped(recording: places.Recording) -> places.Recording:
    return places.Recording(recording.file, recording.label)
