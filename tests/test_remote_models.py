"""Models on the remote: pushed once per version, checked and trusted before they are registered."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import asc_cli
from asc_cli.core import remote
from asc_cli.core.code import Code
from asc_cli.core.errors import AscError
from asc_cli.registry import archive, models, remote_models
from tests.conftest import Asc, minimal_card, write
from tests.test_export import registered
from tests.test_remote import Broken, flip

Home = Callable[[str], None]


@pytest.fixture(autouse=True)
def shared(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(remote, "_remotes", {})
    monkeypatch.setattr(remote, "WAIT_S", 0.0)
    monkeypatch.setenv("ASC_REMOTE", (tmp_path / "shared").as_uri())
    return tmp_path / "shared"


def put(shared: Path, name: str, version: int) -> None:
    """Put the newest model of a name there, under any version."""
    target = shared / "models" / name / f"{version}.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    archive.export(name, target)


def with_code(name: str = "rooms") -> models.Model:
    registered("weights")
    mine = Code(
        "models", "mine", "here", (("models/mine.py", "def build(n_bands, n_scenes): ..."),)
    )
    card = {**minimal_card(), "code": [mine.described()]}
    return models.register(name, card, {1: models.find("weights").member(1)}, code=[mine])


def test_a_pulled_model_is_the_pushed_one(tmp_path: Path, at_home: Home, asc: Asc) -> None:
    clip = write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 40_000))
    registered("toy")
    registered("toy", temperature=2.0)
    assert asc("models", "push", "toy").stdout.startswith("toy@2 is on file://")
    there, [answer] = models.find("toy@2"), asc_cli.predict([clip], model="toy@2")
    weights = {path.name: path.read_bytes() for path in there.folder.glob("*.safetensors")}
    at_home("b")
    row = json.loads(asc("models", "pull", "toy", "--json").stdout)
    assert row["model"] == "toy@2" and row["transferred"] and row["remote"].startswith("file://")
    here = models.find("toy@2")
    assert {path.name: path.read_bytes() for path in here.folder.glob("*.safetensors")} == weights
    [same] = asc_cli.predict([clip], model="toy")
    assert same.to_dict() == answer.to_dict()
    assert registered("toy") == "toy@3"


def test_the_same_model_is_sent_once(at_home: Home, asc: Asc) -> None:
    registered("toy")
    assert asc("models", "push", "toy@1").returncode == 0
    assert asc("models", "push", "toy").stdout.startswith("toy@1 was there already, on file://")
    at_home("b")
    assert asc("models", "pull", "toy").stdout.startswith("toy@1 is from file://")
    assert asc("models", "pull", "toy@1").stdout.startswith("toy@1 was here already, as on file://")
    assert asc("models", "push", "toy").stdout.startswith("toy@1 was there already")
    assert [model.id for model in models.models()] == ["toy@1"]


def test_of_two_writers_of_one_version_one_wins(at_home: Home, shared: Path, asc: Asc) -> None:
    registered("toy")
    asc("models", "push", "toy")
    first = (shared / "models/toy/1.zip").read_bytes()
    at_home("b")
    registered("toy", temperature=2.0)
    done = asc("models", "push", "toy")
    assert done.returncode == 1 and not done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith("asc: push toy@1: file://")
    assert "has another model of that name and version, which stays" in line
    assert (shared / "models/toy/1.zip").read_bytes() == first


def test_writers_at_once(shared: Path) -> None:
    used = remote.configured()
    assert used is not None
    start, won = threading.Barrier(8), []

    def create(n: int) -> None:
        start.wait()
        if used.create("models/toy/1.zip", bytes([n]) * 100_000):
            won.append(n)

    threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = won
    assert (shared / "models/toy/1.zip").read_bytes() == bytes([winner]) * 100_000
    assert [path.name for path in (shared / "models/toy").iterdir()] == ["1.zip"]


def test_another_model_of_the_number_stays(at_home: Home, asc: Asc) -> None:
    registered("toy")
    asc("models", "push", "toy")
    at_home("b")
    registered("toy", temperature=2.0)
    assert asc("models", "pull", "toy@1").stdout.startswith("toy@2 is from file://")
    assert asc("models", "pull", "toy@1").stdout.startswith("toy@2 was here already")


def test_an_older_version_keeps_its_number(at_home: Home, shared: Path, asc: Asc) -> None:
    registered("toy")
    asc("models", "push", "toy")
    registered("toy", temperature=2.0)
    asc("models", "push", "toy")
    at_home("b")
    for version in (2, 1):
        assert asc("models", "pull", f"toy@{version}").stdout.startswith(f"toy@{version} is from")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9])
def test_a_flipped_byte_is_refused(at_home: Home, shared: Path, asc: Asc, share: float) -> None:
    registered("toy")
    asc("models", "push", "toy")
    path = shared / "models/toy/1.zip"
    flip(path, int(share * path.stat().st_size))
    at_home("b")
    done = asc("models", "pull", "toy")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("asc: file://") and "/models/toy/1.zip: " in line
    assert models.models() == [] and not [*models.paths.models().glob(".tmp-*")]


def test_a_model_under_anothers_name_is_refused(at_home: Home, shared: Path, asc: Asc) -> None:
    registered("toy")
    put(shared, "toy", 7)
    done = asc("models", "pull", "toy")
    assert done.returncode == 1 and "7.zip: holds the model toy@1; refused" in done.stderr


@pytest.mark.parametrize("reference", ["../x", "toy@../1", "toy@0", "toy@1.zip", "", "a/b", "@1"])
def test_a_name_is_no_path(reference: str, asc: Asc) -> None:
    done = asc("models", "pull", reference)
    assert done.returncode == 1 and "NAME or NAME@VERSION was expected" in done.stderr


def test_names_on_the_remote_are_no_paths(at_home: Home, shared: Path, asc: Asc) -> None:
    registered("toy")
    asc("models", "push", "toy")
    for name in ("x.zip", "9.zip.bak", "../9", "-1.zip", "0.zip"):
        (shared / "models/toy" / Path(name).name).write_bytes(b"x")
    (shared / "models" / "-evil").mkdir()
    at_home("b")
    assert asc("models", "pull", "toy").stdout.startswith("toy@1 is from")
    done = asc("models", "pull", "tony")
    assert "unknown model 'tony'; did you mean toy? Known: toy (file://" in done.stderr
    assert "has no version 3; it has 1" in asc("models", "pull", "toy@3").stderr


def test_code_is_shown_and_needs_trust(at_home: Home, asc: Asc) -> None:
    remote_models.push(with_code().id)
    at_home("b")
    done = asc("models", "pull", "rooms")
    assert done.returncode == 1 and models.models() == []
    assert "def build(n_bands, n_scenes): ..." in done.stderr
    assert "contains code that would run with your permissions: plugins/models/" in done.stderr
    assert "It is above; to allow it: asc models pull rooms@1 --trust-code" in done.stderr
    shown: list[str] = []
    assert remote_models.pull("rooms", trust_code=True, show=shown.append).model.id == "rooms@1"
    assert len(shown) == 1


def test_a_model_that_is_not_here_may_be_there(at_home: Home, asc: Asc) -> None:
    hint = "; the remote may have it: asc models pull toy"
    assert hint in asc("models", "show", "toy").stderr
    registered("rooms")
    assert hint in asc("models", "show", "toy").stderr
    assert "asc models pull rooms@2" in asc("models", "show", "rooms@2").stderr


def test_a_remote_to_write_to_is_needed(
    at_home: Home, asc: Asc, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered("toy")
    monkeypatch.setenv("ASC_REMOTE_READ_ONLY", "1")
    done = asc("models", "push", "toy")
    assert done.returncode == 1 and "ASC_REMOTE_READ_ONLY is set" in done.stderr
    monkeypatch.setenv("ASC_REMOTE", "")
    for verb in ("push", "pull"):
        done = asc("models", verb, "toy")
        assert done.returncode == 1 and f"{verb} toy: there is no remote; set ASC" in done.stderr


def test_a_remote_that_is_away_is_an_error_of_its_own_commands(
    at_home: Home, asc: Asc, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered("toy")
    broken = Broken(OSError("Could not connect"))
    monkeypatch.setattr(remote, "_open", lambda address, options: (broken, "x"))
    for verb in ("push", "pull"):
        done = asc("models", verb, "toy")
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert "does not answer (Could not connect)" in line


def test_a_removed_object_is_named(at_home: Home, shared: Path) -> None:
    registered("toy")
    remote_models.push("toy")
    used = remote.configured()
    assert used is not None
    (shared / "models/toy/1.zip").unlink()
    with pytest.raises(AscError, match="1.zip: was removed; try again"):
        remote_models._download(used, "toy", 1, shared)


def test_what_is_no_folder_of_a_model_is_not_listed(shared: Path, at_home: Home) -> None:
    registered("toy")
    remote_models.push("toy")
    shutil.copy(shared / "models/toy/1.zip", shared / "models/toy/x.zip")
    used = remote.configured()
    assert used is not None
    assert remote_models._version(used, "toy") == ("toy", "1")
