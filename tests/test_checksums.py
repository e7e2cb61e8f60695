"""Every file of ours is checked when it is read: damage is a sentence or mended, never served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from asc_cli import workflow
from asc_cli.core import atomic, checksums, tensors
from asc_cli.core.errors import AscError, DamagedFile
from asc_cli.evaluation import predictions
from asc_cli.inference import ensemble
from asc_cli.recipe import load as recipe
from asc_cli.registry import archive, models
from asc_cli.registry.runs import fold_folder
from asc_cli.training import history
from tests.conftest import SMALL, Asc

PLACES = 90  # in a file, where a bit is changed


@pytest.fixture
def run(two_folds: Path, home: Path) -> Path:
    """The run of toy_lstm@1 in a home of its own."""
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    [folder] = (home / "runs").iterdir()
    return folder


def flips(contents: bytes, bit: int = 1) -> list[bytes]:
    changed = []
    for position in range(0, len(contents), 1 + 2 * (len(contents) // (2 * PLACES))):
        copy = bytearray(contents)
        copy[position] ^= bit
        changed.append(bytes(copy))
    return changed


def never_another(path: Path, read: Callable[[Path], object], expected: object) -> int:
    """Read every damaged form of a file: a sentence or what it held. Returns how many sentences."""
    contents, refused = path.read_bytes(), 0
    cuts = [contents[:end] for end in range(0, len(contents), 1 + len(contents) // 30)]
    for damaged in [*flips(contents), *flips(contents, 0x80), *cuts]:
        path.write_bytes(damaged)
        try:
            assert read(path) == expected
        except AscError as fault:
            assert path.name in str(fault) or isinstance(fault, DamagedFile)
            refused += 1
    path.write_bytes(contents)
    return refused


def test_json(tmp_path: Path) -> None:
    values = {"a": 1.5, "b": ["x", {"é": None}], "nested": {"2": [1, 2, 3]}}
    path = tmp_path / "x.json"
    atomic.write_json(path, values)
    assert atomic.read_json(path) == values
    assert list(json.loads(path.read_text())) == ["checksum", *values]

    def read(path: Path) -> object:  # `checksum` may be misspelt, and is another key then
        read = atomic.read_json(path)
        return {key: read[key] for key in values}

    assert never_another(path, read, values) > PLACES


def test_a_list_has_no_place_for_a_checksum(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "x.json", [1, 2])
    assert (tmp_path / "x.json").read_text() == "[\n  1,\n  2\n]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "it holds no keys"),
        ("3", "it holds no keys"),
        ("{}", "it lacks model"),
        ('{"model": 3}', "its model is 3"),
        ('{"model": null}', "its model is None"),
    ],
)
def test_json_of_another_form(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DamagedFile, match=rf"x\.json: is damaged \({message}\); remove it"):
        atomic.read_json(tmp_path / "x.json", model=str)


def test_weights_and_checkpoints(tmp_path: Path) -> None:
    arrays = {"model.w": torch.arange(6.0).reshape(2, 3), "step": torch.tensor(4)}
    texts = {"history": '[{"checksum":"' + "0" * 64 + '"}]'}
    path = tmp_path / "x.safetensors"
    tensors.save(path, arrays, texts)

    def read(path: Path) -> object:
        file = tensors.load(path)
        named = sorted((name, array.dtype, array.tolist()) for name, array in file.arrays.items())
        return named, file.texts.get("history")

    file = tensors.load(path)
    assert file.checked and file.texts == texts
    assert all(torch.equal(file.arrays[name], array) for name, array in arrays.items())
    assert never_another(path, read, read(path)) > 1.9 * PLACES


def test_weights_without_a_checksum_are_read_and_unchecked(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"model.w": torch.ones(2)}, tmp_path / "old.safetensors")
    file = tensors.load(tmp_path / "old.safetensors")
    assert not file.checked and file.arrays["model.w"].tolist() == [1, 1]


def test_text_has_a_file_beside_it_that_sha256sum_reads(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    atomic.write_checked(path, b"a,b\n1,2\n")
    assert atomic.read_checked(path) == b"a,b\n1,2\n"
    sidecar = tmp_path / "x.csv.sha256"
    assert sidecar.read_text() == checksums.of_bytes(b"a,b", b"\n1,2\n") + "  x.csv\n"
    path.write_bytes(b"a,b\n1,3\n")
    with pytest.raises(DamagedFile, match=r"it differs from x.csv.sha256.* remove x.csv.sha256"):
        atomic.read_checked(path)
    sidecar.unlink()
    assert atomic.read_checked(path) == b"a,b\n1,3\n"


def test_a_kill_between_text_and_checksum_leaves_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.csv"
    for stop_at in range(1, 4):
        atomic.write_checked(path, b"old\n")
        with monkeypatch.context() as patch:
            _stop(patch, stop_at)
            with pytest.raises(KeyboardInterrupt):
                atomic.write_checked(path, b"new\n")
        assert atomic.read_checked(path) in (b"old\n", b"new\n")


def _stop(patch: pytest.MonkeyPatch, at: int) -> None:
    """The `at`-th unlink or rename is the last thing that happens."""
    calls = 0

    def counted(function: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object, **more: object) -> None:
            nonlocal calls
            calls += 1
            if calls > at - 1:
                raise KeyboardInterrupt
            function(*arguments, **more)

        return call

    patch.setattr(atomic.os, "replace", counted(atomic.os.replace))
    patch.setattr(Path, "unlink", counted(Path.unlink))


def test_a_card(run: Path) -> None:
    model = models.find("toy_lstm")
    path = model.folder / "card.yaml"
    assert model.checked and path.read_text().startswith("checksum: ")
    assert set(model.card["files"]) == {
        "fold01.safetensors",
        "fold02.safetensors",
        "training_files.txt",
    }

    def read(path: Path) -> object:
        card = models.read_card(path.parent).card
        return {key: card[key] for key in model.card}

    assert never_another(path, read, model.card) > PLACES


def test_an_edited_card(run: Path) -> None:
    """Who edits a card deletes its checksum; it is said to have none from then on."""
    model = models.find("toy_lstm")
    path = model.folder / "card.yaml"
    text = path.read_text().replace("created: '20", "created: '19")
    path.write_text(text)
    with pytest.raises(AscError, match="differs from its checksum; .*delete the line `checksum`"):
        models.read_card(model.folder)
    path.write_text(text.partition("\n")[2])
    [remark] = models.find("toy_lstm@1").remarks()
    assert remark.startswith("model toy_lstm@1: card.yaml: without a checksum")


def test_one_bit_of_a_member_s_file(run: Path, tmp_path: Path) -> None:
    """Weights, standardisation, and the list of training files; also another fold's weights."""
    model = models.find("toy_lstm")
    for name in model.card["files"]:
        path = model.folder / name
        contents = path.read_bytes()
        for damaged in (*flips(contents)[::9], contents[:-1], b""):
            path.write_bytes(damaged)
            with pytest.raises(AscError, match=f"toy_lstm@1: .*{name} is damaged"):
                model.require_intact(name)
        with pytest.raises(AscError, match=f"{name} is damaged: it differs .* import the model ag"):
            archive.export("toy_lstm", tmp_path / "m.zip")
        path.unlink()
        with pytest.raises(AscError, match=f"{name} is damaged"):
            model.require_intact()
        path.write_bytes(contents)
    shutil.copyfile(model.member(1), model.member(2))
    with pytest.raises(AscError, match="fold02.safetensors is damaged"):
        ensemble.load(model)


