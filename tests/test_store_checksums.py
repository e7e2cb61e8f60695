"""Damaged arrays are found by `--verify`, and before training reads them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.audio import decoders
from asc_cli.core import paths
from asc_cli.core.errors import AscError
from asc_cli.frontend import arrays, index, pack, store, usage
from asc_cli.frontend.arrays import Arrays
from asc_cli.frontend.feature import of_card, resolve
from asc_cli.recipe import load as recipe
from tests.conftest import tone, write

N = 4
Damage = Callable[[Path, Path], object]  # of one array's file, with that of another


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Recordings of equal length in two scenes; each array has a file of its own."""
    monkeypatch.setattr(store, "SHORT_BYTES", 0)
    monkeypatch.setattr(index, "RACY_NS", 0)
    for i in range(N):
        path = tmp_path / "data" / ("bus" if i % 2 else "park") / f"{i}.wav"
        write(path, tone(200 + 100 * i, 0.3, 22_050))
        os.utime(path, ns=(10**18, 10**18))
    return tmp_path / "data"


def extract(folder: Path, verify: bool = False) -> workflow.Extraction:
    values = {"dataset": "table", "features": {"name": "log_mel"}, "model": {"name": "lstm"}}
    chosen = recipe.from_settings("test", values, ["features.sample_rate=22050"])
    return workflow.extract(chosen, data=folder, jobs=1, verify=verify)


def file_of(done: workflow.Extraction, name: str) -> Path:
    path = Arrays(done.feature).find(done.digests[name])
    assert path is not None
    return path


def all_frames(done: workflow.Extraction) -> list[np.ndarray]:
    stored = store.Stored(done.feature)
    return [stored.load(digest) for digest in done.digests.values()]


