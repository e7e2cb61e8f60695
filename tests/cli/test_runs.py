"""asc runs: list, show, remove."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asc_cli.cli import application
from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.registry import inventory

KEYS = {
    "run",
    "recipe",
    "dataset",
    "folds",
    "published",
    "finished",
    "headline",
    "value",
    "error",
    "created",
    "bytes",
    "model",
    "outside_data",
}
ONE, TWO = "esc10_lstm-0123456789ab", "esc10_lstm-ba9876543210"


def made(home: Path, name: str, *, finished: bool = True, dataset: str = "esc10") -> Path:
    """A run's folder with one fold fitted."""
    folder = home / "runs" / name
    (folder / "fold01").mkdir(parents=True)
    (folder / "fold01/model.safetensors").write_bytes(bytes(1_500_000))
    (folder / "recipe.yaml").write_text(f"dataset: {dataset}\nstream: null\n")
    (folder / "environment.json").write_text('{"audio_root": "/recordings"}')
    if finished:
        figures = {"headline": "accuracy", "accuracy": 0.75, "error": 0.25, "model": "m@1"}
        (folder / "metrics.json").write_text(json.dumps(figures))
    return folder


def asc(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(application(), list(arguments), env={"COLUMNS": "150"})
    return done.exit_code, done.stdout, done.stderr


def test_list_names_folds_result_size_and_model(home: Path) -> None:
    made(home, ONE)
    made(home, TWO, finished=False)
    _, table, _ = asc("runs", "list")
    first, second = (next(row for row in table.splitlines() if name in row) for name in (ONE, TWO))
    assert "1 of 5" in first and "75.0 %  accuracy" in first and "1.5 MB" in first
    assert first.rstrip().endswith("m@1") and "not finished" in second
    rows = json.loads(asc("runs", "list", "--json")[1])
    assert [set(row) for row in rows] == [KEYS, KEYS]


def test_list_counts_the_folds_that_the_result_is_of(home: Path) -> None:
    """--folds 1 after all folds: the score is of one, though the others' members are there."""
    folder = made(home, ONE)
    for fold in ("fold02", "fold03"):
        (folder / fold).mkdir()
        (folder / fold / "model.safetensors").touch()
    assert inventory.read(folder).folds == 3
    figures = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**figures, "folds": [{"fold": 1}]}))
    assert inventory.read(folder).folds == 1
    assert "1 of 5" in asc("runs", "list")[1]


def test_no_runs_yet(home: Path) -> None:
    assert asc("runs", "list")[1].startswith("no runs yet; asc train RECIPE")
    assert asc("runs", "list", "--json")[1] == "[]\n"


@pytest.mark.parametrize(("text", "what"), [("a: [", "not YAML"), ("x", "holds no keys")])
def test_a_damaged_run_is_named_and_the_others_listed(home: Path, text: str, what: str) -> None:
    made(home, ONE)
    (made(home, TWO) / "recipe.yaml").write_text(text)
    code, table, remark = asc("runs", "list")
    assert code == 0 and ONE in table and TWO not in table
    assert TWO in remark and what in remark


def test_folds_of_a_stream_and_of_an_unknown_dataset(home: Path) -> None:
    streamed = made(home, "a-0")
    (streamed / "recipe.yaml").write_text("dataset: yt8m\nstream: {level: frame}\n")
    assert inventory.read(streamed).published == 1
    assert inventory.read(made(home, "b-0", dataset="theirs")).published is None


def test_show_takes_what_evaluate_takes(home: Path) -> None:
    folder = made(home, ONE)
    for given in (ONE, "esc10_lstm", str(folder)):
        code, output, _ = asc("runs", "show", given)
        assert code == 0 and "/recordings" in output and folder.name in output
    shown = json.loads(asc("runs", "show", ONE, "--json")[1])
    assert set(shown) == KEYS | {"folder", "audio_root", "conditions"}
    (folder / "environment.json").unlink()
    assert "not known" in asc("runs", "show", ONE)[1]
    assert "did you mean esc10_lstm?" in asc("runs", "show", "esc10_lsm")[2]


def test_remove_without_a_terminal_wants_yes(home: Path) -> None:
    folder = made(home, ONE)
    code, _, output = asc("runs", "remove", ONE)
    assert code == 1 and "there is no terminal to ask on; give --yes" in output and folder.exists()
    assert asc("runs", "remove", ONE, "--yes")[1] == f"removed {ONE}\n"
    assert list((home / "runs").iterdir()) == []


@pytest.mark.parametrize(("answer", "stays"), [("y\n", False), ("n\n", True), ("\n", True)])
def test_remove_asks(home: Path, monkeypatch: pytest.MonkeyPatch, answer: str, stays: bool) -> None:
    folder = made(home, ONE)
    monkeypatch.setattr("asc_cli.cli.runs._terminal", lambda: True)
    done = CliRunner().invoke(application(), ["runs", "remove", ONE], input=answer)
    assert done.exit_code == 0 and folder.exists() is stays
    assert f"Remove {ONE} (1.5 MB, 1 fold(s))? [y/N]" in done.stderr


def test_removing_needs_one_run(home: Path) -> None:
    with pytest.raises(AscError, match=r"run x: no runs in "):
        inventory.find("x")
    made(home, ONE)
    assert inventory.find("esc10_lstm").name == ONE
    made(home, TWO)
    with pytest.raises(AscError, match=rf"run esc10_lstm: which of {ONE}, {TWO}\? Name one"):
        inventory.find("esc10_lstm")
    assert inventory.find(TWO).name == TWO
    with pytest.raises(AscError, match="unknown run 'esc10_ltsm'; did you mean esc10_lstm?"):
        inventory.find("esc10_ltsm")


def test_recipes_of_one_dataset(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = json.loads(asc("recipes", "list", "--dataset", "esc50", "--json")[1])
    assert [row["recipe"] for row in rows] == ["esc50_lstm"]
    assert "Table 1" not in asc("recipes", "list", "--dataset", "esc10")[1]
    assert "did you mean esc10?" in asc("recipes", "list", "--dataset", "esc11")[2]
    monkeypatch.setattr(plugins, "recipe_names", lambda: ["esc50_lstm"])
    output = asc("recipes", "list", "--dataset", "table")[1]
    assert output.startswith("no recipe that ships with asc is for this dataset")
