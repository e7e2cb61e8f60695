"""The store serves what belongs to these bytes, these parameters and this code; never else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core import plugins as catalog
from asc_cli.core.errors import AscError, FileFault
from asc_cli.frontend import store
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


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """ctime cannot be set, so do not wait two seconds for it."""
    monkeypatch.setattr(store, "RACY_NS", 0)


def extract(folder: Path, *overrides: str, **more) -> workflow.Extraction:
    values = {"dataset": "table", "features": {"name": "log_mel"}, "model": {"name": "lstm"}}
    chosen = recipe.from_settings("test", values, ["features.sample_rate=22050", *overrides])
    return workflow.extract(chosen, data=folder, jobs=1, **more)


def counts(done: workflow.Extraction) -> tuple[int, int, int]:
    return done.computed, done.reused, len(done.failed)


def test_a_second_run_computes_nothing_and_reads_no_audio(folder: Path, monkeypatch):
    assert counts(extract(folder)) == (N, 0, 0)
    monkeypatch.setattr(store, "_hash", lambda path: pytest.fail(f"read {path} again"))
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
    served = store.load(done.feature, done.digests["park/0.wav"])
    np.testing.assert_array_equal(served, store.compute(done.feature, path))


def test_silence_over_a_recording_replaces_it(folder: Path):
    extract(folder)
    write(folder / "bus/1.wav", np.zeros(6615, "f4"))
    done = extract(folder)
    assert done.computed == 1
    assert np.allclose(store.load(done.feature, done.digests["bus/1.wav"]), np.log(1e-10))


def test_a_renamed_file_costs_nothing(folder: Path):
    extract(folder)
    (folder / "park/0.wav").rename(folder / "park/other name.wav")
    assert counts(extract(folder)) == (0, N, 0)


def test_other_parameters_are_other_arrays(folder: Path):
    extract(folder)
    done = extract(folder, "features.n_mels=128")
    assert counts(done) == (N, 0, 0)
    assert store.load(done.feature, done.digests["park/0.wav"]).shape[1] == 128
    assert counts(extract(folder)) == (0, N, 0)


def test_another_rate_is_another_array(folder: Path):
    extract(folder)
    assert counts(extract(folder, "features.sample_rate=16000")) == (N, 0, 0)


def test_newer_code_is_another_array(folder: Path, monkeypatch: pytest.MonkeyPatch):
    extract(folder)
    monkeypatch.setattr(catalog, "version", lambda name: 99)
    assert counts(extract(folder)) == (N, 0, 0)


def test_a_changed_default_is_another_array(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The key holds every parameter, not only those a recipe gives."""
    feature = store.resolve("log_mel", 22_050, {})
    parameters = {**feature.parameters, "f_min_hz": 20.0}
    changed = store.Feature("log_mel", 22_050, parameters, 1, feature.root)
    assert changed.key != feature.key
    assert store.resolve("log_mel", 22_050, {"f_min_hz": 0.0}).key == feature.key


def test_equal_bytes_are_stored_once(folder: Path):
    copy = folder / "bus/copy.wav"
    copy.write_bytes((folder / "park/0.wav").read_bytes())
    done = extract(folder)
    assert counts(done) == (N, 1, 0)
    assert len(list(done.feature.folder().glob("*/*.npy"))) == N


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


def test_verify_mends_a_damaged_array(folder: Path):
    done = extract(folder)
    target = done.feature.object(done.digests["park/0.wav"])
    target.write_bytes(target.read_bytes()[:300])
    assert counts(extract(folder, verify=True)) == (1, N - 1, 0)
    assert len(store.load(done.feature, done.digests["park/0.wav"]))


@pytest.mark.parametrize("damaged", [b"no array", b""])
def test_a_damaged_array_says_how_to_mend_it(folder: Path, damaged: bytes):
    done = extract(folder)
    digest = done.digests["park/0.wav"]
    done.feature.object(digest).write_bytes(damaged)
    with pytest.raises(AscError, match="cannot be read .* run asc features again with --verify"):
        store.load(done.feature, digest)


def test_a_deleted_array_is_computed_again(folder: Path):
    done = extract(folder)
    done.feature.object(done.digests["park/0.wav"]).unlink()
    assert counts(extract(folder)) == (1, N - 1, 0)


def test_a_damaged_index_only_costs_hashing(folder: Path, home: Path):
    extract(folder)
    for file in (home / "features/index").iterdir():
        file.write_text('{"files": [')
    assert counts(extract(folder)) == (0, N, 0)


def test_a_file_changed_a_moment_ago_is_not_trusted(folder: Path, monkeypatch):
    monkeypatch.setattr(store, "RACY_NS", 10**12)
    extract(folder)
    assert store.Index().get(folder / "park/0.wav") is None


def test_a_file_that_changes_while_it_is_read_is_refused(folder: Path, monkeypatch):
    feature = store.resolve("log_mel", 22_050, {})
    path = folder / "park/0.wav"
    real = store.compute

    def meddled(feature: store.Feature, path: Path) -> np.ndarray:
        frames = real(feature, path)
        write(path, tone(50, 0.5, 22_050))
        return frames

    monkeypatch.setattr(store, "compute", meddled)
    with pytest.raises(FileFault, match="changed while it was being read; run the command again"):
        store.ensure(feature, path)


def test_feature_json_tells_what_a_folder_holds(folder: Path):
    done = extract(folder)
    text = (done.feature.folder() / "feature.json").read_text()
    assert '"n_mels": 64' in text and '"sample_rate": 22050' in text


def test_worker_processes_make_the_same_arrays(folder: Path):
    chosen = recipe.load("toy_lstm", ["dataset=table"])
    two = workflow.extract(chosen, data=folder, jobs=2)
    assert counts(two) == (N, 0, 0)
    for file, digest in two.digests.items():
        np.testing.assert_array_equal(
            store.load(two.feature, digest), store.compute(two.feature, folder / file)
        )


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
