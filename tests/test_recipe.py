"""Recipes: laid over each other, checked as a whole, signed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.recipe import ensemble
from asc_cli.recipe import load as recipe

SHIPPED = [n for n in plugins.recipe_names() if isinstance(ensemble.load(n), recipe.Recipe)]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_is_complete_and_described(name: str):
    loaded = recipe.load(name)
    assert loaded.settings["description"] and loaded.name == name
    if name.startswith(("litis_", "dcase_")) and not name.endswith("_crnn"):  # which is no row
        assert loaded.paper, "a row of Table 1 carries the paper's error"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_resolved_recipe_is_a_recipe(name: str, tmp_path: Path):
    loaded = recipe.load(name)
    path = tmp_path / f"{name}.yaml"
    path.write_text(loaded.yaml())
    assert recipe.load(path) == loaded
    assert recipe.load(path).signature() == loaded.signature()


def test_the_lstm_recipes_hold_the_paper_s_settings():
    litis, dcase = recipe.load("litis_lstm"), recipe.load("dcase_lstm")
    for loaded in (litis, dcase):
        assert (loaded.training.epochs, loaded.training.learning_rate) == (100, 1e-3)
        assert (loaded.training.l2, loaded.training.batch_size) == (1e-4, 128)
        assert (loaded.clips.length_s, loaded.clips.overlap) == (1.0, 0.5)
        assert loaded.features["frame_samples"] == 1024 and loaded.features["hop_samples"] == 220
        assert loaded.features["n_mels"] == 64 and loaded.model["n_hidden"] == 128
    assert (litis.model["dropout"], dcase.model["dropout"]) == (0.0, 0.5)


def test_overrides_change_one_key_and_the_signature():
    plain, changed = recipe.load("toy_lstm"), recipe.load("toy_lstm", ["training.epochs=5"])
    assert changed.training.epochs == 5
    assert changed.training.batch_size == plain.training.batch_size
    assert plain.signature() != changed.signature()
    assert plain.signature("data 1") != plain.signature("data 2")
    assert recipe.load("toy_lstm", ["training.epochs=5"]).signature() == changed.signature()


def test_a_number_as_yaml_1_1_misreads_it_is_a_number():
    assert recipe.load("toy_lstm", ["training.l2=1e-4"]).training.l2 == 1e-4


def test_another_model_does_not_inherit_parameters(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: dcase_lstm\nfeatures: {name: log_mel}\ntraining: {epochs: 3}\n")
    loaded = recipe.load(path)
    assert loaded.model["dropout"] == 0.5 and loaded.training.epochs == 3


def test_another_name_from_the_command_line_starts_its_section_afresh():
    loaded = recipe.load("toy_lstm", ["features.name=mfcc", "features.sample_rate=22050"])
    assert loaded.features["name"] == "mfcc" and "n_mels" in loaded.features
    same = recipe.load("toy_lstm", ["model.name=lstm"])
    assert same.model == recipe.load("toy_lstm").model


def test_extends_a_file_beside_it(tmp_path: Path):
    (tmp_path / "base.yaml").write_text("extends: toy_lstm\ntraining: {epochs: 7}\n")
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\nmodel: {n_hidden: 4}\n")
    loaded = recipe.load(tmp_path / "mine.yaml")
    assert (loaded.training.epochs, loaded.model["n_hidden"]) == (7, 4)


FIVE_FAULTS = """\
extends: toy_lstm
datset: litis
features:
  n_melz: 64
training:
  epochs: many
  learing_rate: 0.1
