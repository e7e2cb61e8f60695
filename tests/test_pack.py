"""A pack gives the frames that were put in, refuses damaged ones, and is never changed."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from asc_cli.core.errors import AscError
from asc_cli.frontend import pack

RECORDINGS = {
    f"{i:064x}": np.random.default_rng(i).normal(size=(5 + i, 3)).astype(np.float32)
    for i in range(4)
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "packs" / "one"
    pack.write(target, RECORDINGS.items(), {"dataset": "toy"})
    return target


def test_every_recording_comes_back(folder: Path) -> None:
    opened = pack.load(folder)
    rows = opened.rows([*RECORDINGS])
    for row, frames in zip(rows, RECORDINGS.values(), strict=True):
        np.testing.assert_array_equal(opened.recording(row), frames)
    opened.require_intact(rows)
    assert opened.frames.shape == (5 + 6 + 7 + 8, 3)
    np.testing.assert_array_equal(np.load(folder / "frames.npy"), opened.frames)


def test_frames_are_mapped_and_read_only(folder: Path) -> None:
    frames = pack.load(folder).frames
    with pytest.raises(ValueError, match="read-only"):
        frames[0, 0] = 1


def test_every_changed_byte_is_found(folder: Path) -> None:
    """Of the frames by whoever uses them, of the table when the pack is opened."""
    for name in ("frames.npy", "table.npy"):
        path = folder / name
        audio = path.read_bytes()
        for position in range(0, len(audio), 7):
            path.write_bytes(
                audio[:position] + bytes([audio[position] ^ 4]) + audio[position + 1 :]
            )
            assert not pack.is_intact(folder) or np.array_equal(
                pack.load(folder).frames, np.concatenate([*RECORDINGS.values()])
            )
        path.write_bytes(audio)
    assert pack.is_intact(folder)


def test_only_the_recordings_asked_for_are_checked(folder: Path) -> None:
    path = folder / "frames.npy"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    opened = pack.load(folder)
    opened.require_intact([0, 1, 2])
    message = "1 of 2 recordings differ from their CRC-32.*Run asc features with --verify"
    with pytest.raises(AscError, match=message):
        opened.require_intact([2, 3])


@pytest.mark.parametrize("name", ["frames.npy", "table.npy", "pack.json"])
def test_a_file_that_is_cut_or_gone_is_refused_in_words(folder: Path, name: str) -> None:
    contents = (folder / name).read_bytes()
    (folder / name).write_bytes(contents[: len(contents) // 2])
    with pytest.raises(AscError, match="pack .*one: cannot be used"):
        pack.load(folder)
    (folder / name).unlink()
    with pytest.raises(AscError, match="pack .*one: cannot be used .*No such file"):
        pack.load(folder)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    uneven = [("a" * 64, np.ones((2, 3), "f4")), ("b" * 64, np.ones((2, 4), "f4"))]
    with pytest.raises(AscError, match="bbb: 4 bands where the others have 3; run asc features"):
        pack.write(tmp_path / "packs" / "uneven", uneven, {})
    assert not list((tmp_path / "packs").iterdir())


def test_a_full_disk_names_the_pack_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pack, "_header", full)
    with pytest.raises(OSError, match="No space left on device: '.*/packs/one'"):
        pack.write(tmp_path / "packs" / "one", RECORDINGS.items(), {})
    assert not list((tmp_path / "packs").iterdir())


def test_a_pack_that_is_there_stays(folder: Path) -> None:
    before = (folder / "frames.npy").stat().st_ino
    pack.write(folder, RECORDINGS.items(), {"dataset": "toy"})
    assert (folder / "frames.npy").stat().st_ino == before
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_a_removed_pack_stays_readable_where_it_is_mapped(folder: Path) -> None:
    opened = pack.load(folder)
    pack.remove(folder)
    assert not folder.exists() and not list(folder.parent.iterdir())
    assert opened.damaged(range(4)) == 0
