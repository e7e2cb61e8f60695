"""Every model there is can be taken elsewhere: docs/howto/export.md says so, row by row."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipe
from tests.conftest import ENCODERS, QUICK, write
from tests.markdown import ROOT

pytest.importorskip("onnx", reason="the extra `train` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `train` is not installed")
RATE = 22_050
LENGTHS_S = (1.0, 2.37, 7.3)
SLOW = ("label_tree_gru", "label_tree_cnn", "sparse_nmf", "gmm")  # to export
ROW = r"^\| `(\w+)`.*?\| `(\w+)`.*?\| `(\w+)` \| %s"


def rows(exports: str = "yes") -> list[tuple[str, str, str]]:
    """Recipe, model and feature of each line of the page's table."""
    page = (ROOT / "docs/howto/export.md").read_text(encoding="utf-8")
    return re.findall(ROW % exports, page, re.MULTILINE)


def test_the_page_names_every_model_and_feature():
    of_scenes = set(plugins.names("models")) - {"lstm_video"}  # which the page names below
    listed = [*rows(), *rows("no")]
    assert {model for _, model, _ in listed} == of_scenes == set(QUICK)
    assert {feature for _, _, feature in listed} == {*plugins.names("features")} - {*ENCODERS}


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


@pytest.mark.campaign
@pytest.mark.parametrize(("name", "model", "feature"), rows("no"))
def test_what_cannot_be_exported_is_refused_in_words(
    name: str, model: str, feature: str, toy_root: Path, tmp_path: Path
):
    """So are a timeline and live sound, for which a recording as a whole has no parts."""
    chosen = recipe.load(name, QUICK[model])
    done = workflow.train(chosen, data=toy_root, folds=[1], jobs=1)
    assert done.metrics["recordings"] == 15
    with pytest.raises(AscError, match=f"uses the feature {feature}, which has no ONNX front end"):
        workflow.export(name, "onnx", tmp_path / "m.onnx")
    [path] = sorted((toy_root / "audio").glob("*.wav"))[:1]
    [prediction] = workflow.predict([path], model=name)
    assert prediction.error is None and abs(sum(prediction.scenes.values()) - 1) < 1e-6
    words = rf"{name}@1 describes a recording as a whole \({feature}\)"
    with pytest.raises(AscError, match=f"a timeline: model {words}"):
        list(workflow.predict([path], model=name, timeline_s=1.0))
    with pytest.raises(AscError, match=f"listen: model {words}"):
        next(workflow.listen([np.zeros(RATE)], RATE, model=name))
    with pytest.raises(AscError, match=f"clips: {feature} is one frame, of a recording as a whole"):
        workflow.train(recipe.load(name, ["clips.length_frames=2"]), data=toy_root, jobs=1)
