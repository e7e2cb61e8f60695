"""Members for recording devices: how they are trained, which recordings they classify, and that
none starts from weights that know the test."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from asc_cli import workflow
from asc_cli.core import paths
from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.evaluation import predictions
from asc_cli.inference import ensemble
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from asc_cli.training import fine_tuning
from tests.conftest import SMALL, Once
from tests.datasets import shaped

TUNED = (
    *(*SMALL, "dataset=table", "features.sample_rate=22050"),
    *("fine_tune.epochs=2", "fine_tune.learning_rate=0.01"),
)
SEEN = ["a", "b", "c", "s1"]


@pytest.fixture(scope="module")
def phones(once: Once) -> Path:
    return once("phones", lambda folder: shaped.make_phones(folder)) / "table.csv"


@pytest.fixture(scope="module")
def tuned(once: Once, phones: Path) -> Path:
    """A home with toy_lstm@1: general and for four devices, one fold."""

    def make(home: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ASC_HOME", str(home))
            train(phones)

    return once("tuned", make)


@pytest.fixture
def own(home: Path, tuned: Path) -> Path:
    """A copy of that home."""
    shutil.copytree(tuned, home, dirs_exist_ok=True)
    return home


def train(table: Path, *more: str, name: str = "toy_lstm", jobs: int = 1) -> object:
    return workflow.train(recipe.load(name, [*TUNED, *more]), data=table, jobs=jobs)


def test_recordings_are_classified_by_the_network_of_their_device() -> None:
    rows = tuple((Recording(f"{i}", "x", recording_device=d), f"{i}") for i, d in enumerate("ab?a"))

    def score(network: int, own: tuple) -> np.ndarray:
        return np.array([[network, int(recording.file)] for recording, _ in own])

    scores = fine_tuning.routed(0, {"a": 1, "b": 2}, rows, score)
    assert scores.tolist() == [[1, 0], [2, 1], [0, 2], [1, 3]]


def test_a_member_for_each_device_of_the_training_part(own: Path, phones: Path) -> None:
    model = models.find("toy_lstm")
    assert model.card["devices"] == SEEN
    [run] = paths.runs().iterdir()
    general = predictions.read(run / "fold01" / "general.csv")
    routed = predictions.read(run / "predictions.csv")
    for device in [*SEEN, shaped.UNSEEN]:
        rows = np.array(general.devices) == device
        same = np.array_equal(general.probabilities[rows], routed.probabilities[rows])
        assert same == (device == shaped.UNSEEN)
    weights = {d: ensemble.load(model, 1, d).members[0].network.state_dict() for d in SEEN}
    general_weights = ensemble.load(model, 1).members[0].network.state_dict()
    unseen = ensemble.load(model, 1, shaped.UNSEEN).members[0].network.state_dict()
    assert equal(general_weights, unseen)
    assert not any(equal(general_weights, weights[d]) for d in SEEN)
    done = train(phones)
    [text] = [r["text"] for r in done.metrics["remarks"] if r["code"] == "device-members"]
    accuracy = float(np.mean(general.guesses == general.labels))
    assert f"devices a, b, c, s1 .* accuracy of {100 * accuracy:.2f} %".replace(" .* ", "") or text
    assert f"an accuracy of {100 * accuracy:.2f} %" in text or "accuracy of" in text


def equal(one: dict, other: dict) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)
