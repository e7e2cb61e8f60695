"""The attention of a model: over the recording, drawn, refused where there is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core.errors import AscError
from asc_cli.inference import explain
from asc_cli.recipe import load as recipe
from asc_cli.report.figures.canvas import legible
from asc_cli.report.figures.explanation import MAX_BOXES, _title, boxes, draw
from tests.conftest import SMALL, Asc, write

SECONDS = 2.3


@pytest.fixture
def trained(four_variants: Path, home: Path) -> None:
    shutil.copytree(four_variants, home)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).normal(0, 0.1, round(SECONDS * 22_050))
    return write(tmp_path / "clip.wav", noise)


def test_attention_is_relative_to_the_average_and_weights_sum_to_one(trained, clip: Path):
    results = workflow.explain(clip, model="toy_ta_sa")
    assert results.fold == 1 and results.frames.shape == (len(results.attention), 64)
    assert results.attention.mean() == pytest.approx(
        1, abs=0.35
    )  # exactly 1 where no clips overlap
    np.testing.assert_allclose(results.codewords.sum(axis=1), 1, atol=1e-5)
    seconds = len(results.attention) * results.frame_s  # of three clips, to the last whole frame
    assert seconds == pytest.approx(1.96, abs=0.02)
    assert np.all(np.diff(results.bands_hz) > 0)


def test_one_clip_alone_averages_to_one(trained, tmp_path: Path):
    noise = np.random.default_rng(0).normal(0, 0.1, 22_050)
    results = workflow.explain(write(tmp_path / "one.wav", noise), model="toy_ta")
    assert results.attention.mean() == pytest.approx(1, abs=1e-6)
    assert results.codewords is None


def test_the_scene_is_what_that_member_predicts(trained, clip: Path):
    results = workflow.explain(clip, model="toy_ta_sa")
    [output] = workflow.predict([clip], model="toy_ta_sa", fold=1)
    assert results.scene == output.scene
    assert results.probability == pytest.approx(output.probability, abs=1e-6)


@pytest.mark.campaign
def test_the_member_nearest_to_the_common_answer_explains(toy_root: Path, clip: Path, monkeypatch):
    overrides = [*SMALL, "training.epochs=1"]
    created = workflow.train(recipe.load("toy_ta", overrides), data=toy_root, folds=[1, 2, 3])
    results = workflow.explain(clip, model=created.model)
    [together] = workflow.predict([clip], model=created.model)
    scene, probability, n = results.all_members
    assert (scene, n) == (together.scene, 3)
    assert probability == pytest.approx(together.probability, abs=1e-6)
    single = {k: next(workflow.predict([clip], model=created.model, fold=k)) for k in (1, 2, 3)}
    far = {
        k: sum(abs(p.scenes[s] - together.scenes[s]) for s in p.scenes) + 2 * (p.scene != scene)
        for k, p in single.items()
    }
    assert results.fold == min(far, key=far.__getitem__)
    assert f"drawn: the one of fold {results.fold}, which alone predicts" in _title(results)
    assert f": {scene}, {100 * probability:.0f} %" in _title(results)
    assert "the network of fold 2 alone" in _title(
        workflow.explain(clip, model=created.model, fold=2)
    )


def test_a_long_recording_is_not_hidden_by_boxes():
    salient = [{"start_s": s, "end_s": s + 0.3, "attention": 1 + s / 96} for s in range(0, 96, 2)]
    shown = boxes(salient, 96.0)
    assert len(shown) == MAX_BOXES and shown[-1] == (94, 94.3) and shown == sorted(shown)
    assert boxes(salient[:2], 400.0) == [(0, 2.3)]
    assert salient[0] == {"start_s": 0, "end_s": 0.3, "attention": 1}, "what --json says stays"


def test_signs_that_the_font_lacks_are_boxes():
    assert legible("公園 café.wav\n\udcff") == "□□ café.wav\n□"


def test_stretches_are_where_attention_is():
    attention = np.full(400, 0.5)
    attention[100:120] = 6.0
    [stretch] = explain.salient_segments(attention, 0.01)
    assert stretch["start_s"] == pytest.approx(1.0, abs=0.06)
    assert stretch["end_s"] == pytest.approx(1.2, abs=0.06)
    assert stretch["attention"] > 4
    assert explain.salient_segments(np.ones(400), 0.01) == []


def test_two_peaks_close_together_are_one_stretch():
    attention = np.full(1000, 0.1)
    attention[100:120] = attention[130:150] = attention[700:730] = 10.0
    assert len(explain.salient_segments(attention, 0.01)) == 2


@pytest.mark.campaign
@pytest.mark.parametrize("model", ["toy_ta", "toy_sa", "toy_ta_sa"])
def test_each_kind_of_attention_is_drawn(trained, clip: Path, tmp_path: Path, model: str):
    picture = tmp_path / "why.png"
    draw(workflow.explain(clip, model=model), picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_draws_and_prints_the_seconds(trained, clip: Path, asc: Asc, tmp_path: Path):
    picture = tmp_path / "why.svg"
    done = asc("predict", clip, "--model", "toy_ta_sa", "--explain", picture, "--json")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert row["explained_by_fold"] == 1
    assert all(0 <= s["start_s"] < s["end_s"] <= SECONDS for s in row["salient"])
    assert "Weights of the codewords" in picture.read_text()
    two = asc("predict", clip, clip.with_name("other.wav"), "--explain", picture)
    assert two.returncode == 1 and "a figure is of one recording; there are 2" in two.stderr


def test_what_cannot_be_explained(trained, clip: Path, tmp_path: Path, monkeypatch):
    with pytest.raises(AscError, match="model toy_lstm@1 has no attention; train one that has"):
        workflow.explain(clip, model="toy_lstm")
    monkeypatch.setattr(explain, "LONGEST_S", 1.0)
    with pytest.raises(AscError, match="is 2 s long; at most 1 s can be drawn. Cut out the part"):
        workflow.explain(clip, model="toy_ta")


def test_a_model_without_attention_has_a_hint(
    toy_root: Path, clip: Path, tmp_path: Path, monkeypatch
):
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "gmm"))
    overrides = ["training.epochs=1"]
    workflow.train(recipe.load("toy_mfcc_gmm", overrides), data=toy_root, folds=[1])
    with pytest.raises(AscError, match="has no attention; train one that has, such as the recipes"):
        workflow.explain(clip)
