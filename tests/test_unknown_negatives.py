"""Recordings of none of the scenes in training: signals that are made up, and those of a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core import tensors
from asc_cli.core.errors import AscError
from asc_cli.frontend import negatives, signals
from asc_cli.frontend.feature import resolve
from asc_cli.inference import unknown, unknown_file
from asc_cli.inference.distances import neighbours
from asc_cli.inference.unknown import Layout
from asc_cli.recipe import load as recipes
from asc_cli.training import transfer, unknown_fit
from tests.conftest import SMALL, Once, tone, write
from tests.test_unknown import SETTINGS, fitted_on, rows_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two recordings of none of the scenes."""
    (tmp_path / "office").mkdir()
    for hz in (300, 700):
        write(tmp_path / "office" / f"{hz}.wav", tone(hz, 1.5, 22_050))
    return tmp_path / "office"


def test_signals_are_the_same_in_every_process_and_have_their_levels() -> None:
    one, two = ([*signals.signals(8000)] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not one[0].any() and len(one[0]) == 40_000
    levels = np.array([10 * np.log10(np.square(samples).mean()) for samples in one[1:]])
    expected = np.repeat(signals.LEVELS_DB, len(levels) // len(signals.LEVELS_DB))
    assert np.abs(levels - expected).max() < 0.6  # peaks of a loud voice are clipped
    assert np.allclose(32768 * one[5], np.rint(32768 * one[5]))  # of 16 bits


def test_a_tone_above_half_the_rate_is_left_out() -> None:
    own = signals
    n_shapes = len(own.SLOPES + own.CUT_HZ + own.TONES_HZ + own.PITCHES_HZ) + 1
    assert len([*signals.signals(8000)]) == 1 + n_shapes * len(signals.LEVELS_DB)
    assert len([*signals.signals(4000)]) == 1 + (n_shapes - 1) * len(signals.LEVELS_DB)


def test_nearer_to_a_negative_than_to_what_was_trained_on() -> None:
    trained = neighbours(np.array([[0.0], [2.0]]))
    away = trained.others(np.array([[4.0]]))
    v = np.array([[0.0], [2.5], [3.0], [3.5], [4.0]])
    near = unknown.t(trained.distance(v), away, v)
    assert near == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.01)


def test_a_sound_within_the_training_s_reach_is_rejected_by_what_is_near_it() -> None:
    rng, layout = np.random.default_rng(0), Layout(2, 0, 20)
    rows = [rows_of(rng, n, layout) for n in (200, 60, 20, 20)]
    for each in rows:
        each[:, 1:3], each[:, 23:] = 0.5, 1 + each[:, 3:23] ** 2  # bands of deviation 1
    rows[0][:, 3] *= 4  # scenes that vary in one band: far from each other
    rows[0][:, 23] = 1 + rows[0][:, 3] ** 2
    for each in rows[2:]:  # signals that are all alike, between scenes
        each[:, 3:23], each[:, 23:] = 0.01 * each[:, 3:23], 1
    trained, held_out, away, probes = rows
    labels = np.arange(200) % 2
    fitted = unknown_fit.fit(trained, labels, held_out, away, layout, "probability", 0.95)
    before = unknown.Statistics(
        "probability", layout, None, fitted.sounds, fitted.scale, fitted.reach
    )
    assert (before.scores(probes) < 1).all()
    assert (fitted.scores(probes) > 1).all()
    assert fitted.scores(1e9 * probes).max() <= unknown.MOST


def test_signals_decide_no_score_and_recordings_do() -> None:
    rng, layout = np.random.default_rng(0), Layout(4, 6, 5)
    trained, held_out, away = (rows_of(rng, n, layout) for n in (90, 60, 30))
    away[:, 5:11] += 30  # embeddings far from all scenes
    both = (trained, np.arange(90) % 4, held_out, away, layout, "auto", 0.9)
    assert unknown_fit.fit(*both).score == unknown_fit.DEFAULT == "probability"
    assert unknown_fit.fit(*both, n_recorded=9).score == "probability"  # too few
    assert unknown_fit.fit(*both, n_recorded=30).score == "distance"


def test_auto_takes_the_default_unless_another_is_better_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    held_out, alike, other, apart = (rng.normal(m, 1, 60) for m in (0, 0.1, 0.2, 4))
    default = {unknown_fit.DEFAULT: (held_out, alike)}
    assert unknown_fit.best_score({**default, "energy": (held_out, alike)}) == "probability"
    assert unknown_fit.best_score({**default, "energy": (held_out, other)}) == "probability"
    assert unknown_fit.best_score({**default, "energy": (held_out, apart)}) == "energy"


def test_statistics_of_the_earlier_form_are_read(tmp_path: Path) -> None:
    import torch

    rng, layout = np.random.default_rng(0), Layout(4, 6, 5)
    fitted = fitted_on(rng, layout, "distance")
    unknown_file.save(tmp_path / "new.safetensors", fitted)
    arrays = tensors.load_arrays(tmp_path / "new.safetensors").arrays
    old = {k: v for k, v in arrays.items() if k.split(".")[0] in ("layout", "sounds", "embeddings")}
    old["numbers"] = arrays["numbers"][:3]
    tensors.save(
        tmp_path / "old.safetensors", {k: torch.from_numpy(np.array(v)) for k, v in old.items()}
    )
    read, probes = unknown_file.load(tmp_path / "old.safetensors"), rows_of(rng, 9, layout)
    s = layout.score("distance", probes, fitted.embeddings)
    r = fitted.sounds.distance(layout.sounds(probes))
    expected = np.maximum(fitted.scale(s), r / fitted.reach)
    assert read.sound is None and read.scores(probes) == pytest.approx(expected, rel=1e-3)


def test_the_signature_counts_sounds_not_places(folder: Path, tmp_path: Path) -> None:
    def signed(path: Path | None) -> str:
        own = [f"evaluation.unknown.negatives={path}"] if path else []
        recipe = recipes.load("toy_lstm", [*SETTINGS, *own])
        return recipe.signature(*transfer.identities(recipe))

    shutil.copytree(folder, tmp_path / "moved")
    (tmp_path / "moved/300.wav").rename(tmp_path / "moved/other.wav")
    assert signed(folder) == signed(tmp_path / "moved") != signed(None)
    write(tmp_path / "moved/more.wav", tone(500, 1.5, 22_050))
    assert signed(folder) != signed(tmp_path / "moved")
    settings = recipes.load("toy_lstm", SETTINGS).settings["evaluation"]["unknown"]
    assert settings == {"score": "auto", "keep": 0.8}  # as before there was such a key


def test_a_folder_is_relative_to_the_recipe_s_file(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: toy_lstm\nvalidation: {fraction: 0.5}\n"
        "evaluation: {unknown: {negatives: office}}\n"
    )
    section = recipes.load(path).evaluation.unknown
    assert section is not None and section.negatives == str(folder)


def test_what_is_no_folder_of_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AscError, match=r"negatives = .*a folder with recordings of none"):
        negatives.recordings(str(tmp_path / "missing"))
    with pytest.raises(AscError, match="it has no recordings"):
        negatives.recordings(str(tmp_path))
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    with pytest.raises(AscError, match=r"bad\.wav cannot be read"):
        negatives.identity(str(tmp_path))