def flip(path: Path, other: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[-397] ^= 32
    path.write_bytes(contents)


def lose_frames(path: Path, other: Path) -> None:
    np.save(path, np.load(path)[:-2])


def double(path: Path, other: Path) -> None:
    np.save(path, np.load(path).astype(np.float64))


def lose_bands(path: Path, other: Path) -> None:
    np.save(path, np.load(path)[:, :7])


def cut(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def swap(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)


DAMAGES = [flip, lose_frames, double, lose_bands, cut, swap]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("old", [False, True], ids=["checked", "of 0.1"])
def test_verify_mends(folder: Path, damage: Damage, old: bool) -> None:
    done = extract(folder)
    whole = all_frames(done)
    if old:
        without_checksums(done)
    damage(file_of(done, "park/0.wav"), file_of(done, "bus/1.wav"))
    again = extract(folder, verify=True)
    assert (again.computed, again.reused) == (1, N - 1)
    assert all(map(np.array_equal, all_frames(again), whole))
    assert all(arrays.checksum_in(file_of(again, name)) for name in again.digests)
    again = extract(folder, verify=True)
    assert (again.computed, again.reused) == (0, N)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_pack_is_not_built_of_damaged_arrays(folder: Path, damage: Damage) -> None:
    done = extract(folder)
    damage(file_of(done, "park/0.wav"), file_of(done, "bus/1.wav"))
    with pytest.raises(AscError, match=r"feature store: .*\.npy cannot be used .*with --verify"):
        store.pack(done.feature, [*done.digests.values()], "table")
    assert not list(paths.packs().glob("*"))


@pytest.mark.parametrize("damage", [double, lose_bands])
def test_dtype_and_bands_are_checked_without_a_checksum(folder: Path, damage: Damage) -> None:
    done = extract(folder)
    without_checksums(done)
    damage(file_of(done, "park/0.wav"), file_of(done, "bus/1.wav"))
    with pytest.raises(AscError, match="float64|7 bands, not 64"):
        all_frames(done)


def without_checksums(done: workflow.Extraction) -> None:
    """Name the arrays as 0.1.0 did."""
    for name, digest in done.digests.items():
        path = file_of(done, name)
        path.rename(path.with_name(f"{digest[2:]}.npy"))


def test_arrays_of_0_1_are_read(folder: Path) -> None:
    done = extract(folder)
    whole = all_frames(done)
    without_checksums(done)
    again = extract(folder)
    assert (again.computed, again.reused) == (0, N)
    assert all(map(np.array_equal, all_frames(again), whole))
    assert arrays.checksum_in(file_of(again, "park/0.wav")) is None


def test_packs_of_damaged_arrays_are_removed(folder: Path) -> None:
    """A pack that was made of an array before its damage was found has the same damage."""
    done = extract(folder)
    without_checksums(done)
    flip(file_of(done, "park/0.wav"), Path())
    digests = [*done.digests.values()]
    bad, good = store.pack(done.feature, digests, "t"), store.pack(done.feature, digests[1:2], "t")
    frames = pack.load(bad).frames.copy()
    assert done.digests["park/0.wav"] not in pack.load(good).row_of
    extract(folder, verify=True)
    assert not bad.exists() and good.exists()
    store.pack(done.feature, digests, "t")
    assert not np.array_equal(pack.load(bad).frames, frames)


def test_an_array_of_another_feature_is_found(folder: Path) -> None:
    """Though it has as many bands, and brings its checksum along."""
    done = extract(folder)
    other = resolve("log_mel", 22_050, {"f_min_hz": 100.0})
    path = file_of(done, "park/0.wav")
    target = other.folder / path.relative_to(done.feature.folder)
    target.parent.mkdir(parents=True)
    shutil.copyfile(path, target)
    with pytest.raises(AscError, match="differs from its checksum"):
        Arrays(other).load(done.digests["park/0.wav"])


def test_a_pack_of_another_feature_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHORT_BYTES", 1 << 20)
    done = extract(folder)
    other = resolve("log_mel", 22_050, {"f_min_hz": 100.0})
    shutil.copytree(done.feature.folder / "short", other.folder / "short")
    with pytest.raises(AscError, match="cannot be used .it is of another feature"):
        store.Stored(other).load(done.digests["park/0.wav"])
    store.remove_damaged_packs(other)
    assert not list((other.folder / "short").iterdir())


def test_a_pack_without_a_recording_is_a_sentence(folder: Path) -> None:
    done = extract(folder)
    opened = pack.load(store.pack(done.feature, [done.digests["park/0.wav"]], "table"))
    with pytest.raises(AscError, match="pack .*cannot be used .recording '.*' is not in it"):
        opened.rows([done.digests["bus/1.wav"]])


# -- files that changed places -------------------------------------------------------------------


def twins(root: Path) -> tuple[Path, Path]:
    """Two files of one size, written within one tick of the clock as far as stat can tell."""
    paths_ = root / "A" / "s.wav", root / "B" / "s.wav"
    for i, path in enumerate(paths_):
        write(path, tone(300 + 200 * i, 0.3, 22_050))
        os.utime(path, ns=(10**18, 10**18))
    return paths_


def test_two_folders_that_changed_places_are_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "RACY_NS", 0)
    a, b = twins(tmp_path / "data")
    done = extract(tmp_path / "data")
    entries = {path: index.Index().get(path) for path in (a, b)}
    same_times = {path: entry.ctime_ns for path, entry in entries.items() if entry}
    for path in (a, b):  # ctime cannot be set: let the index say that both have that of the first
        entry = entries[path]
        assert entry is not None
        changed = {**vars(entry), "ctime_ns": same_times[a]}
        index.append(path.parent, {path.name: index.Entry(**changed)})
    stamps = [index.read(path.parent)["s.wav"] for path in (a, b)]
    assert (stamps[0].size, stamps[0].ctime_ns) == (stamps[1].size, stamps[1].ctime_ns)
    for source, target in (("A", "T"), ("B", "A"), ("T", "B")):
        (tmp_path / "data" / source).rename(tmp_path / "data" / target)
    swapped = extract(tmp_path / "data").digests
    assert swapped == {"A/s.wav": done.digests["B/s.wav"], "B/s.wav": done.digests["A/s.wav"]}


def test_rows_without_an_inode_are_hashed_again_and_keep_their_arrays(folder: Path) -> None:
    done = extract(folder)
    path = folder / "park/0.wav"
    entry = index.Index().get(path)
    assert entry is not None and entry.inode == path.stat().st_ino
    old = index.Entry(**{**vars(entry), "inode": None})
    index.append(path.parent, {path.name: old})
    assert index.Index().get(path) is None and old.may_describe(path)
    assert not usage.scan()[1], "an array is not removed because its recording was not hashed again"
    assert extract(folder).reused == len(done.digests)
    again = index.Index().get(path)
    assert again is not None and again.inode == path.stat().st_ino


# -- versions of the decoders --------------------------------------------------------------------


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {**decoders.ORIGINAL, "libsndfile": "9.9"}
    monkeypatch.setattr(decoders, "versions", lambda: versions)


def test_another_libsndfile_is_another_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "versions", lambda: decoders.ORIGINAL)
    before = extract(folder)
    assert before.feature.key == before.feature.key_of_0_1
    monkeypatch.setattr(decoders, "versions", lambda: {**decoders.ORIGINAL, "libsndfile": "9.9"})
    after = extract(folder)
    assert (after.computed, after.feature.key_of_0_1) == (N, before.feature.key)
    assert after.feature.description()["audio"]["libsndfile"] == "9.9"
    reasons = {row.reason for row in usage.scan(without="none")[1]}
    assert reasons == {"libsndfile 1.2.2 then, 9.9 now"}


def test_a_card_without_versions_means_those_of_0_1(newer: None) -> None:
    described = {
        "name": "log_mel",
        "version": resolve("log_mel", 16_000, {}).version,
        "parameters": {},
        "audio": {
            "sample_rate": 16_000,
            "decoding": "libsndfile float32, mean of channels, soxr HQ",
        },
    }
    feature = of_card(described, resolve("log_mel", 16_000, {}).catalog)
    assert feature.parameters["n_mels"] == 64
    [remark] = decoders.remarks(described)
    assert "libsndfile 1.2.2 then, 9.9 now" in remark
    audio = {**described["audio"], "libsndfile": "9.9"}
    assert decoders.remarks({**described, "audio": audio}) == []
    assert decoders.remarks({"name": "shards"}) == []
    with pytest.raises(AscError, match="was trained on log_mel version 0 .*computes version"):
        of_card({**described, "version": 0}, feature.catalog)


def test_a_parameter_that_was_added_changes_no_key_and_no_card(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = resolve("log_mel", 16_000, {})
    cls = before.catalog.feature_class("log_mel")
    monkeypatch.setattr(cls, "ADDED", {"f_min_hz": 0.0}, raising=False)
    now = resolve("log_mel", 16_000, {})
    assert "f_min_hz" not in now.description()["parameters"]
    assert resolve("log_mel", 16_000, {"f_min_hz": 50.0}).description()["parameters"]["f_min_hz"]
    monkeypatch.setattr(cls, "ADDED", {"f_min_hz": 20.0})
    described = {**before.description(), "parameters": {"n_mels": 40}}
    assert of_card(described, before.catalog).parameters["f_min_hz"] == 20.0
