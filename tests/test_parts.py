"""Folds of one run that several commands fit: who scores it, who waits, and the jobs' commands."""

from __future__ import annotations

import json
import shlex
import threading
import time
from pathlib import Path

import pytest

from asc_cli import workflow
from asc_cli.core import locks
from asc_cli.core.errors import AscError
from asc_cli.registry import models
from asc_cli.registry.runs import fold_folder
from asc_cli.training import fold as folds
from tests.conftest import Asc
from tests.test_ensembles import written
from tests.test_workflow import small

MIXTURE = ("toy_mfcc_gmm", "--set", "model.n_components=1")


def test_the_part_that_is_finished_last_scores_the_run(toy_root: Path):
    parts = [workflow.train_part(small(), data=toy_root, folds=[fold]) for fold in (4, 2, 3)]
    assert [each.folds for each in parts] == [(4,), (2,), (3,)]
    assert [[row.fold for row in each.unfinished] for each in parts] == [[1, 2, 3], [1, 3], [1]]
    assert models.models() == []
    last = workflow.train_part(small(), data=toy_root, folds=[1])
    assert isinstance(last, workflow.Training) and last.model == "toy_lstm@1"
    assert [row["fold"] for row in last.metrics["folds"]] == [1, 2, 3, 4]
    again = workflow.train_part(small(), data=toy_root, folds=[2])
    assert isinstance(again, workflow.Training) and again.metrics == last.metrics
    assert workflow.train(small(), data=toy_root).model == "toy_lstm@1"


def test_a_part_tells_who_fits_the_other_folds(toy_root: Path, asc: Asc):
    arguments = ("train", *MIXTURE, "--data", toy_root, "--part")
    first = json.loads(asc(*arguments, "--folds", 1, "--json").stdout)
    run = workflow.find_run("toy_mfcc_gmm")
    assert first["folds"] == [1]
    assert first["unfinished"][0] == {"run": run.name, "fold": 2, "holder": ""}
    with locks.locked(fold_folder(run, 2), "fold 2 is being fitted"):
        shown = asc(*arguments, "--folds", 2).stdout
    assert "finished folds: none of these\n" in shown
    assert "  fold 2: being fitted by process " in shown
    assert "  fold 3: not being fitted now\n" in shown


def test_a_process_waits_for_the_folds_of_others(toy_root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folds, "WAIT_SECONDS", 0.1)
    run = workflow.train_part(small(), data=toy_root, folds=[1])
    assert isinstance(run, workflow.Part)
    folder = fold_folder(workflow.find_run("toy_lstm"), 2)
    notes: list[str] = []
    released = threading.Event()

    def release() -> None:
        while not notes:
            time.sleep(0.01)
        released.set()

    threading.Thread(target=release, daemon=True).start()

    def hold() -> None:
        with locks.locked(folder, "fold 2 is being fitted"):
            held.set()
            released.wait(60)

    held = threading.Event()
    threading.Thread(target=hold, daemon=True).start()
    assert held.wait(10)
    done = workflow.train(small(), data=toy_root, folds=[1, 2], note=notes.append)
    assert len(done.metrics["folds"]) == 2
    [note] = notes
    assert note.startswith("fold 2 is being fitted by process ")
    assert note.endswith(": waiting until that is finished")


def test_an_ensemble_in_parts(toy_root: Path, tmp_path: Path):
    pair = written(tmp_path)
    for fold in (1, 2, 3):
        part = workflow.train_part(pair, data=toy_root, folds=[fold])
        assert isinstance(part, workflow.Part)
        assert len({row.run for row in part.unfinished}) == 2
    last = workflow.train_part(pair, data=toy_root, folds=[4])
    assert isinstance(last, workflow.Training) and last.model == "pair@1"


def test_jobs_are_commands_that_together_train_the_seeds(toy_root: Path, asc: Asc):
    arguments = ("train", *MIXTURE, "--data", toy_root)
    lines = asc(*arguments, "--seeds", "0-1", "--print-jobs").stdout.splitlines()
    assert len(lines) == 8 and models.models() == []
    assert lines[5] == (
        f"asc train {' '.join(MIXTURE[:1])} --data {shlex.quote(str(toy_root))} "
        "--set model.n_components=1 --set training.seed=1 --folds 2 --part"
    )
    for line in lines:
        assert asc(*shlex.split(line)[1:]).returncode == 0
    assert [model.id for model in models.models()] == ["toy_mfcc_gmm@1", "toy_mfcc_gmm@2"]
    assert json.loads(asc(*arguments, "--folds", "3", "--print-jobs", "--json").stdout) == [
        shlex.join(["asc", *map(str, arguments[:2]), "--data", str(toy_root), "--set"])
        + " model.n_components=1 --folds 3 --part"
    ]


def test_a_command_quotes_what_a_shell_would_read(toy_root: Path, tmp_path: Path, asc: Asc):
    data = tmp_path / "it's here"
    data.symlink_to(toy_root)
    [line] = asc(
        "train", "toy_lstm", "--data", data, "--folds", 1, "--print-jobs"
    ).stdout.splitlines()
    assert shlex.split(line)[4] == str(data)


def test_an_array_of_slurm_trains_parts(toy_root: Path, asc: Asc, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "4")
    arguments = ("train", *MIXTURE, "--data", toy_root)
    assert "waits for" in asc(*arguments, "--folds", 1).stdout
    assert models.models() == []
    assert asc(*arguments, "--folds", 1, "--no-part").returncode == 0
    assert [model.card["folds"] for model in models.models()] == [[1]]
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "1")
    assert asc(*arguments, "--folds", 2).returncode == 0
    assert [model.card["folds"] for model in models.models()] == [[1], [2]]


def test_a_part_is_of_one_run(toy_root: Path, asc: Asc):
    done = asc("train", *MIXTURE, "--data", toy_root, "--seeds", "0-1", "--part")
    assert done.returncode == 1
    assert "--part is for one run: --set training.seed=N, in place of --seeds" in done.stderr
    with pytest.raises(AscError, match="there is no fold 9; there are 1 to 4"):
        workflow.train_part(small(), data=toy_root, folds=[9])
