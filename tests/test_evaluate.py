"""A model is scored on what its members were not trained on, or it is not scored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from asc_cli import workflow
from asc_cli.core import atomic, plugins
from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from tests.conftest import SMALL


@pytest.fixture
def trained(toy_root: Path, two_folds: Path, home: Path) -> workflow.Training:
    shutil.copytree(two_folds, home)
    return workflow.train(recipe.load("toy_lstm", SMALL), data=toy_root, folds=[1, 2], jobs=1)


@pytest.fixture
def copy(toy_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_root, tmp_path / "copy"))


def test_each_member_predicts_its_own_fold(trained, toy_root: Path):
    again = workflow.evaluate(trained.model, dataset="toy", data=toy_root, jobs=1)
    assert again["accuracy"] == pytest.approx(trained.metrics["accuracy"])
    assert [fold["fold"] for fold in again["folds"]] == [1, 2]
    assert "fold k's member, which was not trained on them" in again["remarks"][-1]["text"]


def test_swapped_folds_are_no_test(trained, copy: Path):
    lists = copy / "evaluation_setup"
    for part in ("train", "evaluate"):
        one, two = lists / f"fold1_{part}.txt", lists / f"fold2_{part}.txt"
        stored_ = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(stored_)
    with pytest.raises(
        AscError, match="trained on other lists of toy .* may have been trained on the"
    ):
        workflow.evaluate(trained.model, dataset="toy", data=copy, jobs=1)


def test_a_model_of_a_set_with_common_recordings_is_refused(trained, toy_root: Path, monkeypatch):
    from dataclasses import replace

    from asc_cli.datasets import toy
    from asc_cli.workflow import _evaluate

    source = _evaluate.open_source("toy", toy_root)
    kin = replace(source, dataset=replace(toy.DATASET, name="other", shares_with=("toy",)))
    monkeypatch.setattr(_evaluate, "kind_of_dataset", lambda dataset, catalog: "recordings")
    monkeypatch.setattr(_evaluate, "open_source", lambda *given: kin)
    with pytest.raises(AscError, match="trained on toy, which has recordings in common with other"):
        workflow.evaluate(trained.model, dataset="other", data=toy_root, jobs=1)
    model = models.find(trained.model)  # as before cards had checksums
    (model.folder / "training_files.txt").unlink()
    card = {key: value for key, value in model.card.items() if key != "files"}
    (model.folder / "card.yaml").write_text(yaml.safe_dump(card))
    unusual = replace(kin, dataset=replace(kin.dataset, shares_with=()))
    monkeypatch.setattr(_evaluate, "open_source", lambda *given: unusual)
    scored = workflow.evaluate(trained.model, dataset="other", data=toy_root, jobs=1)
    assert "all 2 members were averaged" in scored["remarks"][-1]["text"]
    assert "its training files are not recorded" in scored["remarks"][-1]["text"]
    assert all(row["seen"] is None for row in scored["devices"].values())


def test_common_recordings_are_common_to_both():
    for name in plugins.names("datasets"):
        for other in plugins.load("datasets", name).DATASET.shares_with:
            assert name in plugins.load("datasets", other).DATASET.shares_with


@pytest.mark.campaign
def test_a_file_excluded_from_training_is_not_required(copy: Path):
    bad = sorted((copy / "audio").glob("*.wav"))[0]
    bad.write_bytes(b"")
    file = bad.relative_to(copy).as_posix()
    chosen = recipe.load("toy_lstm", [*SMALL, f"exclude=[{file}]"])
    done = workflow.train(chosen, data=copy, jobs=1)
    again = workflow.evaluate(done.model, dataset="toy", data=copy, jobs=1)
    assert again["accuracy"] == pytest.approx(done.metrics["accuracy"])


def test_some_folds_of_a_run(trained):
    both = workflow.evaluate(trained.run)
    one = workflow.evaluate(trained.run, folds=[2])
    assert [fold["fold"] for fold in one["folds"]] == [2]
    assert one["folds"][0] == both["folds"][1]
    with pytest.raises(AscError, match=r"has no fold 4; it has \[1, 2\]"):
        workflow.evaluate(trained.run, folds=[4])
    with pytest.raises(AscError, match="--subset and --jobs: only with --dataset"):
        workflow.evaluate(trained.run, subset=5)


def test_invalid_evaluations_of_a_model(trained, copy: Path, tmp_path: Path):
    with pytest.raises(AscError, match=r"toy_lstm@1 has no fold 3; it has \[1, 2\]"):
        workflow.evaluate(trained.model, dataset="toy", data=copy, folds=[3], jobs=1)
    sorted((copy / "audio").glob("*.wav"))[0].write_bytes(b"")
    with pytest.raises(AscError, match="1 tested file.* cannot be predicted"):
        workflow.evaluate(trained.model, dataset="toy", data=copy, jobs=1)
    table = tmp_path / "table.csv"
    table.write_text("filename,label\na.wav,moon\n")
    with pytest.raises(AscError, match="was not trained on the scene 'moon' of table"):
        workflow.evaluate(trained.model, data=table, jobs=1)


def test_two_labels_for_one_file_are_refused_without_folds_too(trained, tmp_path: Path):
    table = tmp_path / "table.csv"
    table.write_text("filename,label\na.wav,bus\na.wav,park\n")
    with pytest.raises(AscError, match="a.wav"):
        workflow.evaluate(trained.model, data=table, jobs=1)


@pytest.mark.campaign
def test_runs_of_other_audio_are_not_paired(trained, copy: Path):
    changed = sorted((copy / "audio").glob("*.wav"))
    changed[0].write_bytes(changed[1].read_bytes())
    other = workflow.train(recipe.load("toy_ta", SMALL), data=copy, folds=[1, 2], jobs=1)
    with pytest.raises(
        AscError,
        match="was not trained and tested on the recordings, lists and folds of .* other audio",
    ):
        workflow.compare([trained.run, other.run])


@pytest.mark.campaign
def test_another_run_s_model_is_not_an_answer(trained, toy_root: Path):
    """A version number that now belongs to another run: the run is registered anew."""
    metrics = json.loads((trained.run / "metrics.json").read_text())
    other = workflow.train(
        recipe.load("toy_lstm", [*SMALL, "training.seed=1"]), data=toy_root, folds=[1, 2], jobs=1
    )
    atomic.write_json(trained.run / "metrics.json", {**metrics, "model": other.model})
    again = workflow.train(recipe.load("toy_lstm", SMALL), data=toy_root, folds=[1, 2], jobs=1)
    assert again.model not in (trained.model, other.model)


def listed(path: Path, root: Path, names: list[str], label: str = "bus") -> Path:
    rows = [f"{(root / name).relative_to(path.parent)},{label}" for name in names]
    path.write_text("\n".join(["filename,label", *rows]) + "\n")
    return path


def test_training_data_are_no_test_data(trained, toy_root: Path, tmp_path: Path):
    names = sorted(p.relative_to(toy_root).as_posix() for p in toy_root.glob("audio/*.wav"))
    renamed = tmp_path / "renamed.wav"
    shutil.copyfile(toy_root / names[0], renamed)
    with pytest.raises(
        AscError, match="toy_lstm@1 was trained or tested on 1 of these 1 recordings"
    ):
        table = listed(tmp_path / "a.csv", tmp_path, ["renamed.wav"])
        workflow.evaluate(trained.model, data=table, jobs=1)
    data = bytearray(renamed.read_bytes())
    data[-2] ^= 1  # another sample
    renamed.write_bytes(data)
    scored = workflow.evaluate(trained.model, data=table, jobs=1)
    assert "no file has the samples of one in its training data" in scored["remarks"][-1]["text"]


def test_a_run_that_another_process_concluded_is_registered_once(toy_root: Path, monkeypatch):
    from asc_cli.training import run as run_of_folds

    chosen = recipe.load("toy_lstm", SMALL)
    first = workflow.train(chosen, data=toy_root, folds=[1], jobs=1)
    finished = run_of_folds.finished_metrics
    answers = iter([None])  # at the start, the other process was not done yet
    monkeypatch.setattr(
        run_of_folds, "finished_metrics", lambda *given: next(answers, finished(*given))
    )
    second = workflow.train(chosen, data=toy_root, folds=[1], jobs=1)
    assert second.model == first.model and len(models.models()) == 1
