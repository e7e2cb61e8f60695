"""What somebody new to asc meets: hints, the end of the demo, downloads, who answered."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asc_cli.cli import application, demo
from asc_cli.core import plugins as catalog
from asc_cli.core.errors import AscError
from asc_cli.datasets import Archive, toy
from asc_cli.recipe import load as recipe
from asc_cli.report.writers.predictions import Predictions
from tests.test_download import MD5, Server, server, url

__all__ = ["server"]  # a fixture


def asc(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(application(), [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("given", ["recordings.csv", "lists/mine.CSV", "scenes"])
def test_a_file_or_folder_where_a_dataset_s_name_is_expected(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenes").mkdir()
    (tmp_path / "recordings.csv").touch()
    for words in (("datasets", "check", given), ("features", "--dataset", given)):
        code, _, output = asc(*words)
        assert code == 1
        assert f"recordings of your own are `table`: table --data {given}" in output
    with pytest.raises(AscError, match=rf"own are `table`: dataset: table, data: {given}"):
        recipe.load("toy_lstm", [f"dataset={given}"])


def test_a_folder_hides_no_misspelt_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "esc11").mkdir()
    with pytest.raises(AscError, match="unknown dataset 'esc11'; did you mean esc10?"):
        catalog.require("datasets", "esc11")


def test_the_demo_runs_to_its_end(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "quick.yaml"
    recipe.write_text("extends: toy_lstm\ntraining: {epochs: 1}\nmodel: {n_hidden: 8}\n")
    for name, value in {"RECIPE": str(recipe), "RECORDINGS": 60, "SECONDS": 1.2}.items():
        monkeypatch.setattr(demo, name, value)
    code, output, errors = asc("demo", "--home", home)
    assert code == 0, errors
    for text in ("60 computed", "macro accuracy", "scene", "model: quick@1", "What next?"):
        assert text in output


def test_the_demo_s_last_lines_work_as_pasted(tmp_path: Path, home: Path) -> None:
    recording = tmp_path / "with space" / "a.wav"
    output = demo._next(recording)
    lines = [line.strip() for line in output.splitlines()]
    exports = [line for line in lines if line.startswith("export ")]
    assert f"export ASC_HOME={home}" in exports and f"asc predict '{recording}'" in lines
    script = "\n".join([*exports, "asc --version", "asc runs list", "echo $ASC_HOME"])
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ASC_")}
    done = subprocess.run(["bash", "-c", script], env=clean, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.splitlines()[-1] == str(home)


def test_the_demo_names_asc_where_the_shell_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "export PATH=" in demo._next(tmp_path / "a.wav")


def test_the_table_names_the_model_that_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {
        "scene": "bus",
        "probability": 1.0,
        "scenes": {"bus": 1.0},
        "duration_s": 1.0,
        "model": "mine@3",
    }
    with Predictions() as out:
        out.add({"file": "x.wav", **row})
    assert "model: mine@3" in capsys.readouterr().out
    with Predictions(csv_file=tmp_path / "a.csv") as out:
        out.add({"file": "x.wav", **row})
        out.add({"file": "y.wav", **row})
    assert "model: mine@3" in capsys.readouterr().out


@pytest.fixture
def downloadable(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    archives = (Archive(url(server), MD5),)
    monkeypatch.setattr(toy, "DATASET", replace(toy.DATASET, archives=archives))
    return server


def test_what_is_complete_is_not_downloaded(downloadable: Server, toy_root: Path) -> None:
    (toy_root / ".download").mkdir()
    code, output, _ = asc("datasets", "download", "toy", "--output", toy_root)
    assert code == 0 and "is complete, nothing was downloaded" in output
    assert f"asc datasets check toy --data {toy_root}" in output
    assert downloadable.ranges == [] and not (toy_root / ".download").exists()


def test_a_download_leaves_nothing_of_its_own(downloadable: Server, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()  # with nothing in it: not complete
    code, output, _ = asc("datasets", "download", "toy", "--output", tmp_path / "toy", "--json")
    assert code == 0 and '"downloaded": ["set.zip"]' in output
    assert sorted(path.name for path in (tmp_path / "toy").iterdir()) == ["audio", "meta.txt"]


def test_a_copy_that_lacks_a_recording_is_not_complete(
    downloadable: Server, tmp_path: Path
) -> None:
    toy.make(tmp_path / "toy", recordings=60, seconds=0.1)
    next((tmp_path / "toy/audio").glob("*.wav")).unlink()
    assert asc("datasets", "download", "toy", "--output", tmp_path / "toy")[0] == 0
    assert len(downloadable.ranges) == 1


@pytest.mark.parametrize("name", catalog.names("datasets"))
def test_how_to_get_a_dataset_names_the_command_that_does_it(name: str) -> None:
    published = catalog.load("datasets", name).DATASET
    command = f"asc datasets download {name}"
    assert (command in published.obtain) is bool(published.archives)
    if published.archives:
        assert command in " ".join(asc("datasets", "show", name)[1].split())
