"""Every model there is can be taken elsewhere: docs/howto/export.md says so, row by row."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core import plugins
from asc_cli.recipe import load as recipe
from tests.conftest import QUICK, write
from tests.markdown import ROOT

pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
RATE = 22_050
LENGTHS_S = (1.0, 2.37, 7.3)
SLOW = ("label_tree_gru", "label_tree_cnn", "sparse_nmf", "gmm")  # to export
ROW = re.compile(r"^\| `(\w+)`.*?\| `(\w+)`.*?\| `(\w+)` \| yes", re.MULTILINE)


def rows() -> list[tuple[str, str, str]]:
    """Recipe, model and feature of each line of the page's table."""
    return ROW.findall((ROOT / "docs/howto/export.md").read_text(encoding="utf-8"))


def test_the_page_names_every_model_and_feature():
    of_scenes = set(plugins.names("models")) - {"lstm_video"}  # which the page names below
    assert {model for _, model, _ in rows()} == of_scenes == set(QUICK)
    assert {feature for _, _, feature in rows()} == set(plugins.names("features"))


@pytest.mark.campaign
@pytest.mark.parametrize(("name", "model", "feature"), rows())
def test_every_model_is_exported(
    name: str, model: str, feature: str, toy_root: Path, tmp_path: Path
):
    """Trained, one or two members; run on recordings of one clip and of many."""
    chosen = recipe.load(name, QUICK[model])
    assert chosen.settings["model"]["name"] == model
    assert chosen.settings["features"]["name"] == feature
    workflow.train(chosen, data=toy_root, folds=[1] if model in SLOW else [1, 2], jobs=1)
    rng = np.random.default_rng(0)
    predicted = [
        write(tmp_path / f"{s}.wav", rng.normal(0, 0.1, int(s * RATE)) * rng.uniform(0, 1))
        for s in LENGTHS_S
    ]
    predicted += sorted((toy_root / "audio").glob("*.wav"))[::15]
    created = workflow.export(name, "onnx", tmp_path / "m.onnx", int8=True, check=predicted)
    full, small = (row.check for row in created.files)
    assert full.recordings == full.same_scene == len(predicted)
    assert full.largest_difference <= 1e-4
    assert small.recordings == len(predicted) and created.files[1].bytes > 0