def test_a_zip_with_damaged_weights_is_refused(run: Path, tmp_path: Path) -> None:
    import zipfile

    archive.export("toy_lstm", tmp_path / "m.zip")
    with (
        zipfile.ZipFile(tmp_path / "m.zip") as source,
        zipfile.ZipFile(tmp_path / "bad.zip", "w") as target,
    ):
        for name in source.namelist():
            contents = bytearray(source.read(name))
            contents[-1] ^= name == "fold01.safetensors"
            target.writestr(name, bytes(contents))
    with pytest.raises(AscError, match="fold01.safetensors is damaged"):
        archive.import_file(tmp_path / "bad.zip")
    assert [model.id for model in models.models()] == ["toy_lstm@1"]
    assert archive.import_file(tmp_path / "m.zip").remarks() == []


def test_models_show_says_what_is_unchecked(run: Path, asc: Asc) -> None:
    assert json.loads(asc("models", "show", "toy_lstm", "--json").stdout)["remarks"] == []
    model = models.find("toy_lstm")
    card = {key: value for key, value in model.card.items() if key != "files"}
    (model.folder / "card.yaml").write_text(yaml.safe_dump(card))  # as 0.1.0 wrote it
    [remark] = json.loads(asc("models", "show", "toy_lstm", "--json").stdout)["remarks"]
    assert "card.yaml, fold01.safetensors, fold02.safetensors: without a checksum" in remark
    assert "whether they are damaged is not known" in " ".join(
        asc("models", "show", "toy_lstm").stdout.split()
    )
    assert asc("predict", "none.wav").returncode == 3