model: {n_hiden: 64}
"""


def test_five_faults_are_listed_at_once_with_lines_and_suggestions(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(FIVE_FAULTS)
    with pytest.raises(AscError) as caught:
        recipe.load(path)
    first, *faults = str(caught.value).split("\n")
    assert first == "recipe mine: 5 faults"
    assert len(faults) == 5
    expected = [
        (2, "unknown key 'datset'; did you mean dataset?"),
        (4, "unknown key in features 'n_melz'; did you mean n_mels?"),
        (6, "training.epochs = 'many': input should be a valid integer"),
        (7, "unknown key in training 'learing_rate'; did you mean learning_rate?"),
        (8, "unknown key in model 'n_hiden'; did you mean n_hidden?"),
    ]
    for line, what in expected:
        assert any(f"{path}:{line}: {what}" in fault for fault in faults), (line, what, faults)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no keys; a mapping such as 'dataset: litis' expected"),
        ("- a\n", "holds no keys; a mapping"),
        ("a: [1\n", "mine.yaml:2: not YAML: "),
        ("dataset: toy\n", "mine.yaml:1: features is missing"),
        ("extends: toy_lstm\ndataset: toi\n", ":2: unknown dataset 'toi'; did you mean toy\\?"),
        ("extends: toy_lstm\nmodel: {name: lstn}\n", "lstn"),
        (
            "extends: toy_lstm\nmodel: {n_hidden: 3}\nmodel: {n_hidden: 4}\n",
            ":3: duplicate key 'model'",
        ),
        (
            "dataset: toy\n? [a]\n: 1\n",
            ":2: a list or a mapping stands where a key was expected",
        ),
        (
            "extends: toy_lstm\nevaluation: {aggregate: median}\n",
            "should be 'mean', 'vote' or 'log_",
        ),
        (
            "extends: toy_lstm\nclips: {overlap: 1.5}\n",
            "clips.overlap = 1.5: input should be less t",
        ),
        ("extends: toy_lstn\n", "unknown recipe 'toy_lstn'; did you mean toy_lstm?"),
        ("extends: mine.yaml\n", "extends itself: mine.yaml → mine.yaml"),
    ],
)
def test_faults_name_the_error_and_its_place(tmp_path: Path, text: str, message: str):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(AscError, match=message):
        recipe.load(path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", "--set training.epochs: section.key=value was expected"),
        (
            "training.epochs=0",
            "--set training.epochs=0: training.epochs = 0: input should be great",
        ),
        ("training.epoch=5", "unknown key in training 'epoch'; did you mean epochs?"),
        ("dataset.name=x", "--set dataset.name=x: dataset is a value, not a section"),
    ],
)
def test_overrides_are_checked_too(override: str, message: str):
    with pytest.raises(AscError, match=message):
        recipe.load("toy_lstm", [override])


def test_missing_recipes():
    with pytest.raises(AscError, match="unknown recipe 'toy_lstn'; did you mean toy_lstm"):
        recipe.find("toy_lstn")
    with pytest.raises(AscError, match="my/toy_lst.yaml: there is no such file; the shipped recip"):
        recipe.find("my/toy_lst.yaml")
    assert recipe.find("recipes/toy_lstm.yaml").name == "toy_lstm.yaml"


def test_the_schema_knows_every_section_and_parameter():
    schema = recipe.schema()
    assert {"dataset", "features", "model", "training", "extends"} <= set(schema["properties"])
    text = str(schema)
    for parameter in plugins.parameters("features", "log_mel"):
        assert f"'{parameter.name}'" in text


def test_keys_that_a_source_names_must_exist(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: toy_lstm\nsource: {reference: none, stated: [modle.n_hidden], ours: [clips]}\n"
    )
    with pytest.raises(AscError, match=r"unknown key 'modle.n_hidden'; did you mean model.n_hidd"):
        recipe.load(path)


STREAM = "extends: yt8m_toy_lstm\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("features: {name: log_mel}\n", "features: yt8m_toy is a stream .*: its shards hold feat"),
        ("clips: {overlap: 0.1}\n", "clips: yt8m_toy is a stream of shards: a video is one seq"),
        ("validation: {fraction: 0.1}\n", "validation: .* its validation part is stream.validat"),
        ("evaluation: {aggregate: vote}\n", "evaluation: .* its figures are GAP, Hit@1 and PERR"),
        ("exclude: [a]\n", "exclude: .* leave shards out by stream.train_part"),
        ("subset: 5\n", "subset: .* none is published"),
        ("training: {curve_every: 2}\n", "curve_every: a stream is evaluated after every epoch"),
        ("model: {name: lstm}\n", "model.name = lstm: gives one scene; yt8m_toy has many labels"),
        ("paper: {error: 2}\n", "paper.gap is missing"),
        ("stream: {bufer: 2}\n", "unknown key in stream 'bufer'; did you mean buffer?"),
        ("stream: null\n", "stream is missing; yt8m_toy is read as a stream of shards"),
        ("dataset: toy\n", "stream: toy is no stream of shards; remove the section"),
        ("dataset: toy\n", "labels videos, each with many; toy has one scene a recording"),
    ],
)
def test_what_a_stream_has_no_use_for_is_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "mine.yaml"
    path.write_text(STREAM + text)
    with pytest.raises(AscError, match=message):
        recipe.load(path)


def test_what_only_a_stream_has_is_refused_elsewhere(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: toy_lstm\npaper: {gap: 0.8}\nstream: {buffer: 3}\n")
    with pytest.raises(AscError, match="stream: toy is no stream of shards") as caught:
        recipe.load(path)
    assert "paper.error is missing" in str(caught.value)


def test_the_video_recipes_hold_table_2():
    rows = {
        "lstm": (0.8080, 0.8631, 5),
        "ta": (0.8152, 0.8668, 4),
        "sa": (0.8163, 0.8687, 3),
        "ta_sa": (0.8172, 0.8702, 3),
    }
    for name, row in rows.items():
        loaded = recipe.load(f"yt8m_{name}")
        assert loaded.paper and loaded.stream
        assert (loaded.paper.gap, loaded.paper.hit_at_1, loaded.paper.epoch) == row
        training, stream = loaded.training, loaded.stream
        assert (training.batch_size, training.learning_rate, training.l2) == (128, 1e-3, 1e-8)
        assert (stream.decay, stream.decay_every, stream.clip_norm) == (0.95, 4_000_000, 1.0)
        assert (stream.rgb + stream.audio, stream.n_labels, stream.max_frames) == (1152, 4716, 300)
        assert recipe.load(f"yt8m_toy_{name}").model["attention"] == loaded.model["attention"]


@pytest.mark.parametrize(
    ("old", "new"), [("gru", "label_tree_gru"), ("cnn_1max", "label_tree_cnn")]
)
def test_a_model_by_its_name_of_0_1_0_is_the_same_recipe(tmp_path: Path, old: str, new: str):
    """Its runs too: without the code, which 0.1.0 did not count, the signature is the same."""
    text = "dataset: toy\nfeatures: {name: log_mel}\nmodel: {name: NAME}\n"
    for name in (old, new):
        (tmp_path / f"{name}.yaml").write_text(text.replace("NAME", name))
    before, now = (recipe.load(tmp_path / f"{name}.yaml") for name in (old, new))
    assert before.settings == now.settings and now.settings["model"]["name"] == new
    parameters = (
        "name",
        "sample_rate",
        "n_mels",
        "frame_samples",
        "hop_samples",
        "f_min_hz",
        "f_max_hz",
    )
    signed = {
        **now.settings,
        "model": {**now.settings["model"], "name": old},
        "features": {key: now.settings["features"][key] for key in parameters},  # of 0.1.0
    }
    expected = hashlib.sha256(json.dumps([signed, "data"], sort_keys=True).encode()).hexdigest()
    assert before.signature("data", code=False) == expected[:12]
    assert now.signature("data", code=False) == expected[:12]
    assert before.signature("data") == now.signature("data")
    assert plugins.load("models", old) is plugins.load("models", new)


@pytest.mark.parametrize(
    "override",
    [
        "training.learning_rate=.inf",
        "clips.length_s=.inf",
        "augment=[{name: gain, db: .inf}]",
        "distil={teachers: [a], temperature: .inf}",
    ],
)
def test_an_infinite_number_is_refused_as_a_fault_of_the_recipe(override: str):
    """No JSON holds it, so that a run with it could not be written."""
    key = "distil" if "distil" in override else override.split("=")[0]
    with pytest.raises(AscError, match=rf"--set .*: {key}.* = inf: input should be a finite"):
        recipe.load("toy_cp_mobile", [override])
