"""How well recordings of none of the scenes are rejected: by hand, and of a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core.errors import AscError
from asc_cli.evaluation.rejection import auroc, rejection
from asc_cli.recipe import load as recipes
from asc_cli.registry import models
from tests.conftest import SMALL, Asc, tone, write
from tests.test_unknown import SETTINGS, model, with_statistics

__all__ = ["model", "with_statistics"]  # fixtures


@pytest.fixture
def run(model: models.Model, with_statistics: Path, home: Path) -> str:
    shutil.copytree(with_statistics / "runs", home / "runs")
    return "toy_lstm"


@pytest.fixture
def office(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "office").mkdir()
    write(tmp_path / "office/silence.wav", np.zeros(22_050))
    write(tmp_path / "office/noise.wav", 0.1 * rng.standard_normal(22_050))
    return tmp_path / "office"


def test_shares_and_the_curve_by_hand() -> None:
    inside, outside = np.array([0.1, 0.2, 0.3, 1.5]), np.array([[0.2, 2.0], [0.4, 3.0]])
    assert auroc(inside, outside[0]) == pytest.approx((1.5 / 4 + 1) / 2)
    own = rejection(inside, ["a", "a", "b", "b"], outside)
    assert (own.recordings, own.others, own.drawn) == (4, 2, "groups")
    assert own.auroc == pytest.approx((1.5 + 4 + 3 + 4) / 16)
    assert own.rejected == 0.5 and own.stay == 0.75
    assert own.curve[-1] == (1.0, 0.5) and own.curve[0] == (0.5, 0.75)
    assert own.rejected_interval is not None and own.rejected_interval[0] <= 0.5
    assert json.loads(json.dumps(own.to_dict()))["curve"][-1] == [1.0, 0.5]


def test_intervals_of_shares_that_are_all_the_same_are_exact() -> None:
    own = rejection(np.zeros(10), [""] * 10, np.full((1, 20), 2.0))
    assert own.stay_interval == pytest.approx((0.025 ** (1 / 10), 1))
    assert own.rejected_interval == pytest.approx((0.025 ** (1 / 20), 1))
    alone = rejection(np.zeros(10), [""] * 10, np.zeros((2, 0)))
    assert alone.auroc is alone.rejected is None and alone.curve == ()


def test_a_run_shows_how_many_of_its_recordings_stay(run: str, home: Path, asc: Asc) -> None:
    result = json.loads(asc("evaluate", run, "--json").stdout)["unknown"]
    [folder] = (home / "runs").iterdir()
    scores = [
        score
        for fold in ("fold01", "fold02")
        for score in json.loads((folder / fold / "unknown.json").read_text())["scores"].values()
    ]
    assert result["stay"] == pytest.approx(np.mean(np.array(scores) <= 1))
    assert result["auroc"] is None and result["others"] == 0
    assert "None of the scenes" in (folder / "report.html").read_text()


def test_scores_of_the_fold_are_those_of_a_prediction(run: str, home: Path, toy_root: Path) -> None:
    [folder] = (home / "runs").iterdir()
    scores = json.loads((folder / "fold01/unknown.json").read_text())["scores"]
    from asc_cli import load_model

    one = load_model("toy_lstm", fold=1, unknown=True)
    for file in [*scores][:3]:
        [prediction] = one.predict_files([toy_root / file])
        assert prediction.unknown_score == pytest.approx(scores[file], rel=1e-3)


def test_others_are_scored_by_every_member(run: str, office: Path, home: Path, asc: Asc) -> None:
    result = json.loads(asc("evaluate", run, "--unknown", office, "--json").stdout)["unknown"]
    assert result["others"] == 2 and result["rejected"] == 1.0
    assert result["auroc"] > 0.9 and result["curve"]
    assert "AUROC" in asc("evaluate", run, "--unknown", office).stdout
    asc("report", run, "--unknown", office)
    [folder] = (home / "runs").iterdir()
    page = (folder / "report.html").read_text()
    assert 'id="rejection-figure"' in page and "AUROC" in page


def test_recordings_of_the_run_are_refused(
    run: str, office: Path, toy_root: Path, asc: Asc
) -> None:
    [file, *_] = (toy_root / "evaluation_setup/fold1_test.txt").read_text().split()
    shutil.copy(toy_root / file, office / "park.wav")
    result = asc("evaluate", run, "--unknown", office)
    assert result.returncode and "1 of 3 recordings took part in the run" in result.stderr


def test_a_file_that_cannot_be_read_is_named(run: str, office: Path, asc: Asc) -> None:
    (office / "bad.wav").write_bytes(b"no audio")
    result = asc("evaluate", run, "--unknown", office)
    assert result.returncode and "bad.wav" in result.stderr


def test_negatives_took_part(toy_root: Path, tmp_path: Path, home: Path, asc: Asc) -> None:
    (tmp_path / "negatives").mkdir()
    write(tmp_path / "negatives/300.wav", tone(300, 1.5, 22_050))
    own = f"evaluation.unknown.negatives={tmp_path / 'negatives'}"
    recipe = recipes.load("toy_lstm", [*SMALL, *SETTINGS, own])
    workflow.train(recipe, data=toy_root, folds=[1], jobs=1)
    result = asc("evaluate", "toy_lstm", "--unknown", tmp_path / "negatives")
    assert result.returncode and "took part in the run" in result.stderr


def test_a_run_without_statistics_says_how_to_get_them(
    two_folds: Path, home: Path, office: Path, asc: Asc
) -> None:
    shutil.copytree(two_folds / "models", home / "models")
    shutil.copytree(two_folds / "runs", home / "runs")
    result = asc("evaluate", "toy_lstm", "--unknown", office)
    assert result.returncode
    assert "has no scores of its test recordings; train it with" in " ".join(result.stderr.split())
    assert "unknown" not in json.loads(asc("evaluate", "toy_lstm", "--json").stdout)


def test_what_has_no_test_recordings_of_its_own_is_refused(office: Path) -> None:
    with pytest.raises(AscError, match="--unknown: of a run"):
        workflow.evaluate("toy_lstm", dataset="toy", unknown=office)
    with pytest.raises(AscError, match="for the page of one run"):
        workflow.report([office, office], unknown=office)
