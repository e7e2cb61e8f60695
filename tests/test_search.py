"""asc tune --trials: candidates drawn for each fold by its own inner scores."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from asc_cli.core import atomic
from asc_cli.core.errors import AscError
from asc_cli.recipe import candidates
from asc_cli.recipe.search_space import Range
from tests.conftest import SMALL, Asc
from tests.test_tune import fitting, parts_of

N = 11  # trials; Optuna draws the first 10 at random


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model.n_hidden=64..512", Range(64, 512, True, False)),
        ("model.n_hidden = 8..512:log", Range(8, 512, True, True)),
        ("training.learning_rate=1e-4..1e-2:log", Range(1e-4, 1e-2, False, True)),
        ("model.dropout=0..0.5", Range(0, 0.5, False, False)),
        ("x=-2..3", Range(-2, 3, True, False)),
    ],
)
def test_a_range(text: str, expected: Range) -> None:
    from asc_cli.recipe.search_space import read

    assert read(text)[1] == expected


@pytest.mark.parametrize(
    ("tries", "trials", "message"),
    [
        (["training.l2=0..1"], None, "training.l2: a range needs --trials N"),
        (["training.l2=0..1"], 1, "--trials 1: 2 or more were expected"),
        (["training.l2=1..0"], 5, "the first number must be below the second"),
        (["training.l2=0..nan"], 5, "the first number must be below the second"),
        (["training.l2=-inf..0"], 5, "the first number must be below the second"),
        (["training.l2=0..1:log"], 5, "numbers above 0 were expected"),
        (["training.l2=a..b"], 5, "a range is LOW..HIGH or LOW..HIGH:log"),
        (["training.l2=0..1..2"], 5, "a range is LOW..HIGH or LOW..HIGH:log"),
        (["model.n_hidden=0..8"], 5, "n_hidden"),
        (["model.n_hidden=8..16.5"], 5, "n_hidden"),
        (["model.attention=[],[tempral]"], 5, "tempral"),
        (["training.seed=0..5"], 5, "a seed is not chosen"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(
    tries: list[str], trials: int | None, message: str
) -> None:
    with pytest.raises(AscError, match=message):
        candidates.load("toy_lstm", tries, SMALL, trials)


def good(n_hidden: int, in_first: bool) -> float:
    """12 units are best in fold 1, 30 in the others."""
    return 1 - abs(n_hidden - (12 if in_first else 30)) / 40


def test_each_fold_is_searched_by_its_own_scores(
    asc: Asc, toy_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    fitted = fitting(monkeypatch, toy_root, good)
    words = ("tune", "toy_lstm", "--data", toy_root, "--jobs", 1, "--folds", "1,2", "--json")
    words = (*words, "--try", "model.classifier_hidden=2..40")
    done = asc(*words, "--trials", N)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    choice, run = result["choice"], Path(result["run"])
    tests = parts_of(toy_root)
    values = {c["candidate"]: c["values"] for c in choice["candidates"]}
    n_hidden = {k: int(v["model.classifier_hidden"]) for k, v in values.items()}
    # what judges for fold 1 is of the other folds, where 30 is best
    assert abs(n_hidden[choice["chosen"]["1"]] - 30) <= 4
    assert choice["trials"] == N and len(n_hidden) > N
    for task in fitted:
        if "tuning" in task.folder.parts:
            trained = {recording.file for recording, _ in task.train}
            assert sum(trained.isdisjoint(tested) for tested in tests.values()) == 2
    judged = {(s["candidate"], s["fold"]) for s in choice["scores"]}
    assert {f for _, f in judged} == {1, 2} and len(judged) >= len(n_hidden)
    # for use: those that are best for a fold, judged for both
    finalists = {s["candidate"] for s in choice["for_use_scores"]}
    assert finalists == set(choice["chosen"].values()) and choice["for_use"] in finalists
    judged_for_all = {c["candidate"] for c in choice["candidates"] if c["mean"] is not None}
    assert judged_for_all == finalists
    assert result["for_use"] == [f"model.classifier_hidden={n_hidden[choice['for_use']]}"]
    changed = {c["key"]: c["value"] for c in result["conditions"]["changed"]}
    assert changed["model.classifier_hidden"] == "chosen per fold of 2 to 40"
    page = (run / "report.html").read_text()
    assert f"{N} candidates were drawn for each fold" in page
    # the same command draws the same and trains nothing; more trials begin with these
    n_fitted = len(fitted)
    again = json.loads(asc(*words, "--trials", N).stdout)
    assert again["choice"] == choice == atomic.read_json(run / "choice.json")
    assert len(fitted) == n_fitted
    for path in run.parents[1].glob("tuning/*/fold01/predictions.csv"):
        path.unlink()  # as after a kill
    (run / "metrics.json").unlink()
    assert json.loads(asc(*words, "--trials", N).stdout)["choice"] == choice


@pytest.mark.campaign
def test_more_trials_begin_with_those_before(
    asc: Asc, toy_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    fitting(monkeypatch, toy_root, good)
    words = ("tune", "toy_lstm", "--data", toy_root, "--jobs", 1, "--folds", "2")
    words = (*words, "--try", "model.classifier_hidden=2..40")
    fewer = json.loads(asc(*words, "--json", "--trials", N).stdout)["choice"]["candidates"]
    more = json.loads(asc(*words, "--json", "--trials", N + 3).stdout)["choice"]["candidates"]
    assert [c["values"] for c in more][: len(fewer)] == [c["values"] for c in fewer]
    shown = asc(*words, "--trials", N).stdout
    assert f"{N} candidates were drawn for each fold" in shown and "for use" in shown


def test_without_optuna_it_says_how_to_add_it(
    toy_root: Path, asc: Asc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    words = ("tune", "toy_lstm", "--data", toy_root, "--try", "training.l2=0..1")
    done = asc(*words, "--trials", 3)
    assert done.returncode == 1 and "--trials: the extra `tune` is needed" in done.stderr


@pytest.mark.campaign
def test_drawing_with_two_processes_gives_the_same_bits(toy_root: Path, home: Path) -> None:
    from asc_cli import workflow

    pytest.importorskip("optuna")
    words = ["training.learning_rate=1e-4..1e-1:log"]
    options = {"data": toy_root, "folds": [1]}
    one = workflow.tune("toy_lstm", words, SMALL, 3, jobs=1, **options)
    for name in ("tuning", "runs"):
        (home / name).rename(home / f"first-{name}")
    two = workflow.tune("toy_lstm", words, SMALL, 3, jobs=2, **options)
    assert one.choice == two.choice
