"""Variants of recordings: known answers, keys of their own in the store, clips of an epoch."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asc_cli import workflow
from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.evaluation import predictions
from asc_cli.frontend import clips, crops, feature, variant
from asc_cli.frontend.standardise import no_standardisation
from asc_cli.frontend.varied import VariedClips
from asc_cli.recipe import load as recipe
from asc_cli.recipe.changes import changes
from asc_cli.variants.impulse_response import ImpulseResponse
from asc_cli.variants.noise import Noise
from asc_cli.variants.pitch import Pitch
from asc_cli.variants.speed import Speed
from tests.conftest import QUICK, SMALL, tone, write

RATE = 22_050
NOISE = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)


def peak_hz(samples: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples))


def test_speed_changes_pitch_and_duration_alike():
    np.testing.assert_array_equal(Speed(1.0)(NOISE, RATE), NOISE)
    samples = tone(400, 2.0, RATE).astype(np.float32)
    faster, slower = Speed(1.25)(samples, RATE), Speed(0.8)(samples, RATE)
    assert len(faster) == pytest.approx(len(samples) / 1.25, abs=1)
    assert len(slower) == pytest.approx(len(samples) / 0.8, abs=1)
    assert peak_hz(faster) == pytest.approx(500, abs=1)
    assert peak_hz(slower) == pytest.approx(320, abs=1)


@pytest.mark.campaign
def test_pitch_changes_pitch_and_not_duration():
    samples = tone(400, 2.0, RATE).astype(np.float32)
    higher = Pitch(12.0)(samples, RATE)
    assert len(higher) == len(samples) and higher.dtype == np.float32
    assert peak_hz(higher) == pytest.approx(800, abs=2)


def test_noise_has_its_ratio_and_follows_from_the_recording():
    noisy = Noise(10.0)(NOISE, RATE)
    ratio = np.square(NOISE).mean() / np.square(noisy - NOISE).mean()
    assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.1)
    np.testing.assert_array_equal(noisy, Noise(10.0)(NOISE.copy(), RATE))
    other = Noise(10.0)(NOISE[::-1].copy(), RATE) - NOISE[::-1]
    assert abs(np.corrcoef(other, noisy - NOISE)[0, 1]) < 0.05
    assert not Noise(10.0)(np.zeros(100, np.float32), RATE).any()


def test_an_impulse_response_of_one_sample_changes_nothing(tmp_path: Path):
    impulse = np.zeros(500)
    impulse[40] = 0.5  # half the level, after a delay
    write(tmp_path / "device.wav", impulse, RATE)
    changed = ImpulseResponse(str(tmp_path))(NOISE, RATE)
    assert changed.shape == NOISE.shape
    np.testing.assert_allclose(changed, NOISE, atol=1e-4)


def test_an_impulse_response_filters_and_keeps_the_level(tmp_path: Path):
    write(tmp_path / "device.wav", np.array([0.5, 0.5]), RATE)  # no power at half the rate
    changed = ImpulseResponse(str(tmp_path))(NOISE, RATE)
    assert np.square(changed).mean() == pytest.approx(np.square(NOISE).mean(), rel=1e-3)
    power = np.square(np.abs(np.fft.rfft(changed)))
    assert power[-100:].mean() < 1e-3 * power[1:100].mean()


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_a_folder_without_impulse_responses_is_named(folder: str, tmp_path: Path):
    path = str(tmp_path / folder) if folder else ""
    with pytest.raises(AscError, match="a folder with impulse responses"):
        ImpulseResponse(path)(NOISE, RATE)


def stored(**settings: object) -> feature.StoredFeature:
    base = feature.resolve("log_mel", RATE, {})
    return replace(base, variant=variant.resolve(settings, plugins.INSTALLED))


def test_a_variant_s_features_have_a_key_of_their_own(tmp_path: Path):
    base = feature.resolve("log_mel", RATE, {})
    assert "variant" not in base.description()
    keys = [base.key, stored(name="speed").key, stored(name="speed", factor=0.9).key]
    for level in (0.5, 0.25):
        write(tmp_path / "device.wav", np.array([level, 0.1]), RATE)
        write(tmp_path / f"{level}.wav", np.array([level]), RATE)
        keys.append(stored(name="impulse_response", folder=str(tmp_path)).key)
    assert len(set(keys)) == len(keys)
    assert stored(name="speed", factor=1.1).key == stored(name="speed").key  # its default


def sets(lengths: tuple[int, ...]) -> clips.ClipSet:
    """Clips of 4 frames of two recordings, whose frames hold 10 · recording + clip."""
    arrays = [
        np.repeat(10.0 * r + np.arange(n), 4)[:, None].astype(np.float32)
        for r, n in enumerate(lengths)
    ]
    grid = clips.clip_grid_from_frames(4, 0.0)
    return clips.from_recordings(arrays, grid, no_standardisation(1))


def test_an_epoch_has_each_clip_once_from_the_recording_or_a_variant():
    varied = VariedClips((sets((3, 2)), sets((2, 2))))
    drawn = {tuple(varied.draw(np.random.default_rng(s)).which_set) for s in range(200)}
    assert len(drawn) == 2**5  # every choice
    for seed in range(20):
        epoch = varied.draw(np.random.default_rng(seed))
        np.testing.assert_array_equal(epoch.owners, varied.owners)
        frames, mask = epoch.batch(np.arange(5))
        assert mask is None
        numbers = frames[:, 0, 0]
        for clip, expected in enumerate((0, 1, 2, 10, 11)):
            other = 0 if expected == 2 else expected  # the variant has two clips: 2 mod 2
            assert numbers[clip] == (other if epoch.which_set[clip] else expected)


def test_clips_at_random_places_vary_too():
    base, shorter = sets((6, 4)), sets((3, 2))
    grid = clips.clip_grid_from_frames(4, 0.0)

    def random(of: clips.ClipSet, lengths: tuple[int, int]) -> crops.RandomCrops:
        counts = 4 * np.array(lengths)
        firsts = np.cumsum(counts) - counts
        return crops.random_crops(of.frames, firsts, counts, grid, no_standardisation(1))

    varied = VariedClips((random(base, (6, 4)), random(shorter, (3, 2))))
    epoch = varied.draw(np.random.default_rng(0))
    np.testing.assert_array_equal(epoch.owners, [0] * 6 + [1] * 4)
    frames, _ = epoch.batch(np.arange(10))
    np.testing.assert_array_equal(frames[:, 0, 0] // 10, epoch.owners)


def test_an_estimator_has_the_clips_of_all():
    varied = VariedClips((sets((3, 2)), sets((2, 2))))
    every, labels = varied.joined(np.array([7, 7, 7, 5, 5]))
    assert len(every) == 9
    np.testing.assert_array_equal(labels, [7, 7, 7, 5, 5, 7, 7, 5, 5])
    np.testing.assert_array_equal(every.owners, [0, 0, 0, 1, 1, 0, 0, 1, 1])
    frames, _ = every.batch(np.arange(9))
    np.testing.assert_array_equal(frames[:, 0, 0], [0, 1, 2, 10, 11, 0, 1, 10, 11])


def test_a_recipe_names_its_variants():
    speeds = "variants=[{name: speed, factor: 0.9}, {name: noise}]"
    chosen = recipe.load("toy_lstm", [speeds])
    assert [each["name"] for each in chosen.variants] == ["speed", "noise"]
    assert chosen.variants[1]["snr_db"] == 20.0
    assert chosen.signature() != recipe.load("toy_lstm").signature()
    assert "variants" not in recipe.load("toy_lstm").settings  # signatures of before go on


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ("[{name: sped}]", "unknown variant 'sped'; did you mean speed"),
        ("[{name: speed, factr: 2}]", "unknown key in variants.0 'factr'; did you mean factor"),
        ("[{name: speed, factor: 0}]", "variants.0.factor = 0: input should be greater"),
        ("[{factor: 1}]", "variants.0.name is missing"),
    ],
)
def test_faults_of_variants_are_named(variants: str, message: str):
    with pytest.raises(AscError, match=message):
        recipe.load("toy_lstm", [f"variants={variants}"])


@pytest.fixture
def noisy() -> recipe.Recipe:
    return recipe.load("toy_lstm", [*SMALL, "variants=[{name: noise, snr_db: 0}]"])


def test_variants_are_computed_once_and_told_before(toy_root: Path, noisy: recipe.Recipe):
    notes: list[str] = []
    first = workflow.extract(noisy, data=toy_root, jobs=1, note=notes.append)
    assert first.computed == 2 * 60 and len(first.variants) == 1
    [note] = notes
    assert re.match(r"variants: 1 more of each recording; about \d+ MB of features", note)
    again = workflow.extract(noisy, data=toy_root, jobs=1, note=notes.append)
    assert again.computed == 0 and again.reused == 2 * 60 and len(notes) == 1
    plain = workflow.extract(recipe.load("toy_lstm", SMALL), data=toy_root, jobs=1)
    assert plain.computed == 0 and plain.key != first.key


@pytest.mark.campaign
def test_any_jobs_and_a_kill_give_the_same_bits(
    toy_root: Path, noisy: recipe.Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    runs = []
    for jobs in (1, 2):
        monkeypatch.setenv("ASC_HOME", str(tmp_path / str(jobs)))
        runs.append(workflow.train(noisy, data=toy_root, folds=[1, 2], jobs=jobs).run)
    folder = runs[1] / "fold01"
    for name in ("model.safetensors", "predictions.csv"):
        expected = (runs[0] / "fold01" / name).read_bytes()
        assert (folder / name).read_bytes() == expected
        (folder / name).unlink()  # as if killed after the last checkpoint
    (runs[1] / "metrics.json").unlink()
    workflow.train(noisy, data=toy_root, folds=[1, 2], jobs=1)
    for name in ("model.safetensors", "predictions.csv"):
        assert (folder / name).read_bytes() == (runs[0] / "fold01" / name).read_bytes()
    model = [*workflow.predict([next(toy_root.glob("audio/*.wav"))])]
    assert model[0].scenes  # the recording as it is


@pytest.mark.campaign
def test_a_model_that_fits_itself_has_the_clips_of_all(toy_root: Path):
    quick = [*QUICK["gmm"], "variants=[{name: speed, factor: 1.25}]"]
    done = workflow.train(recipe.load("toy_mfcc_gmm", quick), data=toy_root, folds=[1], jobs=1)
    plain = workflow.train(
        recipe.load("toy_mfcc_gmm", quick[:-1]), data=toy_root, folds=[1], jobs=1
    )
    rows = [predictions.read(run.run / "predictions.csv") for run in (done, plain)]
    assert not np.array_equal(rows[0].probabilities, rows[1].probabilities)


def test_a_list_is_shown_in_the_conditions_as_names_and_parameters():
    ours = recipe.load("toy_lstm", ["variants=[{name: speed, factor: 0.8}]"])
    [change] = changes(ours.settings, recipe.load("toy_lstm").settings)
    assert (change.key, change.value) == ("variants", "speed (factor 0.8)")
