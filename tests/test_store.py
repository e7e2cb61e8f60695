"""The store serves what belongs to these bytes, these parameters and this code; never else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from asc_cli import workflow
from asc_cli.core import parallel, plugins
from asc_cli.core.errors import AscError, FileFault
from asc_cli.frontend import fill, index, store
from asc_cli.frontend.arrays import Arrays
from asc_cli.frontend.feature import StoredFeature, resolve
from asc_cli.recipe import load as recipe
from tests.conftest import tone, write

N = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six recordings in two scenes, made long enough ago to be trusted by the index."""
    root = tmp_path / "data"
    for i in range(N):
        path = write(
            root / ("bus" if i % 2 else "park") / f"{i}.wav", tone(200 + 100 * i, 0.3, 22_050)
        )
        age(path)
    return root


def age(path: Path) -> None:
    os.utime(path, ns=(10**18, 10**18))


@pytest.fixture(autouse=True, params=["own file", "short"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to store an array: a file of its own, or a pack that short recordings share."""
    if request.param == "own file":
        monkeypatch.setattr(store, "SHORT_BYTES", 0)
    return request.param


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """ctime cannot be set, so do not wait two seconds for it."""
    monkeypatch.setattr(index, "RACY_NS", 0)


def extract(folder: Path, *overrides: str, **more) -> workflow.Extraction:
    values = {"dataset": "table", "features": {"name": "log_mel"}, "model": {"name": "lstm"}}
    chosen = recipe.from_settings("test", values, ["features.sample_rate=22050", *overrides])
    return workflow.extract(chosen, data=folder, jobs=1, **more)


def served(done: workflow.Extraction, digest: str) -> np.ndarray:
    return store.Stored(done.feature).load(digest)


def stored_file(done: workflow.Extraction, file: str) -> Path:
    """The file that holds the frames of a recording."""
    alone = Arrays(done.feature).find(done.digests[file])
    return alone or next(done.feature.folder.glob("short/*/frames.npy"))


def counts(done: workflow.Extraction) -> tuple[int, int, int]:
    return done.computed, done.reused, len(done.failed)


def computed(feature: StoredFeature, path: Path) -> np.ndarray:
    """What the store should hold: tasks run on one thread; on two, some BLAS adds otherwise."""
    with threadpool_limits(1):
        return store.compute(feature, path)


def test_a_second_run_computes_nothing_and_reads_no_audio(folder: Path, monkeypatch):
    assert counts(extract(folder)) == (N, 0, 0)
    monkeypatch.setattr(store, "_digest", lambda path: pytest.fail(f"read {path} again"))
    assert counts(extract(folder)) == (0, N, 0)


def test_an_overwritten_file_is_computed_again_and_only_that(folder: Path):
    extract(folder)
    path = folder / "park/0.wav"
    before = path.stat()
    write(path, tone(999, 0.3, 22_050))  # as long as it was
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # and it says it is as old
    assert path.stat().st_size == before.st_size
    done = extract(folder)
    assert counts(done) == (1, N - 1, 0)
    now = served(done, done.digests["park/0.wav"])
    np.testing.assert_array_equal(now, computed(done.feature, path))


def test_silence_over_a_recording_replaces_it(folder: Path):
    extract(folder)
    write(folder / "bus/1.wav", np.zeros(6615, "f4"))
    done = extract(folder)
    assert done.computed == 1
    assert np.allclose(served(done, done.digests["bus/1.wav"]), np.log(1e-10))


def test_a_renamed_file_costs_nothing(folder: Path):
    extract(folder)
    (folder / "park/0.wav").rename(folder / "park/other name.wav")
    assert counts(extract(folder)) == (0, N, 0)


def test_other_parameters_are_other_arrays(folder: Path):
    extract(folder)
    done = extract(folder, "features.n_mels=128")
    assert counts(done) == (N, 0, 0)
    assert served(done, done.digests["park/0.wav"]).shape[1] == 128
    assert counts(extract(folder)) == (0, N, 0)


def test_another_rate_is_another_array(folder: Path):
    extract(folder)
    assert counts(extract(folder, "features.sample_rate=16000")) == (N, 0, 0)


def test_newer_code_is_another_array(folder: Path, monkeypatch: pytest.MonkeyPatch):
    extract(folder)
    monkeypatch.setattr(plugins.Catalog, "version", lambda self, name: 99)
    assert counts(extract(folder)) == (N, 0, 0)


def test_a_changed_default_is_another_array(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The key holds every parameter, not only those a recipe gives."""
    feature = resolve("log_mel", 22_050, {})
    parameters = {**feature.parameters, "f_min_hz": 20.0}
    changed = StoredFeature("log_mel", 22_050, parameters, 1, feature.root)
    assert changed.key != feature.key
    assert resolve("log_mel", 22_050, {"f_min_hz": 0.0}).key == feature.key


def test_equal_bytes_are_stored_once(folder: Path):
    copy = folder / "bus/copy.wav"
    copy.write_bytes((folder / "park/0.wav").read_bytes())
    done = extract(folder)
    assert counts(done) == (N, 1, 0)
    tables = [np.load(path) for path in done.feature.folder.glob("short/*/table.npy")]
    alone = done.feature.folder.glob("[0-9a-f][0-9a-f]/*.npy")
    assert sum(map(len, tables)) + len(list(alone)) == N


def test_a_bad_file_is_named_and_the_others_go_on(folder: Path):
    (folder / "bus/bad.wav").write_bytes(b"RIFF no wave at all")
    (folder / "bus/empty.wav").touch()
    write(folder / "bus/short.wav", tone(440, 0.01, 22_050))
    done = extract(folder)
    assert counts(done) == (N, 0, 3)
    reasons = {fault.path: fault.reason for fault in done.failed}
    assert reasons["bus/empty.wav"] == "is empty (0 bytes)"
    assert reasons["bus/short.wav"].startswith("is 0.010 s long, shorter than one frame (1024 samp")
    assert "is not audio" in reasons["bus/bad.wav"]
    assert len(extract(folder).failed) == 3  # and again, never silently dropped


def test_verify_computes_a_damaged_array_again(folder: Path, form: str):
    done = extract(folder)
    target = stored_file(done, "park/0.wav")
    target.write_bytes(target.read_bytes()[:300])
    together = N if form == "short" else 1  # a damaged pack is removed whole
    assert counts(extract(folder, verify=True)) == (together, N - together, 0)
    assert len(served(done, done.digests["park/0.wav"]))


def test_verify_finds_one_changed_bit(folder: Path, form: str):
    done = extract(folder)
    target = stored_file(done, "park/0.wav")
    contents = bytearray(target.read_bytes())
    contents[-1] ^= 1
    target.write_bytes(contents)
    together = N if form == "short" else 1
    assert counts(extract(folder, verify=True)) == (together, N - together, 0)
    assert np.load(stored_file(done, "park/0.wav")).tobytes()[-1] != contents[-1]


@pytest.mark.parametrize("damaged", [b"no array", b""])
def test_a_damaged_array_names_the_remedy(folder: Path, damaged: bytes, form: str):
    done = extract(folder)
    stored_file(done, "park/0.wav").write_bytes(damaged)
    with pytest.raises(AscError, match="cannot be used .*[Rr]un asc features .*--verify"):
        served(done, done.digests["park/0.wav"])


def test_a_deleted_array_is_computed_again(folder: Path, form: str):
    done = extract(folder)
    if form == "short":
        shutil.rmtree(stored_file(done, "park/0.wav").parent)
        assert counts(extract(folder)) == (N, 0, 0)
    else:
        stored_file(done, "park/0.wav").unlink()
        assert counts(extract(folder)) == (1, N - 1, 0)


def test_a_damaged_index_only_costs_hashing(folder: Path, home: Path):
    extract(folder)
    for file in (home / "features/index").iterdir():
        file.write_text('{"files": [')
    assert index.read(folder / "park") == {}
    assert counts(extract(folder)) == (0, N, 0)


def test_a_file_changed_a_moment_ago_is_not_trusted(folder: Path, monkeypatch):
    monkeypatch.setattr(index, "RACY_NS", 10**12)
    extract(folder)
    assert index.Index().get(folder / "park/0.wav") is None


def test_a_file_that_changes_while_it_is_read_is_refused(folder: Path, monkeypatch):
    feature = resolve("log_mel", 22_050, {})
    path = folder / "park/0.wav"
    real = store._compute

    def meddled(feature: StoredFeature, path: Path) -> tuple[np.ndarray, float]:
        computed = real(feature, path)
        write(path, tone(50, 0.5, 22_050))
        return computed

    monkeypatch.setattr(store, "_compute", meddled)
    [fault] = store.ensure(store.Stored(feature), [path])
    assert isinstance(fault, FileFault)
    assert fault.reason == "changed while it was being read; run the command again"


def test_feature_json_describes_a_folder(folder: Path):
    done = extract(folder)
    text = (done.feature.folder / "feature.json").read_text()
    assert '"n_mels": 64' in text and '"sample_rate": 22050' in text


def test_a_few_files_start_no_worker_processes(folder: Path, monkeypatch: pytest.MonkeyPatch):
    requested = []
    real = parallel.map_unordered
    monkeypatch.setattr(
        parallel,
        "map_unordered",
        lambda f, tasks, jobs: requested.append(jobs) or real(f, tasks, 1),
    )
    chosen = recipe.load("toy_lstm", ["dataset=table"])
    workflow.extract(chosen, data=folder)
    workflow.extract(chosen, data=folder, jobs=2, verify=True)
    monkeypatch.setattr(fill, "FEW_BATCHES", 0)
    workflow.extract(chosen, data=folder, verify=True)
    assert requested == [1, 2, None]


def test_worker_processes_make_the_same_arrays(folder: Path):
    chosen = recipe.load("toy_lstm", ["dataset=table"])
    two = workflow.extract(chosen, data=folder, jobs=2)
    assert counts(two) == (N, 0, 0)
    for file, digest in two.digests.items():
        np.testing.assert_array_equal(served(two, digest), computed(two.feature, folder / file))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("features.hop_samples=0", "log_mel cannot be computed with .*'hop_samples': 0"),
        ("features.frame_samples=-5", "log_mel cannot be computed with .*'frame_samples': -5"),
        ("features.n_mels=0", "features: log_mel gives no bands with .*'n_mels': 0"),
    ],
)
def test_parameters_that_give_nothing_stop_before_any_file(
    folder: Path, override: str, message: str
):
    with pytest.raises(AscError, match=message):
        extract(folder, override)
