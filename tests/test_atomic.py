"""Files are whole or not there, forced onto the disk in the right order; a full disk is named."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from asc_cli.core import atomic, paths, tensors
from asc_cli.core.errors import AscError, refusal
from asc_cli.evaluation import predictions
from asc_cli.frontend import pack
from asc_cli.frontend.arrays import Arrays
from asc_cli.frontend.feature import resolve
from asc_cli.inference.journal import Journal, stamp
from asc_cli.registry import archive, models
from asc_cli.training import history
from tests.conftest import Asc, minimal_card, tone, write


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is synchronised and renamed, in order; with fsync on, unlike in other tests."""
    happened: list[str] = []
    fsync, rename = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        happened.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name[:5]}")
        fsync(descriptor)

    def replaced(source: Path, target: Path) -> None:
        happened.append(f"rename {Path(target).name}")
        rename(source, target)

    monkeypatch.setenv("ASC_FSYNC", "1")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    yield happened


on_linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names of descriptors")


@on_linux
def test_a_file_is_on_the_disk_before_its_name_and_its_name_before_the_end(
    tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    atomic.write_json(folder / "x.json", {})
    assert events == ["sync .tmp-", "rename x.json", "sync folde"]
    events.clear()
    tensors.save(folder / "x.safetensors", {"a": torch.ones(2)})
    assert events == ["sync .tmp-", "rename x.safetensors", "sync folde"]
    events.clear()
    atomic.write_json(folder / "x.json", {}, sync=False)
    assert events == ["rename x.json"]
    events.clear()
    monkeypatch.setenv("ASC_FSYNC", "0")
    atomic.write_json(folder / "x.json", {})
    assert events == ["rename x.json"]


@on_linux
def test_what_is_kept_is_forced_onto_the_disk_and_what_can_be_computed_again_is_not(
    tmp_path: Path, home: Path, events: list[str]
) -> None:
    row = predictions.Predictions(
        ("a",), ("f",), np.ones(1, int), np.zeros(1, int), ("",), ("",), np.ones((1, 1))
    )
    predictions.write(tmp_path / "predictions.csv", row)
    assert [event for event in events if "rename" not in event].count("sync .tmp-") == 2
    events.clear()
    path = write(tmp_path / "a.wav", tone(440, 0.1, 22_050))
    journal = Journal("key")
    journal.add([(path, stamp(path), {"error": "x"})])
    journal.add([(path, stamp(path), {"error": "x"})])
    assert [event[:7] for event in events] == [
        f"sync {journal.file.name[:5]}"[:7],
        "sync pr",
        f"sync {journal.file.name[:5]}"[:7],
    ]
    events.clear()
    feature = resolve("log_mel", 22_050, {})
    frames = np.zeros((3, 64), np.float32)
    Arrays(feature).save("a" * 64, frames)
    pack.write(paths.packs() / "p", [("a" * 64, frames)], {})
    history.write(tmp_path, ["epoch"], [["1"]])
    assert not [event for event in events if event.startswith("sync")]
    tensors.save(tmp_path / "w.safetensors", {"model.w": torch.ones(1)})
    events.clear()
    models.register("m", minimal_card(), {1: tmp_path / "w.safetensors"})
    assert {"sync fold0", "sync card.", "sync train"} <= set(events)
    assert events[-1] == "sync m"


# -- a full disk, and places that cannot be read or written --------------------------------------


class Full:
    """A disk that is full from the n-th write on."""

    def __init__(self, patch: pytest.MonkeyPatch, after: int = 0):
        self.calls, self.after = 0, after
        patch.setattr(Path, "open", self.opening(Path.open))

    def opening(self, real):  # type: ignore[no-untyped-def]
        def opened(path, mode="r", *args, **kwargs):  # type: ignore[no-untyped-def]
            if mode[0] in "wa":
                self.calls += 1
                if self.calls > self.after:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(path, mode, *args, **kwargs)

        return opened


@pytest.fixture
def registered(two_folds: Path, home: Path) -> Path:
    shutil.copytree(two_folds / "models", home / "models")
    return home / "models" / "toy_lstm"


@pytest.mark.parametrize("after", range(7))
def test_an_import_on_a_full_disk_names_a_file_and_leaves_nothing(
    registered: Path, tmp_path: Path, asc: Asc, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.export("toy_lstm", tmp_path / "m.zip")
    with monkeypatch.context() as patch:
        full = Full(patch, after)
        done = asc("models", "import", tmp_path / "m.zip")
    assert full.calls == after + 1
    assert done.returncode == 1 and "standard output" not in done.stderr
    assert "No space left on device; make room, and run the same command again" in done.stderr
    assert str(registered.parent) in done.stderr
    assert sorted(p.name for p in registered.parent.rglob("*") if p.name.startswith(".")) == []
    assert [model.id for model in models.models()] == ["toy_lstm@1"]


def test_a_model_is_removed_on_a_full_disk_and_its_number_is_not_used_again(
    registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.export("toy_lstm", tmp_path / "m.zip")
    assert archive.import_file(tmp_path / "m.zip").id == "toy_lstm@2"
    with monkeypatch.context() as patch:
        Full(patch)
        assert models.remove("toy_lstm@2").id == "toy_lstm@2"
    assert [model.id for model in models.models()] == ["toy_lstm@1"]
    assert [path.name for path in registered.iterdir() if path.name[0] == "."] == [".removed-2"]
    assert archive.import_file(tmp_path / "m.zip").id == "toy_lstm@3"
    models.remove("toy_lstm@3")
    assert (registered / "newest").read_text() == "3"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "No space left on device; make room, and run the same command again"),
        (errno.EDQUOT, "Disk quota exceeded; make room, and run the same command again"),
        (errno.EACCES, "Permission denied; may asc read and write there?"),
        (errno.EROFS, "Read-only file system; may asc read and write there?"),
        (errno.ENAMETOOLONG, "File name too long"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_remedy_is_named_where_it_is_one(number: int, text: str) -> None:
    assert refusal(OSError(number, os.strerror(number), "/x/y")) == f"/x/y: {text}"
    assert refusal(OSError(number, os.strerror(number), b"/x/\xff")).endswith(text)
    assert refusal(OSError(number, os.strerror(number)), "standard output").startswith("standard o")


@pytest.mark.parametrize("words", [("models", "list"), ("runs", "list"), ("predict", "x.wav")])
def test_a_home_that_is_a_file(
    tmp_path: Path, asc: Asc, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "file"))
    done = asc(*words)
    assert done.returncode == 1
    assert done.stderr == f"asc: {tmp_path / 'file'}: Not a directory; a folder was expected\n"


def test_folders_that_may_not_be_looked_into(
    registered: Path, tmp_path: Path, asc: Asc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as root, who may look into everything."""

    def closed(path: object = ".") -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    (tmp_path / "recordings").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", closed)
        for words in (["models", "list"], ["models", "show", "toy_lstm"], ["predict", "x.wav"]):
            done = asc(*words)
            assert done.returncode == 1
            assert "models: Permission denied; may asc read and write there?" in done.stderr
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", closed)
        done = asc("predict", tmp_path / "recordings")
    assert "recordings: cannot be opened (Permission denied)" in done.stderr


def test_a_name_that_is_too_long_stops_no_other_file(tmp_path: Path, asc: Asc) -> None:
    write(tmp_path / "good.wav", tone(440, 0.1, 22_050))
    (tmp_path / "t.csv").write_text(f"filename,label\n{'x' * 300}.wav,x\ngood.wav,y\n")
    done = asc("features", "--data", tmp_path / "t.csv", "--json")
    assert done.returncode == 3 and '"computed": 1' in done.stdout
    assert "cannot be opened (File name too long)" in done.stdout
    done = asc("datasets", "check", "table", "--data", tmp_path / "t.csv", "--json")
    assert '"missing file"' in done.stdout
    done = asc("predict", f"{'x' * 300}.wav", "--model", "none")
    assert done.returncode == 1 and "the disk" not in done.stderr


def test_an_array_on_a_full_disk_is_the_system_s_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("a device that is always full")
    with pytest.raises(OSError, match="No space left") as raised:
        pack.write_array(Path("/dev/full"), np.zeros(10_000, np.float32))
    assert raised.value.errno == errno.ENOSPC


def test_children_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert paths.children(tmp_path / "none") == []
    (tmp_path / "file").touch()
    with pytest.raises(AscError, match="file: Not a directory; a folder was expected"):
        paths.children(tmp_path / "file" / "models")
