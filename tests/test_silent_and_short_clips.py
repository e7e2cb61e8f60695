"""Clips at random places, short recordings that repeat, and silence that is left out: everywhere
the same, from training to ONNX."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from asc_cli import workflow
from asc_cli.core.errors import AscError
from asc_cli.frontend import clips, crops, standardise
from asc_cli.frontend.feature import resolve
from asc_cli.inference import engine, ensemble, live
from asc_cli.inference.types import Scored
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from asc_cli.training import descent
from tests.conftest import SMALL, tone, write
from tests.test_export import RATE, registered

FLOOR = np.array([-23.0, -23.0], np.float32)
ALL_OTHERS = ("gammatone", "cqt", "mfcc")  # slow to load
PLAIN = standardise.no_standardisation(2)
GRID = clips.ClipGrid(4, 2.0)


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)


def silence(n: int) -> np.ndarray:
    return np.repeat(FLOOR[None], n, axis=0)


def test_a_short_recording_is_repeated_until_its_clip_is_full():
    grid, frames = replace(GRID, loop=True), noise(3)
    batch, mask = clips.from_recordings([frames], grid, PLAIN).batch(np.array([0]))
    assert mask is None
    np.testing.assert_array_equal(batch[0], frames[[0, 1, 2, 0]])
    [(streamed, lengths)] = clips.from_stream([frames[:2], frames[2:]], grid, 8)
    np.testing.assert_array_equal(streamed, batch)
    assert lengths.tolist() == [4]


@pytest.mark.parametrize("part", [1, 3, 100])
def test_clips_of_nothing_but_silence_are_left_out(part: int):
    grid = replace(GRID, floor=FLOOR)
    frames = np.concatenate([silence(5), noise(4), silence(7)])  # clips at 0, 2, … 12
    cut = clips.from_recordings([frames, silence(9), silence(3), noise(3)], grid, PLAIN)
    assert cut.owners.tolist() == [0, 0, 0, 0, 1, 2, 3]
    assert cut.starts.tolist() == [2, 4, 6, 8, 16, 25, 28]  # 0, 10 and 12 are silent
    for recording, numbers in ((frames, [1, 2, 3, 4]), (silence(9), [0]), (silence(3), [0])):
        parts = (recording[start : start + part] for start in range(0, len(recording), part))
        streamed = list(clips.numbered(clips.from_stream(parts, grid, 2), grid))
        assert np.concatenate([n for _, _, n in streamed]).tolist() == numbers
        expected = clips.from_recordings([recording], grid, PLAIN)
        batch, _ = expected.batch(np.arange(len(expected)))
        if len(recording) > 3:
            np.testing.assert_array_equal(np.concatenate([b for b, _, _ in streamed]), batch)


def test_random_crops_are_anywhere_and_follow_from_their_seed():
    frames, firsts, counts = noise(50), np.array([0, 20, 47]), np.array([20, 27, 3])
    cropped = crops.random_crops(frames, firsts, counts, GRID, PLAIN)
    assert len(cropped) == 5 + 6 + 1
    drawn = [cropped.draw(np.random.default_rng(seed)) for seed in (0, 0, *range(1, 60))]
    assert drawn[0].starts.tolist() == drawn[1].starts.tolist() != drawn[2].starts.tolist()
    starts = np.array([each.starts for each in drawn])
    assert {*starts[:, :5].ravel().tolist()} == {*range(17)}  # each place of the first recording
    assert {*starts[:, 5:11].ravel().tolist()} == {*range(20, 44)}
    assert {*starts[:, 11].tolist()} == {47} and drawn[0].lengths.tolist() == [4] * 11 + [3]


def test_random_crops_are_not_of_silence():
    frames = np.concatenate([silence(12), noise(2), silence(12)])
    grid = replace(GRID, floor=FLOOR)
    cropped = crops.random_crops(frames, np.array([0]), np.array([26]), grid, PLAIN)
    drawn = [cropped.draw(np.random.default_rng(seed)).starts for seed in range(30)]
    assert {*np.concatenate(drawn).tolist()} == {9, 10, 11, 12, 13}


@pytest.mark.parametrize(
    "name",
    ["log_mel", "mel", *(pytest.param(n, marks=pytest.mark.campaign) for n in ALL_OTHERS)],
)
def test_silence_is_the_feature_s_frame_of_zeros(name: str):
    feature = resolve(name, 22_050, {})
    grid = feature.clip_grid({"length_frames": 2, "overlap": 0, "silence": "drop"})
    assert grid.silent(feature.compute(np.zeros(44_100, "f4"), 22_050)).all()
    assert not grid.silent(feature.compute(1e-3 * tone(440, 2, 22_050), 22_050)).any()


# -- the same in every command ----------------------------------------------------------------

OVERRIDES = ("clips.short=loop", "clips.silence=drop")


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)

    def loud(seconds: float) -> np.ndarray:
        n = round(seconds * RATE)
        return rng.normal(0, 0.1, n) * np.linspace(0.01, 1, n)

    quiet = np.zeros(3 * RATE)
    parts = [[loud(0.3)], [loud(2), quiet, loud(1.2)], [quiet, loud(2.3)], [quiet], [quiet[:9000]]]
    return [write(tmp_path / f"{i}.wav", np.concatenate(p), RATE) for i, p in enumerate(parts)]


@pytest.mark.parametrize("aggregate", ["mean", "vote", "log_sum"])
def test_onnx_predicts_the_same(aggregate: str, recordings: list[Path], tmp_path: Path):
    pytest.importorskip("onnxruntime")
    name = registered("m", *OVERRIDES, f"evaluation.aggregate={aggregate}")
    created = workflow.export(name, "onnx", tmp_path / "m.onnx", check=recordings)
    assert created.files[0].check.largest_difference <= 1e-4


@pytest.mark.campaign
def test_listening_and_predicting_agree(recordings: list[Path], tmp_path: Path):
    name = registered("m", *OVERRIDES)
    for path in recordings[1:4]:
        samples = soundfile.read(path, dtype="float32")[0]
        [predicted] = workflow.predict([path], model=name)
        *_, last = live.listen([samples], RATE, model=name, window_s=60, every_s=0.001)
        assert list(last.scenes.values()) == pytest.approx(list(predicted.scenes.values()))


def test_attention_of_a_repeated_recording_is_over_its_own_frames(recordings: list[Path]):
    name = registered("m", *OVERRIDES, "model.attention=[temporal,semantic]")
    explained = workflow.explain(recordings[0], model=name, fold=1)
    [predicted] = workflow.predict(recordings[:1], model=name, fold=1)
    assert len(explained.attention) == len(explained.codewords) == len(explained.frames) < 40
    np.testing.assert_allclose(explained.codewords.sum(axis=1), 1, atol=1e-5)
    assert explained.attention.mean() == pytest.approx(1, abs=0.2)
    assert explained.probability == pytest.approx(predicted.probability, abs=1e-6)


def test_a_timeline_has_clips_where_they_are(recordings: list[Path]):
    name = registered("m", *OVERRIDES)
    chosen = models.find(name)
    loaded = ensemble.load(chosen)
    outcomes = []
    for model in (loaded, replace(loaded, clip_grid=replace(loaded.clip_grid, floor=None))):
        request = engine.Request(chosen, timeline_s=1.0)
        [scored] = engine.score(model, request, engine.decoded(recordings[1:2]))
        assert isinstance(scored, Scored)
        outcomes.append(scored)
    dropped, all_clips = outcomes
    assert all_clips.ends_s.tolist() == [1, 2, 3, 4, 5, 6.2]
    assert dropped.ends_s.tolist() == [1, 2, 3, 5, 6.2]  # the silent second is in the next
    np.testing.assert_allclose(dropped.segments[:2], all_clips.segments[:2], atol=1e-6)


@pytest.mark.campaign
def test_trained_on_crops_it_is_the_same_for_any_jobs(toy_root: Path, tmp_path: Path, monkeypatch):
    changed = [*SMALL, "training.epochs=1", "clips.crops=random", *OVERRIDES]
    written = []
    for jobs in (1, 2):
        monkeypatch.setenv("ASC_HOME", str(tmp_path / str(jobs)))
        trained = workflow.train(
            recipe.load("toy_lstm", changed), data=toy_root, folds=[1, 2], jobs=jobs
        )
        written.append((trained.run / "predictions.csv").read_bytes())
    assert written[0] == written[1]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x, mask=None):
        return self.layer(x.mean(dim=1))


class FitsItself(Net):
    def estimate(self, clips, labels, fit_network, seed):
        raise AssertionError


def fit(model: nn.Module, folder: Path, **more: Any) -> list[Tensor]:
    recordings = [noise(n) for n in (20, 27, 13)]
    counts = np.array([20, 27, 13])
    cropped = crops.random_crops(
        np.concatenate(recordings), np.cumsum(counts) - counts, counts, GRID, PLAIN
    )
    plain: dict[str, Any] = dict(batch_size=4, learning_rate=0.1, l2=0.0, seed=0, fold=1)
    settings = descent.Settings(**plain, epochs=more.get("epochs", 3), curve_every=0)
    labels = np.array([0, 1, 1])[cropped.owners]
    descent.fit(model, cropped, labels, settings, folder, lambda m: 0.0, lambda p: None)
    return list(model.state_dict().values())


def test_training_on_crops_is_resumed_to_the_same_bits(tmp_path: Path):
    models_ = [copy.deepcopy(first) for first in [Net()] * 3]
    full = fit(models_[0], tmp_path / "a")
    fit(models_[1], tmp_path / "b", epochs=2)
    resumed = fit(models_[2], tmp_path / "b")
    assert all(map(torch.equal, full, resumed))


def test_a_model_that_fits_itself_refuses_crops(tmp_path: Path):
    with pytest.raises(AscError, match="clips.crops = random: this model fits itself"):
        fit(FitsItself(), tmp_path)
