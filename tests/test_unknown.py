"""Recordings of none of the scenes: the scores, their threshold, and where --unknown takes them."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asc_cli import load_model, workflow
from asc_cli.core.errors import AscError
from asc_cli.inference import distances, ensemble, unknown, unknown_file
from asc_cli.inference.types import likeliest_scene, merge_segments
from asc_cli.inference.unknown import Layout
from asc_cli.recipe import load as recipes
from asc_cli.registry import archive, models
from asc_cli.training import unknown_fit
from tests.conftest import SMALL, Asc, Once, tone, write

SETTINGS = (
    "validation={fraction: 0.5, by: recording}",
    "evaluation.unknown={keep: 0.8}",
)


@pytest.fixture(scope="session")
def with_statistics(once: Once, toy_root: Path) -> Path:
    """A home with toy_lstm@1 of two folds, which has statistics."""

    def make(home: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ASC_HOME", str(home))
            recipe = recipes.load("toy_lstm", [*SMALL, *SETTINGS])
            workflow.train(recipe, data=toy_root, folds=[1, 2], jobs=1)

    return once("with-statistics", make)


@pytest.fixture
def model(with_statistics: Path, home: Path) -> models.Model:
    shutil.copytree(with_statistics / "models", home / "models")
    return models.find("toy_lstm")


def rows_of(rng: np.random.Generator, n: int, layout: Layout, away: float = 0.0) -> np.ndarray:
    return rng.standard_normal((n, layout.size)) + away


def fitted_on(rng: np.random.Generator, layout: Layout, score: str = "auto") -> unknown.Statistics:
    rows = (rows_of(rng, n, layout) for n in (90, 30, 20))
    trained, held_out, away = rows
    return unknown_fit.fit(trained, np.arange(90) % 4, held_out, away - 9, layout, score, 0.9)


def test_the_distance_is_mahalanobis() -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((400, 5)) @ rng.standard_normal((5, 5)), np.arange(400) % 3
    x += 4 * labels[:, None]
    means = np.stack([x[labels == c].mean(axis=0) for c in range(3)])
    centred = x - means[labels]
    inverse = np.linalg.inv(centred.T @ centred / 397)
    probes = rng.standard_normal((9, 5))
    expected = [min((p - m) @ inverse @ (p - m) for m in means) for p in probes]
    assert distances.fit_gaussian(x, labels).distance(probes) == pytest.approx(expected)


def test_directions_that_are_left_out_share_one_variance() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((300, 60))
    gaussian = distances.fit_gaussian(x, np.zeros(300))
    assert gaussian.directions.shape == (distances.DIRECTIONS, 60)
    variances = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    assert gaussian.rest == pytest.approx(variances[distances.DIRECTIONS :].mean())
    away = gaussian.means[0] + 3 * np.linalg.svd(gaussian.directions)[2][-1]
    assert gaussian.distance(away[None])[0] == pytest.approx(9 / gaussian.rest)


def test_scores_of_known_answer() -> None:
    layout = Layout(3, 0, 1)
    row = np.array([[2.5, 0.1, 0.7, 0.2, 0.0, 1.0]])
    assert layout.score("energy", row, None) == pytest.approx([-2.5])
    assert layout.score("probability", row, None) == pytest.approx([0.3])


def test_the_sound_is_of_the_frames_that_count() -> None:
    x = np.random.default_rng(2).standard_normal((2, 6, 3)).astype(np.float32)
    mask = np.arange(6) < np.array([[6], [4]])
    rows = np.hstack([np.zeros((2, 3)), unknown.sound(x * mask[:, :, None], mask)])
    v = Layout(2, 0, 3).sounds(rows)
    for clip, n, own in zip(x, (6, 4), v, strict=True):
        assert own[:3] == pytest.approx(clip[:n].mean(0), abs=1e-6)
        assert own[3:] == pytest.approx(np.log(clip[:n].std(0) + 1e-3), abs=1e-5)


@pytest.mark.parametrize("score", unknown.SCORES)
@pytest.mark.parametrize("n", [19, 57, 100])
def test_the_share_to_keep_of_validation_is_kept(score: str, n: int) -> None:
    rng, layout = np.random.default_rng(n), Layout(4, 6, 5)
    trained, held_out = rows_of(rng, 200, layout), rows_of(rng, n, layout)
    away = rows_of(rng, 30, layout, away=-40.0)
    fitted = unknown_fit.fit(trained, np.arange(200) % 4, held_out, away, layout, score, 0.95)
    n_kept = int((fitted.scores(held_out) <= 1 + 1e-12).sum())
    assert n_kept == min(n, int(np.ceil((n + 1) * 0.95)))
    assert (fitted.scores(rows_of(rng, 20, layout, away=40.0)) > 1).all()


def test_the_nearest_sound_is_another() -> None:
    v = np.random.default_rng(0).standard_normal((40, 3))
    own, z = distances.neighbours(v), v / (v.std(axis=0) + 1e-3)
    away = np.sqrt(((z[:, None] - z) ** 2).mean(axis=2)) + np.where(np.eye(40), np.inf, 0)
    assert own.distance(v, itself=True) == pytest.approx(away.min(axis=1), rel=0.02)
    assert own.distance(v) == pytest.approx(0, abs=2e-3)
    many = np.random.default_rng(1).standard_normal((2500, 2))
    assert len(distances.neighbours(many).rows) == distances.MOST


def test_too_few_held_out_are_refused() -> None:
    rng, layout = np.random.default_rng(0), Layout(4, 6, 5)
    with pytest.raises(AscError, match="18 recordings are held out.* needs 19"):
        few = rows_of(rng, 18, layout)
        unknown_fit.fit(rows_of(rng, 50, layout), np.zeros(50), few, few, layout, "auto", 0.95)
    with pytest.raises(AscError, match="no linear layer"):
        bare = Layout(4, 0, 5)
        rows = rows_of(rng, 50, bare)
        unknown_fit.fit(rows, np.zeros(50), rows, rows, bare, "distance", 0.95)


def test_statistics_are_read_as_they_were_written(tmp_path: Path) -> None:
    rng, layout = np.random.default_rng(0), Layout(4, 6, 5)
    fitted = fitted_on(rng, layout)
    unknown_file.save(tmp_path / "a.safetensors", fitted)
    probes = rows_of(rng, 9, layout)
    read = unknown_file.load(tmp_path / "a.safetensors")
    assert read.score == fitted.score
    assert read.scores(probes) == pytest.approx(fitted.scores(probes), rel=1e-4)


def test_no_recipe_of_before_has_another_signature() -> None:
    assert "unknown" not in recipes.load("esc10_lstm").settings["evaluation"]
    with pytest.raises(AscError, match=r"evaluation\.unknown: nothing is held out"):
        recipes.load("toy_lstm", ["evaluation.unknown={}"])


def test_silence_noise_and_a_hum_are_unknown(model: models.Model, asc: Asc, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [
        write(tmp_path / "silence.wav", np.zeros(22050)),
        write(tmp_path / "noise.wav", 0.1 * rng.standard_normal(22050)),
        write(tmp_path / "hum.wav", 0.5 * np.sin(2 * np.pi * 50 * np.arange(22050) / 22050)),
    ]
    rows = [
        json.loads(x) for x in asc("predict", "--json", "--unknown", *names).stdout.splitlines()
    ]
    assert {row["scene"] for row in rows} == {"unknown"}
    for row in rows:
        assert row["unknown_score"] > row["unknown_threshold"] == 1
        assert sum(row["scenes"].values()) == pytest.approx(1)


def test_scores_are_those_of_the_training_and_its_recordings_stay(
    model: models.Model, with_statistics: Path, toy_root: Path
) -> None:
    [run] = (with_statistics / "runs").iterdir()
    held_out = json.loads((run / "fold01/validation.json").read_text())["files"]
    one = load_model("toy_lstm", fold=1, unknown=True)
    predictions = list(one.predict_files(toy_root / file for file in held_out))
    scores = np.array([p.unknown_score for p in predictions], float)
    n = int(np.ceil(round((len(scores) + 1) * 0.8, 9)))
    assert (scores <= 1 + 1e-3).sum() == n  # onnxruntime here, torch where they were fitted
    assert np.sort(scores)[n - 1] == pytest.approx(1, abs=1e-3)


def test_the_test_fold_has_no_part_in_statistics(
    with_statistics: Path, toy_root: Path, tmp_path: Path, home: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(toy_root, other)
    for file in (toy_root / "evaluation_setup/fold1_test.txt").read_text().split():
        samples, rate = soundfile.read(other / file)
        soundfile.write(other / file, -0.3 * samples, rate, subtype="PCM_24")
    recipe = recipes.load("toy_lstm", [*SMALL, *SETTINGS])
    run = workflow.train(recipe, data=other, folds=[1], jobs=1).run
    [before] = (with_statistics / "runs").iterdir()
    assert (run / "fold01/predictions.csv").read_bytes() != (
        before / "fold01/predictions.csv"
    ).read_bytes()
    name = "fold01/unknown.safetensors"
    assert (run / name).read_bytes() == (before / name).read_bytes()


def test_members_are_averaged_and_probabilities_stay(model: models.Model, toy_root: Path) -> None:
    [*files] = sorted((toy_root / "audio").iterdir())[:3]
    both = list(load_model(unknown=True).predict_files(files, timeline_s=1.0))
    without = list(load_model().predict_files(files, timeline_s=1.0))
    each = [list(load_model(fold=k, unknown=True).predict_files(files)) for k in (1, 2)]
    for i, prediction in enumerate(both):
        mean = np.mean([part[i].unknown_score for part in each])
        assert prediction.unknown_score == pytest.approx(mean, rel=1e-6)
        assert prediction.scenes == pytest.approx(without[i].scenes, abs=1e-12)
        assert without[i].unknown_score is None and "unknown_score" not in without[i].to_dict()
        assert prediction.timeline is not None and without[i].timeline is not None
        assert "unknown_score" not in without[i].timeline[0].to_dict()
        assert all(s.unknown_score is not None for s in prediction.timeline)
        assert merge_segments(prediction.timeline)[0].unknown_score is not None


def test_tables_and_timelines_show_unknown(model: models.Model, asc: Asc, tmp_path: Path) -> None:
    silence = write(tmp_path / "silence.wav", np.zeros(3 * 22050))
    shown = asc(
        "predict", silence, "--unknown", "--timeline", "1", "--audacity", tmp_path / "a.txt"
    )
    assert "unknown (" in shown.stdout and "A unknown" in shown.stdout
    assert (tmp_path / "a.txt").read_text().split("\t")[2].startswith("unknown ")
    assert "unknown" not in asc("predict", silence).stdout


def test_unknown_goes_before_unsure() -> None:
    assert likeliest_scene({"a": 0.4, "b": 0.6}, 0.9, 1.5) == "unknown"
    assert likeliest_scene({"a": 0.4, "b": 0.6}, 0.9, 0.5) == "unsure"
    assert likeliest_scene({"a": 0.4, "b": 0.6}, 0.5, 1.0) == "b"


def test_the_csv_has_score_and_threshold(model: models.Model, asc: Asc, tmp_path: Path) -> None:
    good, bad, table = (tmp_path / name for name in ("a.wav", "bad.wav", "out.csv"))
    write(good, tone(440, 1.2, 22_050))
    bad.write_bytes(b"no audio")
    asc("predict", good, bad, "--unknown", "--csv", table)
    with table.open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    own, failed = rows[str(good)], rows[str(bad)]
    assert own["unknown_threshold"] == "1.0" and float(own["unknown_score"]) > 0
    assert failed["unknown_score"] == "" and failed["error"]
    assert "unknown=True" in own["settings"]


def test_live_sound_has_the_score(model: models.Model, asc: Asc) -> None:
    silence = np.zeros(3 * 22050, "<i2").tobytes()
    result = asc("listen", "-", "--rate", "22050", "--unknown", "--json", input=silence)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows and {row["scene"] for row in rows} == {"unknown"}
    assert all(row["unknown_score"] > 1 for row in rows)


def test_a_model_without_statistics_says_how_to_get_them(
    two_folds: Path, home: Path, asc: Asc, tmp_path: Path
) -> None:
    shutil.copytree(two_folds / "models", home / "models")
    result = asc("predict", write(tmp_path / "a.wav", tone(440, 1.2, 22_050)), "--unknown")
    assert result.returncode
    assert "has no statistics for it; train it with" in " ".join(result.stderr.split())


def test_damaged_statistics_are_refused(model: models.Model, tmp_path: Path) -> None:
    path = model.folder / "unknown01.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(AscError, match=r"unknown01\.safetensors is damaged"):
        ensemble.load(model, unknown=True)
    ensemble.load(model)  # which needs none of it
    with pytest.raises(AscError, match="is damaged"):
        unknown_file.load(path)


def test_statistics_of_another_shape_are_refused(tmp_path: Path) -> None:
    rng, layout = np.random.default_rng(0), Layout(4, 6, 5)
    fitted = fitted_on(rng, layout)
    unknown_file.save(tmp_path / "a.safetensors", replace(fitted, layout=Layout(4, 6, 7)))
    with pytest.raises(AscError, match="do not fit each other"):
        unknown_file.load(tmp_path / "a.safetensors")


def test_an_archive_takes_statistics_along(model: models.Model, tmp_path: Path) -> None:
    archive.export(model.id, tmp_path / "a.zip")
    imported = archive.import_file(tmp_path / "a.zip")
    assert len(ensemble.load(imported, unknown=True).unknown) == 2


def test_systems_of_an_ensemble_count_by_their_weights(model: models.Model, home: Path) -> None:
    card: dict[str, Any] = {
        **{k: v for k, v in model.card.items() if k not in ("feature", "files", "version")},
        "recipe": {
            "dataset": "toy",
            "systems": [{"name": "toy_lstm", "weight": 1}, {"name": "toy_lstm2", "weight": 3}],
        },
    }
    other = models.register(
        "toy_lstm2",
        model.card,
        {k: model.member(2) for k in (1, 2)},
        statistics={k: model.folder / "unknown02.safetensors" for k in (1, 2)},
    )
    both = models.register("both", card, {}, systems=[model, other])
    samples = tone(440, 1.2, 22_050)
    scores = [
        load_model(name, fold=1, unknown=True).predict(samples, 22050).unknown_score
        for name in ("toy_lstm", "toy_lstm2", both.id)
    ]
    assert scores[2] == pytest.approx((scores[0] + 3 * scores[1]) / 4)


def test_videos_and_members_for_devices_are_refused(asc: Asc) -> None:
    with pytest.raises(AscError, match="a model of videos has no statistics"):
        recipes.load("yt8m_toy_lstm", ["evaluation.unknown={}", "validation={fraction: 0.1}"])


def test_a_prediction_imports_nothing_of_training(model: models.Model, tmp_path: Path) -> None:
    path = write(tmp_path / "silence.wav", np.zeros(22050))
    code = (
        "import sys; from asc_cli import load_model; "
        f"[one] = load_model(unknown=True).predict_files([{str(path)!r}]); print(one.scene); "
        "print([m for m in ('torch', 'sklearn', 'librosa', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.split("\n")[:2] == ["unknown", "[]"]