@pytest.mark.parametrize("name", ["metrics.json", "environment.json", "recipe.yaml"])
def test_a_run_s_file_with_another_digit(run: Path, asc: Asc, name: str) -> None:
    path = run / name
    text = path.read_text()
    position = next(i for i, c in enumerate(text) if i > 100 and c.isdigit())
    path.write_text(text[:position] + str(9 - int(text[position])) + text[position + 1 :])
    done = asc("report", run.name)
    assert done.returncode == 1 and name in done.stderr and "is damaged" in done.stderr


def test_a_run_s_predictions_and_history(run: Path) -> None:
    rows = predictions.read(run / "predictions.csv").probabilities.tolist()
    path = run / "predictions.csv"
    contents = path.read_bytes()
    for damaged in flips(contents)[::9]:
        path.write_bytes(damaged)
        with pytest.raises(AscError, match=r"it differs from predictions\.csv\.sha256"):
            workflow.evaluate(run)
    path.write_bytes(contents)
    assert predictions.read(path).probabilities.tolist() == rows
    curve = fold_folder(run, 1) / "history.csv"
    curve.write_bytes(curve.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(DamagedFile, match=r"history\.csv: is damaged"):
        history.read(curve.parent)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("x")])
def test_training_joins_the_predictions_of_a_finished_run_again(
    run: Path, toy_root: Path, damage: Callable[[Path], object]
) -> None:
    path = run / "predictions.csv"
    before = path.read_bytes()
    damage(path)
    again = workflow.train(recipe.load("toy_lstm", SMALL), data=toy_root, folds=[1, 2], jobs=1)
    assert again.model == "toy_lstm@1" and path.read_bytes() == before


def test_damaged_weights_of_a_run_are_not_registered(run: Path, toy_root: Path) -> None:
    weights = fold_folder(run, 1) / "model.safetensors"
    weights.write_bytes(flips(weights.read_bytes())[-1])
    (run / "metrics.json").unlink()
    with pytest.raises(AscError, match=r"model\.safetensors: is damaged .*differs from its checks"):
        workflow.train(recipe.load("toy_lstm", SMALL), data=toy_root, folds=[1, 2], jobs=1)
    assert [model.id for model in models.models()] == ["toy_lstm@1"]


@pytest.mark.campaign
@pytest.mark.parametrize("damage", ["flip", "no history"])
def test_a_damaged_checkpoint_is_not_resumed(run: Path, toy_root: Path, damage: str) -> None:
    fold = fold_folder(run, 1)
    for path in (fold / "predictions.csv", fold / "model.safetensors", run / "metrics.json"):
        path.unlink()
    checkpoint = fold / "checkpoint.safetensors"
    if damage == "flip":
        checkpoint.write_bytes(flips(checkpoint.read_bytes())[-1])
    else:
        tensors.save(checkpoint, tensors.load(checkpoint).arrays)
    with pytest.raises(AscError, match=r"checkpoint\.safetensors: is damaged .*remove the folder"):
        workflow.train(recipe.load("toy_lstm", SMALL), data=toy_root, folds=[1, 2], jobs=1)


def test_probabilities_are_what_they_were(run: Path) -> None:
    """Checksums change nothing in what is read."""
    model = models.find("toy_lstm")
    first = ensemble.load(model).members[0]
    arrays = tensors.load(model.member(1)).arrays
    assert np.array_equal(first.standardise.mean, arrays["standardisation.mean"].numpy())
