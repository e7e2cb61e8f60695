"""Damaged, hostile and oddly named files: a sentence each, and never a traceback."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from asc_cli import workflow
from asc_cli.core import atomic, parallel
from asc_cli.core.errors import AscError, DamagedFile
from asc_cli.core.terminal import escaped
from asc_cli.frontend.feature import probe, resolve
from asc_cli.protocol.source import open_source
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from asc_cli.registry.runs import fold_folder
from tests.conftest import SMALL, Asc


@pytest.fixture
def home_with_a_run(two_folds: Path, home: Path) -> Path:
    """A copy of a home with toy_lstm@1; its run's folder."""
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    [run] = (home / "runs").iterdir()
    return run


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "\x00", "[" * 100_000])
def test_damaged_json_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DamagedFile, match=r"x\.json: is damaged .* run the command that wrote it"):
        atomic.read_json(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["metrics.json", "environment.json"])
@pytest.mark.parametrize("words", [["evaluate"], ["report"], ["compare"]])
def test_a_damaged_run_stops_with_its_name(
    home_with_a_run: Path, asc: Asc, name: str, words: list[str]
) -> None:
    (home_with_a_run / name).write_text('{"x":')
    runs = [home_with_a_run.name] * (2 if words == ["compare"] else 1)
    done = asc(*words, *runs)
    if done.returncode:  # what does not read the file answers
        assert done.stderr.startswith("asc: ") and f"{name}: is damaged" in done.stderr


@pytest.mark.campaign
def test_training_names_a_damaged_checkpoint(
    toy_root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = workflow.train(recipe.load("toy_lstm", SMALL), data=toy_root, folds=[1], jobs=1)
    folder = fold_folder(done.run, 1)
    for name in ("predictions.csv", "model.safetensors"):
        (folder / name).unlink()
    (done.run / "metrics.json").unlink()
    checkpoint = folder / "checkpoint.safetensors"
    whole = checkpoint.read_bytes()
    for damaged in (b"", whole[:100], b"\xff" * 8 + whole[8:]):
        checkpoint.write_bytes(damaged)
        with pytest.raises(
            AscError, match=r"checkpoint\.safetensors: is damaged .* remove the fol"
        ):
            workflow.train(recipe.load("toy_lstm", SMALL), data=toy_root, folds=[1], jobs=1)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("created", 2030, "created is no str"),
        ("recipe", None, "recipe is no dict"),
        ("labels", ["a", "a"], "two labels are the same"),
        ("labels", [None, None], "labels are no names"),
        ("labels", [], "labels are no names"),
        ("folds", "1234", "folds is no list"),
        ("folds", [1.5], "folds are no numbers"),
        ("name", 1, "name is no str"),
        ("dataset", "x", "dataset is no dict"),
    ],
)
def test_a_card_of_wrong_types_stops_no_other_model(
    home_with_a_run: Path, asc: Asc, key: str, value: object, message: str
) -> None:
    model = models.find("toy_lstm")
    other = model.folder.parent / "7"
    shutil.copytree(model.folder, other)
    (other / "card.yaml").write_text(yaml.safe_dump({**model.card, "version": 7, key: value}))
    with pytest.raises(AscError, match=message):
        models.read_card(other)
    assert models.find().id == "toy_lstm@1"
    done = asc("models", "list")
    assert "toy_lstm@1" in done.stdout and message in done.stderr


def test_a_version_file_that_holds_none(home_with_a_run: Path) -> None:
    (models.find("toy_lstm").folder.parent / "newest").write_text("x")
    with pytest.raises(AscError, match="newest: holds 'x', not the number of a version"):
        models.remove("toy_lstm@1")


def test_control_characters_reach_no_terminal(asc: Asc, tmp_path: Path) -> None:
    assert escaped("a\x1b[31m\r\x07b\nc") == "a\\x1b[31m\\r\\x07b\nc"
    for words in (["evaluate", "\x1b[31m.csv", "--dataset", "toy"], ["train", "\x1b]0;x\x07"]):
        done = asc(*words)
        assert done.returncode == 1 and "\x1b" not in done.stderr and "\x07" not in done.stderr


def test_the_remedy_can_be_pasted(
    home_with_a_run: Path, asc: Asc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)  # the extra `media` is not installed
    (tmp_path / "it's; touch PWNED; '.m4a").write_bytes(b"junk")
    done = asc("predict", str(tmp_path))
    assert """ffmpeg -i 'it'"'"'s; touch PWNED; '"'"'.m4a'""" in done.stderr


def test_loud_floats_are_refused_by_name(home_with_a_run: Path, asc: Asc, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(22_050) * 1e20
    soundfile.write(tmp_path / "l.wav", noise.astype("f4"), 22_050, subtype="FLOAT")
    done = asc("predict", str(tmp_path / "l.wav"), "--json")
    assert done.returncode == 3 and "its features are not finite; scale it down" in done.stdout
    assert "NaN" not in done.stdout


def test_a_name_with_nul_stops_no_other_file(tmp_path: Path, asc: Asc) -> None:
    soundfile.write(tmp_path / "good.wav", np.zeros(22_050, "f4"), 22_050)
    (tmp_path / "t.csv").write_bytes(b"filename,label\na\0.wav,x\ngood.wav,y\n")
    done = asc("features", "--data", str(tmp_path / "t.csv"), "--json")
    assert done.returncode == 3 and '"computed": 1' in done.stdout
    assert "no file has NUL in its name" in done.stdout


@pytest.mark.parametrize("name", ["my recipe", "küche", "..", "-x", "a;b"])
def test_a_recipe_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text("extends: toy_lstm\n")
    loaded = recipe.load(path)
    assert models.NAME.fullmatch(loaded.name)


def test_audio_on_both_sides_of_a_fold_is_refused(toy_root: Path, tmp_path: Path) -> None:
    data = tmp_path / "toy"
    shutil.copytree(toy_root, data)
    split = open_source("toy", data).listing.splits[0]
    shutil.copyfile(data / split.train[0], data / split.test[0])
    with pytest.raises(AscError, match=f"{split.test[0]} holds the same audio as {split.train[0]}"):
        workflow.train(recipe.load("toy_lstm", SMALL), data=data, folds=[1], jobs=1)


@pytest.mark.campaign
def test_a_worker_that_was_killed_is_a_sentence() -> None:
    with pytest.raises(AscError, match="a worker process was ended from outside.*--jobs 1"):
        list(parallel.map_unordered(_end, [(), (), ()], 2))


def _end() -> None:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("feature", ["log_mel", "mel", "mfcc"])
def test_bands_without_width_are_refused(feature: str):
    with pytest.raises(AscError, match="f_max_hz = 0: more than f_min_hz = 0 was expected"):
        probe(resolve(feature, 44_100, {"f_max_hz": 0.0}))