def test_a_recording_of_the_dataset_is_refused(toy_root: Path, tmp_path: Path, home: Path) -> None:
    (tmp_path / "away").mkdir()
    [file, *_] = (toy_root / "evaluation_setup/fold1_test.txt").read_text().split()
    shutil.copy(toy_root / file, tmp_path / "away/office.wav")
    own = f"evaluation.unknown.negatives={tmp_path / 'away'}"
    recipe = recipes.load("toy_lstm", [*SMALL, *SETTINGS, own])
    with pytest.raises(AscError, match="1 of its recordings are of toy, such as .*office.wav"):
        workflow.train(recipe, data=toy_root, folds=[1], jobs=1)


def test_recordings_of_a_folder_are_among_the_negatives(
    folder: Path, toy_root: Path, home: Path, once: Once
) -> None:
    own = f"evaluation.unknown.negatives={folder}"
    recipe = recipes.load("toy_lstm", [*SMALL, *SETTINGS, own])
    run = workflow.train(recipe, data=toy_root, folds=[1], jobs=1).run
    statistics = unknown_file.load(run / "fold01/unknown.safetensors")
    assert statistics.sound is not None
    n_signals = len([*signals.signals(recipe.features["sample_rate"])])
    assert len(statistics.sound.negatives.rows) == n_signals + 2
    scores = json.loads((run / "fold01/unknown.json").read_text())["scores"]
    tested = (toy_root / "evaluation_setup/fold1_test.txt").read_text().split()
    assert list(scores) == tested and all(np.isfinite([*scores.values()]))


def test_features_of_the_signals_are_finite_in_a_variant(folder: Path) -> None:
    feature = resolve("log_mel", 8000, {"n_mels": 20})
    frames = negatives.frames(feature, str(folder))
    assert len(frames) == len([*signals.signals(8000)]) + 2
    assert all(np.isfinite(each).all() and each.shape[1] == 20 for each in frames)
