"""asc evaluate RUN RUN --mean: probabilities averaged over runs of the same recordings."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asc_cli.core import atomic
from asc_cli.core.errors import AscError
from asc_cli.evaluation import predictions
from asc_cli.evaluation.predictions import Predictions
from asc_cli.inference.mean import evaluate_mean
from asc_cli.registry.runs import find_run
from tests.conftest import Asc


def rows(files: str, probabilities: list[list[float]], scenes: tuple[str, ...] = ("a", "b")):
    n = len(files)
    return Predictions(
        scenes,
        tuple(files),
        np.ones(n, int),
        np.array([scenes.index("a")] * n),
        ("",) * n,
        ("",) * n,
        np.array(probabilities),
    )


def test_a_weighted_mean_in_the_first_one_s_order() -> None:
    first = rows("xy", [[1.0, 0.0], [0.5, 0.5]])
    other = rows("yx", [[0.9, 0.1], [0.4, 0.6]], ("b", "a"))  # scenes and files in another order
    mean = predictions.average([first, other], [3.0, 1.0])
    assert mean.scenes == ("a", "b") and mean.files == ("x", "y")
    assert mean.probabilities == pytest.approx(np.array([[0.9, 0.1], [0.4, 0.6]]))


@pytest.mark.parametrize("other", [rows("xz", [[1, 0]] * 2), rows("x", [[1, 0]])])
def test_other_recordings_are_refused(other: Predictions) -> None:
    with pytest.raises(AscError, match="not of the same scenes, recordings, folds"):
        predictions.average([rows("xy", [[1, 0]] * 2), other], [1, 1])


@pytest.fixture
def runs(four_variants: Path, home: Path) -> Path:
    shutil.copytree(four_variants, home, dirs_exist_ok=True)
    return home


def test_the_mean_is_scored_like_a_run(asc: Asc, runs: Path) -> None:
    shown = asc("evaluate", "toy_lstm", "toy_ta", "--mean", "--weights", "3,1", "--json")
    result = json.loads(shown.stdout)
    both = [predictions.read(find_run(name) / "predictions.csv") for name in ("toy_lstm", "toy_ta")]
    mean = (3 * both[0].probabilities + both[1].probabilities) / 4
    assert result["accuracy"] == np.mean(mean.argmax(axis=1) == both[0].labels)
    assert [Path(run).name.partition("-")[0] for run in result["runs"]] == ["toy_lstm", "toy_ta"]
    assert result["weights"] == [3, 1] and result["remarks"][-1]["code"] == "weights"
    (summary,) = [t for t in result["conditions"]["summary"] if t.startswith("mean of 2 runs: toy")]
    assert "(weight 3)" in summary and not any(
        "seed" in text or "not shipped" in text for text in result["conditions"]["summary"]
    )
    table = asc("evaluate", "toy_lstm", "toy_ta", "toy_sa", "--mean").stdout
    assert "mean of 3 runs: toy_lstm-" in table and "confusion" in table


def test_a_run_with_itself_scores_as_the_run(runs: Path) -> None:
    folder = find_run("toy_lstm")
    shutil.copytree(folder, copy := folder.with_name("toy_lstm-copy"))
    mean, own = evaluate_mean([folder, copy]), evaluate_mean([folder, "toy_ta"])
    metrics = json.loads((copy / "metrics.json").read_text())
    assert mean["log_loss"] == pytest.approx(metrics["log_loss"], abs=1e-12)
    assert own["log_loss"] != mean["log_loss"]


def test_what_is_no_mean_of_one_protocol_is_refused(asc: Asc, runs: Path) -> None:
    other = find_run("toy_ta")
    metrics = atomic.read_json(other / "metrics.json")
    for key, value, difference in [
        ("fingerprint", "0" * 16, "other "),
        ("dataset", "esc10", r"another dataset \(esc10, not toy\)"),
    ]:
        conditions = {**metrics["conditions"], key: value}
        atomic.write_json(other / "metrics.json", {**metrics, "conditions": conditions})
        with pytest.raises(AscError, match=f"--mean: toy_ta-.* of toy_lstm-.*: {difference}"):
            evaluate_mean(["toy_lstm", "toy_ta"])
    for words, message in [
        (("toy_lstm", "--mean"), "two runs or more were expected"),
        (("toy_lstm", "toy_lstm", "--mean"), "is there more than once"),
        (("toy_lstm", "toy_sa"), "--mean averages several runs; asc compare"),
        (("toy_lstm", "--weights", "1"), "--weights 1: goes with --mean"),
        (("toy_lstm", "toy_sa", "--mean", "--weights", "1"), "--weights 1: 2 numbers above 0"),
        (("toy_lstm", "toy_sa", "--mean", "--weights", "1,0"), "--weights 1,0: 2 numbers above 0"),
        (("toy_lstm", "toy_sa", "--mean", "--weights", "1,x"), "numbers such as 2,1"),
        (("toy_lstm", "toy_sa", "--mean", "--dataset", "toy"), "averages finished runs, without"),
    ]:
        done = asc("evaluate", *words)
        assert done.returncode == 1 and message in done.stderr, (words, done.stderr)


def test_the_fewest_validation_recordings_count(runs: Path) -> None:
    other = find_run("toy_ta")
    metrics = atomic.read_json(other / "metrics.json")
    conditions = metrics["conditions"]
    conditions["folds"][0]["validated"] = 3
    atomic.write_json(other / "metrics.json", {**metrics, "conditions": conditions})
    mean = evaluate_mean(["toy_lstm", "toy_ta"])
    assert mean.scores.conditions == replace(mean.scores.conditions, seed=None, recipe=None)
    assert "few-validation-recordings" in [remark.code for remark in mean.scores.remarks]
