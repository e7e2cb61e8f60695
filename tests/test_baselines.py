"""The seven systems of Table 1 run the whole pipeline: recipe, store, registry, report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from asc_cli import workflow
from asc_cli.evaluation import predictions
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from tests.conftest import QUICK

SEVEN = ("mfcc_gmm", "dnn_mel", "cnn_mel", "dnn_cqt", "sparse_nmf", "rnn_gam", "cnn_gam")


def quick(system: str, *more: str) -> recipe.Recipe:
    """The system on made-up scenes, with the least training."""
    model = recipe.load(f"toy_{system}").settings["model"]["name"]
    return recipe.load(f"toy_{system}", [*QUICK[model], *more])


@pytest.mark.parametrize(
    "system",
    [SEVEN[0], *(pytest.param(system, marks=pytest.mark.campaign) for system in SEVEN[1:])],
)
def test_toy_runs_the_whole_pipeline(system: str, toy_root: Path):
    name, chosen = f"toy_{system}", quick(system)
    done = workflow.train(chosen, data=toy_root, folds=[1], jobs=1)
    assert 0 <= done.metrics["accuracy"] <= 1 and done.metrics["recordings"] == 15
    output = predictions.read(done.run / "predictions.csv")
    rows = {str(toy_root / output.files[row]): output.probabilities[row] for row in (0, 7)}
    predicted = list(workflow.predict(list(rows), model=name, fold=1))
    assert {prediction.file for prediction in predicted} == set(rows)
    for prediction in predicted:
        probabilities = list(prediction.scenes.values())
        np.testing.assert_allclose(probabilities, rows[prediction.file], atol=1e-5)
    assert workflow.result(chosen) is not None


@pytest.mark.campaign
def test_members_hold_arrays_only(toy_root: Path):
    workflow.train(quick("rnn_gam"), data=toy_root, folds=[1], jobs=1)
    model = models.find("toy_rnn_gam")
    arrays = load_file(model.member(1))
    assert {"model.tree.forests.threshold", "model.machine.alpha"} <= set(arrays)
    assert {p.suffix for p in model.folder.iterdir()} == {".safetensors", ".yaml", ".md", ".txt"}


@pytest.mark.campaign
@pytest.mark.parametrize("system", ["rnn_gam"])
def test_a_staged_model_cut_short_ends_with_the_same_bits(
    system: str, toy_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Killed after an epoch of its network: the tree is grown again, the network goes on."""
    from asc_cli.training import descent

    chosen = quick(system, "training.epochs=2")
    full = workflow.train(chosen, data=toy_root, folds=[1], jobs=1)
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "other"))
    checkpoint = descent.checkpoint

    def then_die(*arguments: object) -> None:
        checkpoint(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(descent, "checkpoint", then_die)
    with pytest.raises(KeyboardInterrupt):
        workflow.train(chosen, data=toy_root, folds=[1], jobs=1)
    monkeypatch.setattr(descent, "checkpoint", checkpoint)
    resumed = workflow.train(chosen, data=toy_root, folds=[1], jobs=1)
    first, second = (run / "fold01" / "model.safetensors" for run in (full.run, resumed.run))
    assert full.run != resumed.run and first.read_bytes() == second.read_bytes()
