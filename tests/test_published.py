"""Published results: each row of the file is checked, and stands beside a run's own figure."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.evaluation import literature
from asc_cli.evaluation.conditions import Conditions, FoldConditions
from asc_cli.evaluation.literature import PublishedResult
from asc_cli.evaluation.published import published
from asc_cli.recipe import ensemble
from asc_cli.recipe import load as recipe
from asc_cli.report.console.table import published as published_lines
from tests.conftest import Asc
from tests.test_results import finished

ROWS = literature.published_results()
GOOD = {
    "source": "A paper",
    "address": "https://example.org",
    "read": "its abstract",
    "tested_on": "folds",
    "chosen_on": "nothing",
    "system": "A system",
    "dataset": "esc10",
    "metric": "accuracy",
    "value": 0.5,
}


def file_of(folder: Path, *rows: dict) -> Path:
    path = folder / "published.yaml"
    path.write_text(yaml.safe_dump([{"rows": list(rows)}]))
    return path


def test_every_row_names_a_dataset_its_protocol_and_a_figure_that_can_be() -> None:
    assert len(literature.read()) >= 70
    metrics = {metric.name: metric for metric in plugins.metrics()}
    for row in ROWS:
        dataset = plugins.load("datasets", row.dataset).DATASET
        assert row.subset is None or row.subset in dict(dataset.subsets)
        assert row.metric in metrics or row.metric in ("gap", "hit_at_1")
        assert 0.2 < row.value < (1 if row.metric != "log_loss" else 5), row
        assert row.source and row.read and row.chosen_on in literature.CHOSEN_ON
        assert row.tested_on != "folds" or dataset.fold_sizes or row.dataset == "cochlscene"


def test_no_figure_is_in_two_places() -> None:
    """The file, the datasets' baselines and the recipes that quote the paper."""
    figures = Counter(
        (r.dataset, (r.subset or 100), r.metric, r.value, r.tested_on, r.system)
        for r in ROWS
        if r.system != literature.BASELINE
    )
    assert max(figures.values()) == 1
    own = {(r.dataset, r.subset, r.metric, r.value) for r in literature.read() if not r.recipe}
    others = {
        (name, each.subset, each.metric, each.value)
        for name in plugins.shipped("datasets")
        for each in plugins.load("datasets", name).DATASET.baselines
    }
    assert not own & others
    quoting = [row for row in literature._entries(literature.FILE) if "recipe" in row]
    assert quoting and not any("value" in row for row in quoting)


def test_every_figure_that_a_recipe_quotes_is_listed() -> None:
    listed = {row.recipe for row in ROWS}
    for name in plugins.recipe_names():
        paper = ensemble.load(name).settings.get("paper") or {}
        if {*paper} & {"error", "gap"} and name not in listed:
            quoted = round(1 - paper["error"] / 100, 6)
            baselines = plugins.load("datasets", ensemble.load(name).dataset).DATASET.baselines
            assert quoted in {each.value for each in baselines}, name


def test_what_was_chosen_on_the_test_or_learned_elsewhere_is_marked() -> None:
    marked = {(r.system, r.dataset): r.reservations() for r in ROWS}
    assert marked["ACDNet", "esc10"] == ["its epoch was chosen on its own test fold"]
    assert marked["AST", "esc50"] == ["it learned from other data (AudioSet and ImageNet)"]
    assert marked["LSTM+TA+SA", "litis"] == []
    for row in ROWS:
        assert bool(row.reservations()) == (
            row.chosen_on == "test" or bool(row.outside_data) or row.tested_on != "folds"
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "esc11"}, "unknown dataset 'esc11'"),
        ({"metric": "acuracy"}, "unknown metric 'acuracy'"),
        ({"value": 96.65}, "value 96.65: from 0 to 1"),
        ({"value": True}, "value True: from 0 to 1"),
        ({"value": "0.5"}, "value '0.5': from 0 to 1"),
        ({"value": float("nan")}, "value nan: from 0 to 1"),
        ({"chosen_on": "luck"}, "chosen_on 'luck': one of nothing, training, test, not stated"),
        ({"tested_on": "some"}, "tested_on 'some': one of folds"),
        ({"address": "a book"}, "address 'a book': one that begins with https://"),
        ({"source": " "}, "source is empty"),
        ({"read": 3}, "read: a text was expected, not 3"),
        ({"subset": 25}, "subset 25: esc10 has none"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"recipe": "litis_ta"}, "dataset, metric, value is the recipe's"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(AscError, match=message):
        literature.read(file_of(tmp_path, {**GOOD, **change}))


