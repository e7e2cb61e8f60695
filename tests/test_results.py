"""Which runs count as ours beside a published figure."""

from __future__ import annotations

from pathlib import Path

from asc_cli import workflow
from asc_cli.core import atomic
from asc_cli.recipe import load as recipe
from asc_cli.registry import results


def finished(home: Path, name: str, text: str, n_folds: int, error: float) -> None:
    folder = home / "runs" / f"esc10_lstm-{name}"
    atomic.write_text(folder / "recipe.yaml", text)
    metrics = {"folds": [{"fold": 1}] * n_folds, "headline": "accuracy", "model": "m@1"}
    atomic.write_json(folder / "metrics.json", {**metrics, "error": error})


def test_no_runs_are_no_result():
    assert workflow.result(recipe.load("esc10_lstm")) is None


def test_a_run_on_all_folds_counts(home: Path):
    full = recipe.load("esc10_lstm")
    finished(home, "aa", full.yaml(), 5, 0.25)
    assert workflow.result(full) == results.Result(0.25, "esc10_lstm-aa", "accuracy")


def test_some_folds_and_changed_settings_do_not(home: Path):
    full = recipe.load("esc10_lstm")
    finished(home, "aa", full.yaml(), 1, 0.2)
    finished(home, "bb", recipe.load("esc10_lstm", ["training.epochs=3"]).yaml(), 5, 0.2)
    finished(home, "cc", "dataset: esc10\nno_such_key: 1\n", 5, 0.2)
    assert workflow.result(full) is None


def test_a_run_on_part_of_the_recordings_does_not(home: Path):
    full = recipe.load("esc10_lstm")
    finished(home, "aa", full.yaml(), 5, 0.25)
    path = home / "runs" / "esc10_lstm-aa" / "metrics.json"
    metrics = atomic.read_json(path)
    atomic.write_json(path, {**metrics, "published": [{"comparable": False}]})
    assert workflow.result(full) is None


def test_other_words_do(home: Path):
    other = recipe.load("esc10_lstm", ["description=another", "paper={error: 1}"])
    finished(home, "aa", other.yaml(), 5, 0.25)
    result = workflow.result(recipe.load("esc10_lstm"))
    assert result is not None and result.error == 0.25


def test_what_stands_against_a_published_figure_does_not_count_against_the_run(home: Path):
    full = recipe.load("esc10_lstm")
    finished(home, "aa", full.yaml(), 5, 0.25)
    path = home / "runs" / "esc10_lstm-aa" / "metrics.json"
    metrics = atomic.read_json(path)
    row = {"comparable": False, "why_not": ["chosen on test"], "reservations": ["chosen on test"]}
    atomic.write_json(path, {**metrics, "published": [row]})
    result = workflow.result(full)
    assert result is not None and result.headline == "accuracy"
    row = {**row, "why_not": ["1 of 5 folds", "chosen on test"]}
    atomic.write_json(path, {**metrics, "published": [row]})
    assert workflow.result(full) is None
