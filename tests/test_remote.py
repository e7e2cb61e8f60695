"""A shared remote: features and packs are computed in one home, and used in another."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asc_cli import workflow
from asc_cli.core import remote
from asc_cli.core.errors import AscError
from asc_cli.frontend import index, remote_features, store
from asc_cli.recipe import load as recipe
from tests.conftest import ROOT, Asc, tone, write

N = 6
Home = Callable[[str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six recordings in two scenes."""
    root = tmp_path / "data"
    for i in range(N):
        scene = "bus" if i % 2 else "park"
        path = write(root / scene / f"{i}.wav", tone(200 + 100 * i, 0.3, 22_050))
        os.utime(path, ns=(10**18, 10**18))
    return root


@pytest.fixture(autouse=True, params=["own file", "short"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which a home stores an array."""
    if request.param == "own file":
        monkeypatch.setattr(store, "SHORT_BYTES", 0)
    return request.param


@pytest.fixture(autouse=True)
def shared(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A remote that is a folder; the memory of remotes that are away is of one test."""
    monkeypatch.setattr(index, "RACY_NS", 0)
    monkeypatch.setattr(remote, "_remotes", {})
    monkeypatch.setenv("ASC_REMOTE", (tmp_path / "shared").as_uri())
    return tmp_path / "shared"


def extract(folder: Path, **more: bool) -> workflow.Extraction:
    values = {"dataset": "table", "features": {"name": "log_mel"}, "model": {"name": "lstm"}}
    chosen = recipe.from_settings("test", values, ["features.sample_rate=22050"])
    return workflow.extract(chosen, data=folder, jobs=1, **more)


def counts(done: workflow.Extraction) -> tuple[int, int, int]:
    return done.computed, done.reused, done.fetched


def frames(done: workflow.Extraction) -> list[bytes]:
    stored = store.Stored(done.feature)
    return [stored.load(digest).tobytes() for digest in done.digests.values()]


def bundles(shared: Path) -> list[Path]:
    return sorted(shared.glob("features/*/*-*"))


def flip(path: Path, position: int) -> None:
    contents = bytearray(path.read_bytes())
    contents[position] ^= 1
    path.write_bytes(contents)


def test_another_home_computes_nothing(folder: Path, at_home: Home) -> None:
    first = extract(folder)
    at_home("b")
    second = extract(folder)
    assert (counts(first), counts(second)) == ((N, 0, 0), (0, N, N))
    assert frames(first) == frames(second)
    assert first.audio_digests == second.audio_digests
    assert first.audio_seconds == second.audio_seconds
    assert counts(extract(folder)) == (0, N, 0)  # now it has them


def test_only_what_is_new_is_computed_and_put(folder: Path, at_home: Home, shared: Path) -> None:
    extract(folder)
    at_home("b")
    write(folder / "bus" / "new.wav", tone(900, 0.3, 22_050))
    assert counts(extract(folder)) == (1, N, N)
    assert len(bundles(shared)) == 2
    at_home("c")
    assert counts(extract(folder)) == (0, N + 1, N + 1)


def test_bundles_are_cut_by_size(
    folder: Path, at_home: Home, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_features, "BUNDLE_RECORDINGS", 2)
    monkeypatch.setattr(remote_features, "FLIGHT_BYTES", 1)
    extract(folder)
    assert len(bundles(shared)) == 3
    at_home("b")
    assert counts(extract(folder)) == (0, N, N)


def test_the_same_put_twice_is_one_object(
    folder: Path, at_home: Home, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(folder)
    before = bundles(shared)
    at_home("b")
    with monkeypatch.context() as patch:  # as if both had begun at once
        patch.setattr(remote_features, "fetch", lambda *_: {})
        assert counts(extract(folder)) == (N, 0, 0)
    assert bundles(shared) == before


def test_a_flipped_byte_is_never_served(
    folder: Path, at_home: Home, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = frames(extract(folder))
    [bundle] = bundles(shared)
    flip(bundle, -1)
    at_home("b")
    second = extract(folder)
    assert counts(second) == (1, N - 1, N - 1)
    assert frames(second) == expected
    [line] = capsys.readouterr().err.splitlines()
    assert "features of 1 recordings differ from their checksum" in line
    at_home("c")  # what was computed again is there too
    third = extract(folder)
    assert counts(third) == (0, N, N)
    assert frames(third) == expected


@pytest.mark.parametrize("position", [0, 40, 300])
def test_a_flipped_byte_of_a_table_is_found(
    folder: Path,
    at_home: Home,
    shared: Path,
    position: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    extract(folder)
    flip(bundles(shared)[0], position)
    at_home("b")
    assert counts(extract(folder)) == (N, 0, 0)
    [line] = capsys.readouterr().err.splitlines()
    assert "is not used, its table is damaged (it differs from the checksum in its name)" in line


def test_a_hostile_table_is_refused(folder: Path, at_home: Home, shared: Path) -> None:
    """Its checksum is right, its rows are none."""
    feature = extract(folder).feature
    for rows in ([["../../x", 1, "y", "z", 1]], [[None] * 5], [1], 7, [["a" * 64] * 5]):
        table = json.dumps({"bands": 40, "recordings": rows}).encode()
        name = f"{hashlib.sha256(table).hexdigest()[:32]}-{len(table)}"
        (shared / remote_features.folder_of(feature) / name).write_bytes(table)
    (shared / remote_features.folder_of(feature) / "nothing-of-ours").write_bytes(b"x")
    at_home("b")
    assert counts(extract(folder)) == (0, N, N)


def test_read_only_takes_and_puts_nothing(
    folder: Path, at_home: Home, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASC_REMOTE_READ_ONLY", "1")
    extract(folder)
    assert not shared.exists()
    monkeypatch.setenv("ASC_REMOTE_READ_ONLY", "0")
    at_home("b")
    extract(folder)
    monkeypatch.setenv("ASC_REMOTE_READ_ONLY", "1")
    at_home("c")
    assert counts(extract(folder)) == (0, N, N)


def pack(done: workflow.Extraction) -> Path:
    return store.pack(done.feature, [*done.digests.values()], "table")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_another_home_uses_the_pack(
    folder: Path, at_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pack(extract(folder))
    at_home("b")
    done = extract(folder)
    monkeypatch.setattr(store.packs, "write", None)  # nothing is packed here
    assert contents(pack(done)) == contents(first)


@pytest.mark.parametrize("file", ["frames.npy", "table.npy", "pack.json"])
def test_a_damaged_pack_is_written_here(
    folder: Path, at_home: Home, shared: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = pack(extract(folder))
    [damaged] = shared.glob(f"packs/*/*/{file}")
    flip(damaged, -10)
    at_home("b")
    second = pack(extract(folder))
    assert contents(second) == contents(first)
    [line] = capsys.readouterr().err.splitlines()
    assert "is damaged; the pack is written here" in line


def test_a_pack_that_is_not_complete_is_not_used(folder: Path, at_home: Home, shared: Path) -> None:
    pack(extract(folder))
    next(shared.glob("packs/*/*/pack.json")).unlink()
    at_home("b")
    pack(extract(folder))
    assert len([*shared.glob("packs/*/*/*")]) == 3  # put again


def test_verify_puts_what_the_home_had(
    folder: Path, at_home: Home, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASC_REMOTE_READ_ONLY", "1")
    extract(folder)
    monkeypatch.delenv("ASC_REMOTE_READ_ONLY")
    at_home("a")
    assert counts(extract(folder)) == (0, N, 0) and not bundles(shared)
    assert counts(extract(folder, verify=True)) == (0, N, 0)
    before = bundles(shared)
    write(folder / "bus" / "new.wav", tone(900, 0.3, 22_050))
    extract(folder)
    extract(folder, verify=True)  # the remote has all
    assert len(before) == 1 and len(bundles(shared)) == 2
    at_home("b")
    assert counts(extract(folder)) == (0, N + 1, N + 1)


# -- a remote that is away ------------------------------------------------------------------------


class Broken:
    """A file system of which nothing works."""

    protocol = "broken"

    def __init__(self, fault: Exception) -> None:
        self.fault = fault
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*_: object, **__: object) -> None:
            self.calls += 1
            raise self.fault

        return call


@pytest.mark.parametrize(
    ("fault", "calls", "reason"),
    [
        (OSError("Could not connect\nto http://x"), 4, "does not answer (Could not connect to"),
        (PermissionError("Access Denied"), 1, "may not be used (Access Denied)"),
        (RuntimeError(), 4, "does not answer (RuntimeError)"),
    ],
)
def test_a_remote_that_is_away_costs_one_line(
    folder: Path,
    at_home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: Exception,
    calls: int,
    reason: str,
) -> None:
    broken = Broken(fault)
    monkeypatch.setattr(remote, "WAIT_S", 0.0)
    monkeypatch.setattr(remote, "_open", lambda address, options: (broken, "x"))
    done = extract(folder)
    assert counts(done) == (N, 0, 0)
    pack(done)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("asc: remote file://") and reason in line
    assert line.endswith("; this command goes on without it")
    assert broken.calls == calls  # and no more after that


def test_a_remote_that_stops_midway(
    folder: Path, at_home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remote_features, "BUNDLE_RECORDINGS", 2)
    monkeypatch.setattr(remote_features, "FLIGHT_BYTES", 1)
    monkeypatch.setattr(remote, "WAIT_S", 0.0)
    expected = frames(extract(folder))
    at_home("b")
    read, n_frames = remote.Remote.read, []

    def ends(self: remote.Remote, path: str, start: int, end: int) -> bytes | None:
        if start:
            n_frames.append(path)
            if len(n_frames) > 1:
                monkeypatch.setattr(self, "_files", Broken(OSError("reset")))
        return read(self, path, start, end)

    monkeypatch.setattr(remote.Remote, "read", ends)
    second = extract(folder)
    assert counts(second) == (4, 2, 2)
    assert frames(second) == expected
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_passing_fault_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "WAIT_S", 0.0)
    used = remote.configured()
    assert used is not None
    outcomes: Iterator[object] = iter([OSError("503"), OSError("reset"), b"x"])

    def answer(*_: object, **__: object) -> object:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(used._files, "cat_file", answer)
    assert used.read("a") == b"x"


def test_few_threads_at_once_and_results_in_order() -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def work(n: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01 * (n % 3))
        with lock:
            now[0] -= 1
        return n * n

    assert [*remote.in_threads(work, range(30))] == [n * n for n in range(30)]
    assert 2 <= most[0] <= remote.THREADS
    with pytest.raises(ZeroDivisionError):
        list(remote.in_threads(lambda n: 1 // n, [1, 0]))


def test_what_takes_long_to_send_is_said(
    folder: Path, at_home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remote_features, "QUIET_S", 0.01)
    write_there = remote.Remote.write

    def slow(self: remote.Remote, path: str, contents: bytes) -> None:
        time.sleep(0.1)
        write_there(self, path, contents)

    monkeypatch.setattr(remote.Remote, "write", slow)
    extract(folder)
    assert "asc: features are being sent to the remote" in capsys.readouterr().err
    at_home("b")
    assert counts(extract(folder)) == (0, N, N)


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "options", "message"),
    [
        ("bucket", "", "ASC_REMOTE 'bucket': an address such as s3://bucket/prefix was expected"),
        ("s3://", "", "ASC_REMOTE 's3://': an address such as s3://bucket/prefix was expected"),
        ("nix://a/b", "", "ASC_REMOTE nix://…: Protocol not known: nix"),
        ("file:///a", "[1]", "ASC_REMOTE_OPTIONS: a JSON object was expected"),
        ("file:///a", "{", "ASC_REMOTE_OPTIONS: a JSON object was expected"),
    ],
)
def test_wrong_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, address: str, options: str, message: str
) -> None:
    monkeypatch.setenv("ASC_REMOTE", address)
    monkeypatch.setenv("ASC_REMOTE_OPTIONS", options)
    with pytest.raises(AscError) as fault:
        remote.configured()
    assert str(fault.value).startswith(message)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setenv("ASC_REMOTE", "s3://bucket/prefix")
    with pytest.raises(AscError, match=r"ASC_REMOTE: the extra `remote` is needed \(.*s3fs"):
        remote.configured()


def test_a_password_in_an_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_open", lambda address, options: (Broken(OSError()), "x"))
    monkeypatch.setenv("ASC_REMOTE", "sftp://me:secret@host/asc/")
    used = remote.configured()
    assert used is not None and used.address == "sftp://host/asc"


def test_nothing_of_it_is_imported_unless_it_is_set(folder: Path, at_home: Home) -> None:
    script = (
        "import sys\nfrom tests.test_remote import extract\nfrom pathlib import Path\n"
        f"extract(Path({str(folder)!r}))\n"
        "print([m for m in ('fsspec', 's3fs', 'botocore') if m in sys.modules])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("ASC_REMOTE")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout == "[]\n"


def test_the_store_names_the_remote(asc: Asc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASC_REMOTE", "sftp://me:secret@host/asc/")
    assert "shared with the remote sftp://host/asc\n" in asc("store", "show").stdout
    monkeypatch.delenv("ASC_REMOTE")
    assert "remote" not in asc("store", "show").stdout