def test_what_a_file_lacks_is_named(tmp_path: Path) -> None:
    lacking = {key: value for key, value in GOOD.items() if key not in ("read", "value")}
    with pytest.raises(AscError, match="A system: lacks value, read"):
        literature.read(file_of(tmp_path, lacking))
    with pytest.raises(AscError, match="A system on esc10: the same figure is there twice"):
        literature.read(file_of(tmp_path, GOOD, {**GOOD, "value": 0.6}))
    quoting = {key: value for key, value in GOOD.items() if key not in literature.QUOTED}
    with pytest.raises(AscError, match="recipe litis_tb: unknown recipe 'litis_tb'"):
        literature.read(file_of(tmp_path, {**quoting, "recipe": "litis_tb"}))
    with pytest.raises(AscError, match="recipe toy_lstm: quotes no published figure"):
        literature.read(file_of(tmp_path, {**quoting, "recipe": "toy_lstm"}))
    path = tmp_path / "published.yaml"
    for text, message in (
        ("a: 1", "a list of sources was expected"),
        ("- {source: x}", "source 1: its rows were expected"),
        ("- {rows: [3]}", "source 1: its rows were expected"),
    ):
        path.write_text(text)
        with pytest.raises(AscError, match=message):
            literature.read(path)


def test_a_figure_is_written_as_it_was_published() -> None:
    row = PublishedResult(**GOOD)
    assert replace(row, value=0.9665).figure == "96.65 %"
    assert replace(row, value=0.81).figure == "81 %"
    assert replace(row, metric="log_loss", value=1.365).figure == "1.365"
    assert replace(row, metric="gap", value=0.8172).figure == "0.8172"


def test_a_run_has_them_beside_its_own_figure() -> None:
    dataset = plugins.load("datasets", "esc10").DATASET
    folds = tuple(FoldConditions(k, 80, 320, None, 80, 320) for k in range(1, 6))
    own = Conditions("esc10", folds, 5)
    metrics = {"headline": "accuracy", "accuracy": 0.9, "error": 0.1, "macro_f1": 0.9}
    rows = published({"dataset": "esc10"}, dataset, metrics, own)
    assert rows[0].source.startswith("Piczak") and rows[0].comparable  # the baseline
    by_figure = {row.figure: row for row in rows}
    assert by_figure["91.4 %"].comparable and by_figure["91.4 %"].ours == "90.0 %"
    assert not by_figure["96.65 %"].comparable
    lines = published_lines({"published": [row.to_dict() for row in rows]})
    chosen = "not comparable: its epoch was chosen on its own test fold"
    assert any("ACDNet" in line and line.endswith(chosen) for line in lines)
    outside = replace(own, outside_data=("hf_encoder",))
    marked = published({"dataset": "esc10"}, dataset, metrics, outside)
    assert all("ours learned from other data (hf_encoder)" in row.reservations for row in marked)
    one = published({"dataset": "esc10"}, dataset, metrics, own.of_folds([1]))
    assert all(row.why_not == ("1 of 5 folds",) for row in one)
    assert by_figure["96.65 %"].to_dict()["reservations"] == [
        "its epoch was chosen on its own test fold"
    ]


def test_yours_stand_beside_them(asc: Asc, home: Path) -> None:
    finished(home, "aa", recipe.load("esc10_lstm").yaml(), 5, 0.1)
    words = ("recipes", "list", "--published", "--dataset", "esc10")
    rows = json.loads(asc(*words, "--json").stdout)
    assert rows[-1] == {
        **{"system": "esc10_lstm", "dataset": "esc10", "subset": None, "metric": "accuracy"},
        **{"value": 0.9, "figure": "90 %", "run": "esc10_lstm-aa"},
    }
    lines = asc(*words).stdout.splitlines()
    order = [float(found[1]) for line in lines if (found := re.match(r"[✗→ ] +([\d.]+) %", line))]
    assert order == sorted(order, reverse=True) and len(order) == len(rows)
    assert any(line.startswith("→") and "yours" in line for line in lines)


def test_they_are_listed(asc: Asc, home: Path) -> None:
    rows = json.loads(
        asc("recipes", "list", "--published", "--dataset", "tau2019", "--json").stdout
    )
    assert [row["figure"] for row in rows] == ["85 %", "72.3 %", "68.3 %", "62.5 %"]
    assert {row["chosen_on"] for row in rows} == {"not stated", "training"}
    text = asc("recipes", "list", "--published", "--dataset", "esc50").stdout
    assert "✗   98.1 %" in text and "AudioSet" in text and "✗: no figure of yours" in text
    assert "no published result" in asc("recipes", "list", "--published", "--dataset", "toy").stdout
    refused = asc("recipes", "list", "--published", "--dataset", "esc11")
    assert refused.returncode == 1 and "unknown dataset 'esc11'" in refused.stderr
