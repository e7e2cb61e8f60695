"""evaluation.variants: variants of a recording are scored beside it, at test and in prediction."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from asc_cli import workflow
from asc_cli.audio import decode
from asc_cli.cli.features import _recipes_by_feature
from asc_cli.core import paths
from asc_cli.core.errors import AscError
from asc_cli.evaluation import predictions
from asc_cli.frontend import feature, variant
from asc_cli.inference import engine, ensemble, explain, live
from asc_cli.inference import evaluate as costs_of
from asc_cli.recipe import ensemble as recipes_or_ensembles
from asc_cli.recipe import load as recipe
from asc_cli.recipe.ensemble import AnyRecipe
from asc_cli.registry import models
from asc_cli.variants import speed
from asc_cli.variants.speed import Speed
from tests.conftest import QUICK, SMALL, Asc, Once

FASTER = "evaluation.variants=[{name: speed, factor: 1.25}]"


@pytest.fixture(scope="session")
def tested_with_variants(once: Once, toy_root: Path) -> Path:
    """A home with toy_lstm@1: SMALL, fold 1, a variant at test; and its run."""

    def make(home: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ASC_HOME", str(home))
            chosen = recipe.load("toy_lstm", [*SMALL, FASTER])
            workflow.train(chosen, data=toy_root, folds=[1], jobs=1)

    return once("tested-with-variants", make)


@pytest.fixture
def model(tested_with_variants: Path, monkeypatch: pytest.MonkeyPatch) -> models.Model:
    monkeypatch.setenv("ASC_HOME", str(tested_with_variants))
    return models.find("toy_lstm")


def test_a_recipe_lists_variants_at_test():
    plain, tested = recipe.load("toy_lstm"), recipe.load("toy_lstm", [FASTER])
    assert tested.evaluation.variants == ({"name": "speed", "factor": 1.25},)
    assert tested.variants == () and "variants" not in plain.settings["evaluation"]
    assert tested.signature() != plain.signature()
    assert {"kind": "variants", "name": "speed"}.items() <= tested.code()[3].items()
    other = recipe.load("toy_lstm", [FASTER, "evaluation.variants.0.factor=0.8"])
    assert other.evaluation.variants[0]["factor"] == 0.8


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ("[{name: sped}]", r"evaluation.variants.0: unknown variant 'sped'; did you mean speed"),
        ("[{name: speed, factr: 2}]", "in evaluation.variants.0 'factr'; did you mean factor"),
        ("[{name: speed, factor: 0}]", "evaluation.variants.0.factor = 0: input should be gr"),
        ("[{factor: 1}]", "evaluation.variants.0.name is missing"),
        ("speed", "evaluation.variants = 'speed': input should be a valid tuple"),
    ],
)
def test_faults_of_variants_at_test_are_named(variants: str, message: str):
    with pytest.raises(AscError, match=message):
        recipe.load("toy_lstm", [f"evaluation.variants={variants}"])


def test_a_fault_of_a_variant_at_test_has_its_line(tmp_path: Path):
    file = tmp_path / "own.yaml"
    text = "extends: toy_lstm\nevaluation:\n  variants:\n    - name: speed\n      factr: 2\n"
    file.write_text(text)
    with pytest.raises(AscError, match=r"own\.yaml:5: unknown key in evaluation.variants.0"):
        recipe.load(file)


def test_shards_of_videos_have_none():
    with pytest.raises(AscError, match="its figures are GAP"):
        recipe.load("yt8m_toy_lstm", [FASTER])


def scored(model: models.Model, loaded: ensemble.Loaded, samples: np.ndarray) -> np.ndarray:
    [outcome] = engine.score(loaded, engine.Request(model), [(Path("x"), lambda rate: [samples])])
    return outcome.probabilities


def test_a_prediction_is_the_mean_over_the_clips_of_recording_and_variant(
    model: models.Model, toy_root: Path
):
    loaded = ensemble.load(model)
    alone = replace(loaded, variants=())
    rate = loaded.feature.sample_rate
    samples = np.tile(decode.read(next(toy_root.glob("audio/*.wav")), rate), 2)  # 2.4 s
    expected, total = np.zeros(len(loaded.labels)), 0
    for version in (samples, Speed(1.25)(samples, rate)):
        n_frames = loaded.feature.framing.count(len(version))
        n_clips = len(loaded.clip_grid.starts(n_frames))
        expected += n_clips * scored(model, alone, version)
        total += n_clips
    assert total == 3 + 2  # the faster one is shorter
    np.testing.assert_allclose(scored(model, loaded, samples), expected / total, atol=1e-12)


def test_training_evaluation_and_prediction_agree(model: models.Model, toy_root: Path):
    folder = paths.runs() / model.card["run"]
    run = predictions.read(folder / "predictions.csv")
    of_run = workflow.evaluate(folder).to_dict()
    of_model = workflow.evaluate("toy_lstm", dataset="toy", data=toy_root, jobs=1).to_dict()
    assert of_model["log_loss"] == pytest.approx(of_run["log_loss"])
    files = [toy_root / file for file in run.files[:5]]
    predicted = {Path(p.file).name: p for p in workflow.predict(files, model="toy_lstm")}
    for file, row in zip(run.files[:5], run.probabilities, strict=False):
        scenes = predicted[Path(file).name].scenes
        np.testing.assert_allclose([scenes[scene] for scene in run.scenes], row, atol=2e-6)


def test_the_recording_itself_as_a_variant_changes_no_score(
    tested_with_variants: Path, toy_root: Path
):
    rows = []
    for overrides in ([], ["evaluation.variants=[{name: speed, factor: 1}]"]):
        chosen = recipe.load("toy_mfcc_gmm", [*QUICK["gmm"], *overrides])
        done = workflow.train(chosen, data=toy_root, folds=[1], jobs=1)
        rows.append(predictions.read(done.run / "predictions.csv"))
    np.testing.assert_allclose(rows[0].probabilities, rows[1].probabilities, atol=1e-12)


def test_features_of_variants_at_test_are_of_all_recordings(toy_root: Path):
    both = recipe.load("toy_lstm", [*SMALL, FASTER, "variants=[{name: speed, factor: 1.25}]"])
    done = workflow.extract(both, data=toy_root, jobs=1)
    assert done.computed == 2 * 60 and done.variants == done.test_variants
    tested = recipe.load("toy_lstm", [*SMALL, FASTER])
    again = workflow.extract(tested, data=toy_root, jobs=1)
    assert again.computed == 0 and again.variants == () and len(again.test_variants) == 1


def test_validation_is_scored_as_the_test_part_is(toy_root: Path):
    """A temperature is fitted on what it will scale."""
    held_out = ["validation={fraction: 0.2, by: recording}", "evaluation.calibrate=temperature"]
    temperatures = []
    for overrides in ([], [FASTER]):
        chosen = recipe.load("toy_lstm", [*SMALL, *held_out, *overrides])
        workflow.train(chosen, data=toy_root, folds=[1], jobs=1)
        temperatures.append(ensemble.load(models.find("toy_lstm")).members[0].temperature)
    assert temperatures[0] != temperatures[1]


REFUSED: dict[str, Callable[[models.Model, Path], object]] = {
    "a timeline": lambda model, file: [*workflow.predict([file], timeline_s=2.0)],
    "listen": lambda model, file: next(live.listen([np.zeros(9)], 16_000)),
    "--explain": lambda model, file: explain.explain(file),
    "export": lambda model, file: workflow.export(None, "onnx", file.with_suffix(".onnx")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_takes_parts_of_a_recording_is_refused(what: str, model: models.Model, toy_root: Path):
    expected = rf"^{what}: model toy_lstm@1 scores variants of a whole recording beside it \(eval"
    with pytest.raises(AscError, match=expected):
        REFUSED[what](model, next(toy_root.glob("audio/*.wav")))


def test_a_feature_of_a_recording_as_a_whole_is_the_first_reason(model: models.Model):
    described = feature.resolve("texture", 22_050, {}).description()
    whole = replace(model, card={**model.card, "feature": described})
    with pytest.raises(AscError, match=r"describes a recording as a whole \(texture\)"):
        ensemble.require_parts(whole, "a timeline")


def test_costs_count_every_version_of_a_recording(model: models.Model, toy_root: Path, home: Path):
    twice = costs_of.costs(model)
    assert twice.macs_per_clip is not None and twice.macs_per_second is not None
    loaded = ensemble.load(model)
    seconds = loaded.clip_grid.step_frames * loaded.feature.hop_seconds
    assert twice.macs_per_second == pytest.approx(2 * twice.macs_per_clip / seconds, rel=1e-3)


def test_a_model_refuses_a_variant_that_is_computed_otherwise_now(
    model: models.Model, monkeypatch: pytest.MonkeyPatch
):
    assert model.card[variant.CARD_KEY][0]["parameters"] == {"factor": 1.25}
    assert yaml.safe_dump(model.card[variant.CARD_KEY])
    other = {**model.card, variant.CARD_KEY: [{**model.card[variant.CARD_KEY][0], "version": 0}]}
    assert speed.VERSION != 0
    with pytest.raises(AscError, match=r"tested with variants \(speed\) that this asc computes ot"):
        ensemble.load(replace(model, card=other))


def test_asc_tune_chooses_variants_at_test(asc: Asc, toy_root: Path):
    words = ["--set", "model.n_components=2", "--data", toy_root, "--jobs", "1", "--folds", "1"]
    tried = "evaluation.variants=[],[{name: speed, factor: 0.8}]"
    done = asc("tune", "toy_mfcc_gmm", "--try", tried, *words)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\[\{name: speed, factor: 0\.8\}\]", done.stdout)


def test_features_of_a_dataset_include_the_variants_of_each_recipe(
    monkeypatch: pytest.MonkeyPatch,
):
    load = recipes_or_ensembles.load

    def changed(name: str, overrides: Sequence[str] = ()) -> AnyRecipe:
        return load(name, [*overrides, *([FASTER] if name == "toy_ta" else [])])

    monkeypatch.setattr(recipes_or_ensembles, "load", changed)
    rows = {names[0]: names for _, names in _recipes_by_feature(None, "toy", [])}
    assert rows["toy_ta"] == ["toy_ta"] and "toy_sa" in rows["toy_lstm"]
