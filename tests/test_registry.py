"""Models come, are chosen, go elsewhere and come back; nothing is ever unpickled."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from asc_cli.core import paths, tensors
from asc_cli.core.errors import AscError
from asc_cli.registry import models
from asc_cli.registry.archive import export, import_file
from asc_cli.registry.training_files import TrainingFile
from tests.conftest import minimal_card


def card(created: str = "2026-01-01T00:00:00+00:00") -> dict:
    return {
        **minimal_card(created),
        "metrics": {"accuracy": 0.75, "headline": "accuracy"},
        "dataset": {"title": "made up", "licence": "none"},
    }


@pytest.fixture
def weights(tmp_path: Path) -> dict[int, Path]:
    path = tmp_path / "weights.safetensors"
    tensors.save(path, {"model.w": torch.ones(2)})
    return {1: path, 2: path}


def test_versions_count_up_and_the_newest_is_the_default(weights):
    first = models.register("a", card("2026-01-01T00:00:00+00:00"), weights)
    second = models.register("a", card("2026-01-02T00:00:00+00:00"), weights)
    other = models.register("b", card("2026-01-03T00:00:00+00:00"), weights)
    assert [first.id, second.id, other.id] == ["a@1", "a@2", "b@1"]
    assert models.find("a").id == "a@2" and models.find("a@1").id == "a@1"
    assert models.find().id == "b@1"
    assert models.find("a").member(2).read_bytes() == weights[2].read_bytes()
    assert models.find("a").card["folds"] == [1, 2]


def test_use_holds_until_the_model_is_removed(weights):
    models.register("a", card(), weights)
    models.use("a@1")
    models.register("b", card("2026-01-03T00:00:00+00:00"), weights)
    assert models.find().id == "a@1"
    models.remove("a@1")
    assert models.find().id == "b@1"
    assert not (paths.models() / "a" / "1").exists()


def test_a_version_number_is_never_given_twice(weights):
    models.register("a", card(), weights)
    models.register("a", card(), weights)
    models.remove("a@2")
    assert models.register("a", card(), weights).id == "a@3"
    for version in (1, 3):
        models.remove(f"a@{version}")
    assert models.register("a", card(), weights).id == "a@4"


def test_of_models_made_in_one_second_the_tenth_is_newer_than_the_ninth(weights):
    for _ in range(10):
        models.register("a", card(), weights)
    assert models.find().id == "a@10"


def test_one_damaged_card_stops_no_other_model(weights):
    bad = models.register("bad", card(), weights)
    (bad.folder / "card.yaml").write_text("")
    with pytest.raises(AscError, match="bad/1/card.yaml: holds no keys"):
        models.find()
    models.register("a", card(), weights)
    assert models.find().id == "a@1" and [m.id for m in models.models()] == ["a@1"]
    assert len(models.damaged()) == 1
    with pytest.raises(AscError, match="bad/1/card.yaml: holds no keys"):
        models.find("bad@1")


def test_an_invalid_choice_is_reported(weights):
    models.register("a", card(), weights)
    (paths.models() / "default.json").write_text("")
    with pytest.raises(AscError, match="default.json: not the choice that asc models use writes"):
        models.find()
    models.use("a@1")
    assert models.find().id == "a@1"


def test_the_readme_is_for_a_person(weights):
    text = (models.register("a", card(), weights).folder / "README.md").read_text()
    assert "# a@1" in text and "- park" in text and "| accuracy | 0.7500 |" in text
    assert "asc predict --model a@1" in text and "22050 Hz" in text


def test_a_model_is_exported_and_imported(weights, tmp_path: Path, monkeypatch):
    created = models.register("a", card(), weights)
    export("a", tmp_path / "a.zip")
    monkeypatch.setenv("ASC_HOME", str(tmp_path / "elsewhere"))
    back = import_file(tmp_path / "a.zip")
    assert back.card == created.card and back.member(1).read_bytes() == weights[1].read_bytes()
    assert import_file(tmp_path / "a.zip").id == "a@2"


@pytest.mark.parametrize("date", [86_400, 5_000_000_000])
def test_an_export_does_not_depend_on_files_dates(weights, tmp_path: Path, date: int):
    model = models.register("a", card(), weights)
    export("a", tmp_path / "a.zip")
    os.utime(model.folder / "card.yaml", (date, date))  # before 1980, or after 2107
    export("a", tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def hostile(path: Path, *members: tuple[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members:
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "fold01.pkl", "sub/card.yaml", "a\\b"])
def test_an_import_takes_nothing_but_a_model_s_files(tmp_path: Path, name: str):
    path = hostile(tmp_path / "x.zip", (name, "evil"))
    with pytest.raises(AscError, match="holds .*, which no model holds; refused"):
        import_file(path)
    assert not list(paths.models().glob("*")) and not (tmp_path / "evil").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path):
    path = hostile(tmp_path / "x.zip", ("card.yaml", "a"))
    contents = path.read_bytes().replace((1).to_bytes(4, "little") * 2, b"\xff\xff\xff\x7f" * 2)
    path.write_bytes(contents)
    with pytest.raises(
        AscError, match="bytes would unpack to 2147483647 or more, .*at most 20 times"
    ):
        import_file(path)


def deep(archive: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            end = b"z: " + b"[" * 200_000 if name == "card.yaml" else b""
            target.writestr(name, source.read(name) + end)
    return out.getvalue()


def flipped(archive: bytes) -> bytes:
    middle = len(archive) // 2
    return archive[:middle] + bytes([archive[middle] ^ 1]) + archive[middle + 1 :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (deep, "card.yaml:.* nested more than 60 deep; get the file again"),
        (flipped, "is damaged, or no zip or tar archive"),
        (lambda archive: archive[: len(archive) // 2], r"\(no zip file\)"),
    ],
)
def test_a_damaged_archive_is_refused_and_leaves_nothing(
    weights, tmp_path: Path, damage: Callable[[bytes], bytes], message: str
):
    models.register("a", card(), weights)
    export("a", tmp_path / "a.zip")
    (tmp_path / "b.zip").write_bytes(damage((tmp_path / "a.zip").read_bytes()))
    with pytest.raises(AscError, match=message):
        import_file(tmp_path / "b.zip")
    assert [path.name for path in paths.models().iterdir()] == ["a"]
    assert [model.id for model in models.models()] == ["a@1"]


CARD = (
    "format: {format}\nname: {name}\nversion: 1\ncreated: x\nlabels: [a]\nfolds: [1]\n"
    "feature: {{name: f, version: 1, parameters: {{}}, "
    "audio: {{sample_rate: 8000, decoding: x}}}}\n"
    "recipe: {{dataset: toy, model: {{name: lstm}}, clips: {{length_s: 1, overlap: 0}}, "
    "evaluation: {{aggregate: mean}}}}\n"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not YAML: did not find"),
        ("a: 1", "lacks format, name, version"),
        (
            CARD.format(format=9, name="a"),
            "format 9, and this asc reads 1 and 2; use the version of asc",
        ),
        (CARD.format(format=1, name="a"), r"the weights fold01\.safetensors are not in it"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
    ],
)
def test_a_card_that_is_none_is_refused(tmp_path: Path, text: str, message: str):
    with pytest.raises(AscError, match=message):
        import_file(hostile(tmp_path / "x.zip", ("card.yaml", text)))


def test_a_name_cannot_leave_the_registry(tmp_path: Path):
    text = CARD.format(format=1, name="../../evil")
    path = hostile(tmp_path / "x.zip", ("card.yaml", text), ("fold01.safetensors", "w"))
    with pytest.raises(AscError, match=r"model name '../../evil': letters, digits"):
        import_file(path)


def test_missing_models(weights, tmp_path: Path):
    with pytest.raises(AscError, match=r"no models in .*; train one \(asc train toy_lstm\)"):
        models.find()
    models.register("toy_lstm", card(), weights)
    with pytest.raises(AscError, match="unknown model 'toy_lstn'; did you mean toy_lstm\\?"):
        models.find("toy_lstn")
    with pytest.raises(AscError, match="model toy_lstm has no version '7'; it has 1"):
        models.find("toy_lstm@7")
    with pytest.raises(AscError, match="none.zip: there is no such file"):
        import_file(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(AscError, match="not a model that asc models export wrote"):
        import_file(tmp_path / "text.zip")


def test_training_files_are_read_in_both_forms(weights):
    one, two = TrainingFile("a" * 64, "c" * 64, (1, 3)), TrainingFile("b" * 64, "d" * 64, ())
    model = models.register("a", card(), weights, [two, one])
    path = model.folder / "training_files.txt"
    assert path.read_text() == f"{'a' * 64} {'c' * 64} 1,3\n{'b' * 64} {'d' * 64} -\n"
    assert model.training_files() == (one, two)
    path.unlink()
    with pytest.raises(AscError, match="training_files.txt is damaged: it differs from its check"):
        model.training_files()
    model = models.Model({**model.card, "files": {}}, model.folder)
    assert model.training_files() == ()
    old = model.folder / "heard.txt"  # as 0.1.0 wrote it
    old.write_text(f"{'a' * 64}\n{'b' * 64}\n")
    assert model.training_files() == (TrainingFile("a" * 64), TrainingFile("b" * 64))
    old.write_text(f"{'a' * 64} x\n")
    with pytest.raises(AscError, match="heard.txt:1: not a line of asc's"):
        model.training_files()
