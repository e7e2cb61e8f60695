"""What version 0.1.0 wrote is read: a home with features, runs and models, and a model's zip.

0.1.0.zip holds them, see make_home.py. Everything here goes through the command line and the
formats that docs/reference/formats.md describes, so that it is independent of the code's layout.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from asc_cli.cli import application
from asc_cli.registry import models
from tests.golden import recordings
from tests.golden.make_home import KILLED, PREDICTED
from tests.golden.training import RECIPES, probabilities

pytestmark = pytest.mark.usefixtures("full_reports")

ARCHIVE = Path(__file__).parent / "0.1.0.zip"
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, unpacked, and the recordings that its home was made from, in audio/."""
    folder = tmp_path_factory.mktemp("0.1.0")
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    recordings.make(folder / "audio")
    return folder


@pytest.fixture(autouse=True)
def old_home(old: Path, home: Path) -> Path:
    """$ASC_HOME is a copy of 0.1.0's for each test."""
    shutil.copytree(old / "home", home)
    return home


def asc(*arguments: object) -> str:
    done = CliRunner().invoke(application(), [str(argument) for argument in arguments])
    assert done.exit_code == 0, f"{done.stderr}\n{done.exception!r}"
    return done.stdout


def run_of(home: Path, name: str) -> Path:
    (run,) = (home / "runs").glob(f"{name}-*")
    return run


def arrays(home: Path) -> dict[str, tuple[int, int]]:
    """Every stored array with what changes when it is written again."""
    paths = (home / "features").rglob("*.npy")
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def same_probabilities(written: bytes, expected: bytes) -> None:
    (names_, output), (expected_named, target) = probabilities(written), probabilities(expected)
    assert names_ == expected_named
    np.testing.assert_allclose(output, target, rtol=0, atol=TOLERANCE)


def test_stored_features_are_reused(old: Path, home: Path) -> None:
    """The audio lies elsewhere now, so it is hashed again; no array is computed again."""
    before = arrays(home)
    assert len(before) == 48
    for name in ("ta", "gmm"):
        at = ("--data", old / "audio/recordings.csv", "--json")
        output = json.loads(asc("features", "--recipe", RECIPES / f"{name}.yaml", *at))
        assert (output["recordings"], output["computed"], output["failed"]) == (24, 0, [])
        assert output["reused"] == 24
    after = arrays(home)
    assert {path: after[path] for path in before} == before


@pytest.mark.parametrize("name", ["ta", "gmm"])
def test_a_finished_run_is_evaluated(name: str, home: Path) -> None:
    run = run_of(home, name)
    scored = json.loads((run / "metrics.json").read_text())
    for reference in (run, run.name, name):
        assert metrics(asc("evaluate", reference, "--json")) == metrics(json.dumps(scored))


def metrics(text: str) -> dict[str, Any]:
    """The figures that do not depend on which version adds more of them."""
    output = json.loads(text)
    names = ("accuracy", "macro_accuracy", "pooled_accuracy", "macro_f1", "log_loss", "ece")
    return {name: pytest.approx(output[name], abs=TOLERANCE) for name in names} | {
        "folds": [
            (fold["fold"], pytest.approx(fold["accuracy"], abs=TOLERANCE))
            for fold in output["folds"]
        ]
    }


def test_finished_runs_are_compared(home: Path) -> None:
    output = json.loads(asc("compare", run_of(home, "ta"), run_of(home, "gmm"), "--json"))
    assert "ta" in json.dumps(output) and "gmm" in json.dumps(output)


def test_a_finished_run_is_reported(home: Path, tmp_path: Path) -> None:
    page = tmp_path / "again.html"
    asc("report", run_of(home, "ta"), "--output", page)
    text = page.read_text()
    assert "Golden: temporal attention" in text and "factory" in text


def test_registered_models_are_listed_and_shown(home: Path) -> None:
    listed = [row["model"] for row in json.loads(asc("models", "list", "--json"))]
    assert sorted(listed) == ["gmm@1", "ta@1"]
    card = json.loads(asc("models", "show", "ta", "--json"))
    assert card["labels"] == ["factory", "park", "street"]
    assert card["folds"] == [1, 2] and card["run"] == run_of(home, "ta").name
    assert "Golden: temporal attention" in asc("models", "show", "ta")
    assert len(models.find("ta").training_files()) == 24


def test_a_registered_model_predicts_what_it_did(old: Path) -> None:
    predicts_as_recorded(old, "ta@1")


def predicts_as_recorded(old: Path, model: str) -> None:
    paths = [old / "audio" / name for name in PREDICTED]
    lines = asc("predict", "--model", model, "--json", "--jobs", "1", *paths).splitlines()
    output = {Path(row["file"]).name: row for row in map(json.loads, lines)}
    for row in map(json.loads, (old / "predict.jsonl").read_text().splitlines()):
        now = output.pop(row["file"])
        assert (now["scene"], now["model"]) == (row["scene"], model)
        assert now["scenes"] == pytest.approx(row["scenes"], rel=0, abs=TOLERANCE)
    assert not output


def test_an_exported_model_is_imported(old: Path, home: Path) -> None:
    shutil.rmtree(home)
    asc("models", "import", old / "model.zip")
    predicts_as_recorded(old, "ta@1")
    assert len(models.find("ta@1").training_files()) == 24
    again = home / "again.zip"
    asc("models", "export", "ta", again)
    with zipfile.ZipFile(again) as now, zipfile.ZipFile(old / "model.zip") as before:
        weights = [name for name in before.namelist() if name.endswith(".safetensors")]
        assert len(weights) == 2
        assert [now.read(name) for name in weights] == [before.read(name) for name in weights]


def test_a_killed_run_s_command_ends_with_the_predictions_it_would_have_had(
    old: Path, home: Path
) -> None:
    """Whether the newer version goes on in the run's folder or begins another."""
    recipe, *settings = KILLED
    assert not list(run_of(home, "lstm").glob("fold*/predictions.csv"))
    at = ("--data", old / "audio/recordings.csv", "--jobs", "1", "--json")
    output = json.loads(asc("train", RECIPES / recipe, *settings, *at))
    written = (Path(output["run"]) / "predictions.csv").read_bytes()
    same_probabilities(written, (old / "lstm.csv").read_bytes())


@pytest.mark.parametrize("name", ["ta", "gmm"])
def test_a_finished_run_s_predictions_can_be_scored_by_themselves(
    name: str, old: Path, home: Path
) -> None:
    same_probabilities(
        (run_of(home, name) / "predictions.csv").read_bytes(), (old / f"{name}.csv").read_bytes()
    )
    table = old / "audio/recordings.csv"
    output = asc("evaluate", run_of(home, name) / "predictions.csv", "--data", table, "--json")
    scored = json.loads((run_of(home, name) / "metrics.json").read_text())
    assert json.loads(output)["accuracy"] == pytest.approx(scored["accuracy"], abs=TOLERANCE)
