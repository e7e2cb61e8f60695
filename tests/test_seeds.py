"""asc train --seeds: a run per seed, each as if trained alone; mean and standard deviation."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path

import pytest

from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipes
from asc_cli.recipe import seeds
from asc_cli.training.result import Training
from asc_cli.training.seeds import SeedTrainings
from asc_cli.workflow import _train
from tests.conftest import Asc, settings


def test_each_recipe_is_that_of_the_seed_alone() -> None:
    loaded = seeds.load("toy_lstm", [3, 1], ["training.epochs=2"])
    alone = recipes.load("toy_lstm", ["training.epochs=2", "training.seed=3"])
    assert loaded[0].settings == alone.settings and loaded[0].signature() == alone.signature()
    assert [recipe.training.seed for recipe in loaded] == [3, 1]


@pytest.mark.parametrize("override", ["training.seed=3", " training . seed = 3"])
def test_two_ways_to_set_the_seed_are_refused(override: str) -> None:
    with pytest.raises(AscError, match=r"--seeds and --set .*both set the seed"):
        seeds.load("toy_lstm", [0, 1], [override])


def test_a_seed_twice_is_refused() -> None:
    with pytest.raises(AscError, match="seed 1 is there more than once"):
        seeds.load("toy_lstm", [0, 1, 1])


def training(accuracy: float, **more: object) -> Training:
    figures = {"headline": "accuracy", "accuracy": accuracy, "error": 1 - accuracy, **more}
    return Training(Path("runs/a-1"), "a@1", figures, 2.0)


def test_mean_and_sample_deviation() -> None:
    row = SeedTrainings(
        (0, 4, 5), (training(0.5), training(0.7, log_loss=1.0), training(0.9))
    ).to_dict()
    assert [run["seed"] for run in row["runs"]] == [0, 4, 5]
    assert row["mean"] == pytest.approx({"accuracy": 0.7, "error": 0.3})
    assert row["standard_deviation"]["accuracy"] == pytest.approx(0.2)
    assert SeedTrainings((0,), (training(0.5),)).to_dict()["standard_deviation"] == {
        "accuracy": None,
        "error": None,
    }


def test_one_command_shows_all_seeds(asc: Asc, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []

    def train(recipe: recipes.Recipe, **options: object) -> Training:
        trained.append(recipe.training.seed)
        return training(0.5 + 0.1 * recipe.training.seed)

    monkeypatch.setattr(_train, "train", train)
    done = asc("train", "toy_lstm", "--seeds", "0-1")
    assert done.stderr == "seed 0\nseed 1\n" and trained == [0, 1]
    assert re.search(r"accuracy.*: 55\.0 % ± 7\.1 %", done.stdout), done.stdout
    assert "--seeds x: numbers such as" in asc("train", "toy_lstm", "--seeds", "x").stderr
    refused = asc("train", "toy_lstm", "--seeds", "0-1", "--set", "training.seed=1")
    assert refused.returncode == 1 and "both set the seed" in refused.stderr


@pytest.mark.campaign
def test_one_command_trains_a_run_per_seed(asc: Asc, toy_root: Path) -> None:
    words = ("train", "toy_lstm", "--data", toy_root, "--folds", 1, "--jobs", 1)
    words = (*words, *settings("training.epochs=1"))
    done = json.loads(asc(*words, "--seeds", "0-1", "--json").stdout)
    values = [run["accuracy"] for run in done["runs"]]
    assert done["mean"]["accuracy"] == pytest.approx(statistics.fmean(values))
    assert len({run["run"] for run in done["runs"]}) == 2
    alone = json.loads(asc(*words, "--set", "training.seed=1", "--json").stdout)
    assert alone["run"] == done["runs"][1]["run"] and alone["wall_seconds"] < 1  # finished before
