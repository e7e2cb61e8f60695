"""Is the explanation true: known answers, models that cannot be explained, and the report."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core import paths
from asc_cli.core.errors import AscError
from asc_cli.evaluation import faithfulness as figures
from asc_cli.evaluation.faithfulness import SHARES, UNITS
from asc_cli.evaluation.intervals import of_mean
from asc_cli.inference import ensemble, faithfulness
from asc_cli.inference.engine import Request
from asc_cli.inference.removal import Recording, _faded
from asc_cli.recipe.ensemble import load as recipe_of
from asc_cli.registry import models
from asc_cli.report.figures.explanation import draw
from tests.conftest import Asc, write

RATE = 22_050
BURST = 7  # the part of the recording that has a sound
MOST_SHARED = 8  # frames of the part before it, which hold some of it


# -- figures ----------------------------------------------------------------------------------


def test_areas_are_counted_by_trapezoids() -> None:
    falling = np.array([1 - s for s in SHARES])
    assert figures.areas(falling) == pytest.approx(0.5)
    assert figures.areas(np.stack([falling, np.ones(len(SHARES))])) == pytest.approx([0.5, 1.0])


def test_a_ranking_is_compared_with_random_orders() -> None:
    n, p = 6, len(SHARES)
    random = np.tile(np.linspace(0.9, 0.1, p), (n, 1))
    deletion, insertion = random - 0.1, random[:, ::-1] + 0.2
    folds, groups = np.array([1, 1, 1, 2, 2, 2]), ["a", "a", "b", "c", "d", "d"]
    result = figures.of_recordings("attention", deletion, insertion, random, folds, groups)
    assert result.deletion_area == pytest.approx(0.1) and result.explains
    assert result.deletion_interval == pytest.approx((0.1, 0.1))
    assert result.insertion_area == pytest.approx(0.2) and result.recordings == n
    worse = figures.of_recordings("attention", random, insertion, random, folds, groups)
    assert worse.deletion_area == 0 and not worse.explains
    assert result.to_dict()["explains"] is True and result.to_dict()["shares"][1] == 0.1


def test_the_interval_of_a_mean_draws_groups() -> None:
    values = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0] * 20)
    folds = np.repeat([1, 2], 60)
    alone = of_mean(values, folds, [str(i) for i in range(120)])
    together = of_mean(values, folds, [str(i // 3) for i in range(120)])
    assert alone[0] < 0.5 < alone[1] and together[1] - together[0] > 1.4 * (alone[1] - alone[0])


def test_one_recording_a_fold_has_an_interval_and_one_in_all_has_none() -> None:
    low, high = of_mean(np.array([0.0, 1.0, 2.0]), np.array([1, 2, 3]), ["a", "b", "c"])
    assert low < 0.5 and high > 1.5
    curves, one = np.zeros((1, len(SHARES))), np.array([1])
    with pytest.raises(AscError, match="recordings of two groups or more were expected"):
        figures.of_recordings("occlusion", curves, curves, curves, one, ["a"])


def test_a_recording_is_explained_where_hardly_any_order_does_as_much() -> None:
    flat = np.full((20, len(SHARES)), 0.5)
    low = np.full(len(SHARES), 0.2)
    check = figures.check(low, flat)
    assert (check.orders, check.below, check.equal, check.explains) == (20, 20, 0, True)
    assert check.area == pytest.approx(0.3)
    assert not figures.check(flat[0], flat).explains
    lower = np.full(len(SHARES), 0.1)
    two_better = np.concatenate([flat[:18], lower[None], lower[None]])
    assert figures.check(low, two_better).explains
    three_better = np.concatenate([two_better[1:], lower[None]])
    assert not figures.check(low, three_better).explains
    four_equal = np.concatenate([flat[:16], np.tile(low, (4, 1))])
    assert figures.check(low, four_equal).equal == 4 and figures.check(low, four_equal).explains
    five_equal = np.concatenate([flat[:15], np.tile(low, (5, 1))])
    assert not figures.check(low, five_equal).explains


# -- known answers ----------------------------------------------------------------------------


class Loud:
    """Two scenes: a clip is the second one if it holds enough loud frames."""

    attends = True

    def __init__(self, where: str) -> None:
        self.where = where

    def log_probabilities(self, x: Any, mask: Any, embed: bool = False) -> Any:
        counts = np.ones(x.shape[:2], bool) if mask is None else mask
        loud = ((x.mean(axis=2) > 0) & counts).sum(axis=1) > MOST_SHARED
        return np.log(np.where(loud[:, None], [0.1, 0.9], [0.9, 0.1])), None

    def attention(self, x: Any, mask: Any) -> Any:
        energy = x.mean(axis=2)
        alpha = np.exp(energy if self.where == "loud" else -energy)
        return alpha / alpha.sum(axis=1, keepdims=True), None


@pytest.fixture
def burst(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).normal(0, 1, 4 * RATE)
    part = np.arange(len(noise)) * UNITS // len(noise)
    return write(tmp_path / "burst.wav", noise * np.where(part == BURST, 0.3, 1e-4))


@pytest.fixture
def trained(four_variants: Path, home: Path) -> None:
    shutil.copytree(four_variants, home)


def with_network(network: Any) -> tuple[ensemble.Loaded, Request]:
    model = models.find("toy_ta")
    loaded = ensemble.load(model, 1)
    member = replace(loaded.members[0], network=network)
    # one clip, which holds all of the recording
    grid = replace(loaded.clip_grid, n_frames=396, step_frames=396.0)
    level = SimpleNamespace(mean=np.float32(-5), deviation=np.float32(1))
    member = replace(member, standardise=level)
    loaded = replace(loaded, members=(member,), clip_grid=grid, labels=("quiet", "loud"))
    return loaded, Request(model, 1)


def test_what_the_answer_depends_on_is_ranked_first(trained: None, burst: Path) -> None:
    loaded, request = with_network(Loud("loud"))
    curves = faithfulness.curves_of(loaded, request, burst, 5)
    for name in ("occlusion", "attention"):
        assert curves[f"{name} deletion"][:2] == pytest.approx([0.9, 0.1])  # without the burst
        assert curves[f"{name} insertion"][1:] == pytest.approx(0.9)  # with the burst alone
    assert curves["random"].shape == (5, len(SHARES))
    assert curves["random"].mean(axis=0)[5] > 0.2
    check = faithfulness.check(loaded, request, burst)
    assert check is not None and check.explains and check.area > 0.2


def test_attention_to_what_does_not_matter_explains_nothing(trained: None, burst: Path) -> None:
    loaded, request = with_network(Loud("quiet"))
    curves = faithfulness.curves_of(loaded, request, burst, 5)
    assert curves["attention deletion"][-2] == pytest.approx(0.9)  # the burst goes last
    check = faithfulness.check(loaded, request, burst)
    assert check is not None and not check.explains and check.below <= 1


def test_an_attention_lstm_skips_what_is_removed(trained: None, burst: Path) -> None:
    torch = pytest.importorskip("torch")
    from asc_cli.inference.networks import module_of

    loaded = ensemble.load(models.find("toy_ta_sa"), 1, engine="torch")
    recording = Recording(loaded, Request(models.find("toy_ta_sa"), 1), burst)
    gone = np.zeros((1, UNITS), bool)
    gone[0, [2, 5, 6]] = True
    frames = recording.frames
    assert frames is not None
    member = loaded.members[0]
    logs = []
    for start in loaded.clip_grid.starts(len(frames)):
        places = start + np.arange(loaded.clip_grid.n_frames)
        x = (frames[places] - member.standardise.mean) / member.standardise.deviation
        mask = ~gone[0, places * UNITS // len(frames)]
        with torch.inference_mode():
            scores = module_of(member.network)(
                torch.from_numpy(x[None]), torch.from_numpy(mask[None])
            )
        if mask.any():
            logs.append(torch.softmax(scores[0].double(), 0).numpy())
    np.testing.assert_allclose(recording.answers(gone)[0], np.mean(logs, axis=0), atol=1e-6)


def test_of_all_the_answer_is_that_of_predict_and_of_nothing_uniform(
    trained: None, burst: Path
) -> None:
    loaded = ensemble.load(models.find("toy_lstm"), 1)
    recording = Recording(loaded, Request(models.find("toy_lstm"), 1), burst)
    full, nothing = recording.answers(np.array([[False] * UNITS, [True] * UNITS]))
    [predicted] = workflow.predict([burst], model="toy_lstm", fold=1)
    assert dict(zip(loaded.labels, full, strict=True)) == pytest.approx(predicted.scenes, abs=1e-6)
    np.testing.assert_allclose(nothing, 1 / len(loaded.labels))


def test_parts_are_cut_out_of_samples_with_ramps() -> None:
    samples = np.ones(100, np.float32)
    kept = np.array([True, False, True, True])
    first, second = _faded(samples, kept, 5)
    assert (len(first), len(second)) == (25, 50)
    assert first[0] == 1 and first[-1] == 0 and second[0] == 0 and second[-1] == 1
    assert list(_faded(samples, np.zeros(4, bool), 5)) == []


# -- a run, its report, a picture -------------------------------------------------------------


@pytest.fixture
def trained_here(trained: None, toy_root: Path) -> None:
    """The same, with the recordings where the runs say they are."""
    for file in paths.runs().glob("*/environment.json"):
        values = json.loads(file.read_text())
        values.pop("checksum")
        file.write_text(json.dumps({**values, "audio_root": str(toy_root)}))


def test_the_report_has_curves_and_areas_and_keeps_them(trained_here: None, asc: Asc) -> None:
    done = asc("report", "toy_ta", "--faithfulness", "6", "--jobs", "1", "--json")
    assert done.returncode == 0, done.stderr
    [run] = paths.runs().glob("toy_ta-*")
    rows = json.loads((run / faithfulness.FILE).read_text())["rankings"]
    assert [row["by"] for row in rows] == ["attention", "occlusion"]
    assert all(row["recordings"] == 6 and len(row["deletion"]) == len(SHARES) for row in rows)
    page = (run / "report.html").read_text()
    assert "Is the explanation true?" in page and "faithfulness-occlusion-figure" in page
    assert page.count("explains nothing: no better") == sum(not row["explains"] for row in rows)
    assert asc("report", "toy_ta").returncode == 0
    assert "Is the explanation true?" in (run / "report.html").read_text()
    assert [each.to_dict() for each in faithfulness.stored(run)] == rows
    with pytest.raises(AscError, match=r"faithfulness\.json: not of the form that this asc wri"):
        figures.read({**rows[0], "deletion": "none"})
    assert asc("report", "toy_lstm").returncode == 0
    [other] = paths.runs().glob("toy_lstm-*")
    assert "Is the explanation true?" not in (other / "report.html").read_text()


def test_the_figures_are_the_same_whatever_the_number_of_workers(trained_here: None) -> None:
    one = faithfulness.measure("toy_ta_sa", 5, jobs=1)
    assert faithfulness.measure("toy_ta_sa", 5, jobs=2) == one
    [by_occlusion] = faithfulness.measure("toy_sa", 4, jobs=1)  # which has no α over time
    assert by_occlusion.by == "occlusion"


def test_what_cannot_be_measured_is_one_sentence(trained_here: None, asc: Asc) -> None:
    done = asc("report", "toy_ta", "toy_sa", "--faithfulness", "4")
    assert done.returncode == 1 and "--faithfulness: for the page of one run" in done.stderr
    [run] = paths.runs().glob("toy_ta-*")
    file = run / "environment.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "audio_root": "/nowhere"}))
    with pytest.raises(AscError, match=r"recordings of run toy_ta-\w+ are not in /nowhere"):
        faithfulness.measure("toy_ta", 4, jobs=1)


def test_a_model_of_whole_recordings_and_an_ensemble_are_measured(
    toy_root: Path, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    small = "training: {epochs: 1, batch_size: 32, curve_every: 0}\nmodel: {n_hidden: 8}\n"
    (tmp_path / "small.yaml").write_text(f"extends: toy_ta\n{small}")
    (tmp_path / "texture.yaml").write_text("extends: toy_texture_svm\nvariants: []\n")
    systems = "systems: [{recipe: small, weight: 1}, {recipe: texture, weight: 2}]"
    (tmp_path / "both.yaml").write_text(f"dataset: toy\n{systems}\n")
    both = recipe_of(tmp_path / "both.yaml")
    created = workflow.train(both, data=toy_root, folds=[1], jobs=1)
    [by_occlusion] = faithfulness.measure(created.run, 2, jobs=1)
    assert by_occlusion.by == "occlusion" and by_occlusion.recordings == 2
    loaded = ensemble.load_systems(models.find("both"), 1)
    path = next(toy_root.rglob("*.wav"))
    recording = Recording(loaded, Request(models.find("both"), 1), path)
    full, nothing = recording.answers(np.array([[False] * UNITS, [True] * UNITS]))
    [predicted] = workflow.predict([path], model="both", fold=1)
    assert dict(zip(loaded.labels, full, strict=True)) == pytest.approx(predicted.scenes, abs=1e-4)
    np.testing.assert_allclose(nothing, 1 / len(loaded.labels))


def test_the_picture_says_whether_attention_explains(
    trained: None, burst: Path, asc: Asc, tmp_path: Path
) -> None:
    picture = tmp_path / "why.svg"
    done = asc("predict", burst, "--model", "toy_ta", "--explain", picture, "--json")
    assert done.returncode == 0, done.stderr
    check = json.loads(done.stdout)["attention_check"]
    assert check["orders"] == 20 and 0 <= check["below"] <= 20
    text = picture.read_text()
    assert f"at least as much as {check['below'] + check['equal']} of 20 random orders" in text
    assert ("EXPLAINS NOTHING" in text) is not check["explains"]
    shown = workflow.explain(burst, model="toy_ta")
    assert shown.check is None
    nothing = figures.Check(orders=20, below=3, equal=0, area=0.0)
    draw(replace(shown, check=nothing), picture)
    assert "EXPLAINS NOTHING here: removing what it attends to" in picture.read_text()
    assert "at least as much as 3 of 20 random orders of the same parts do" in picture.read_text()
    draw(replace(shown, check=replace(nothing, below=20)), picture)
    assert "changes the answer at least as much as 20 of 20 random orders" in picture.read_text()
