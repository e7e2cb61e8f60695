"""Tables on narrow terminals: no figure is cut, no row loses its name."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from asc_cli.report.console import evaluation, models, output


def compared() -> dict[str, Any]:
    def row(name: str, **more: Any) -> dict[str, Any]:
        interval = {"bootstrap": [0.6429, 1.0], "exact": None}
        return {
            "run": f"/runs/{name}-0123456789ab",
            "name": name,
            "seed": 0,
            "value": 0.7917,
            "error": 0.2083,
            "paper_error": 22.1,
            "intervals": interval,
            "conditions": {"summary": ["4 of 4 folds", "seed 0"]},
            "not_comparable": [],
            **more,
        }

    gain = {"difference": 0.2037, "interval": [-0.0123, 0.3333], "mcnemar": {"p": 0.125}}
    return {"metric": "accuracy", "runs": [row("rooms"), row("att", against_first=gain)]}


def evaluated(names: list[str]) -> dict[str, Any]:
    row = {"recordings": 104, "accuracy": 0.8889, "precision": 0.1234, "f1": 1.0, "log_loss": 1.2}
    counts = [[104 if i == j else 0 for j in range(len(names))] for i in range(len(names))]
    return {"scenes": {name: row for name in names}, "confusion": counts}


def printed(part: Any, width: int) -> str:
    out = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    output.write(out, part if isinstance(part, list) else [part])
    return out.file.getvalue()


def entries() -> list[dict[str, Any]]:
    return [
        {
            "model": "rooms@7",
            "dataset": "table",
            "scenes": 3,
            "folds": 3,
            "error": 0.2778,
            "headline": "fold_class_accuracy",
            "created": "2026-11-23T08:31:40+00:00",
            "run": "rooms-0123456789ab",
            "default": True,
        }
    ]


FIGURES = ("79.2 %", "64.3–100.0", "+20.4", "-1.2 to +33.3", "0.125", "McNemar", "rooms", "att")


@pytest.mark.parametrize("width", [20, 30, 40, 50, 60, 70, 80, 100, 120])
def test_no_figure_of_a_comparison_is_cut(width: int) -> None:
    text = printed(evaluation.comparison(compared()), width)
    assert [figure for figure in FIGURES if figure not in text] == []
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_what_is_left_out_is_named(width: int) -> None:
    text = printed(models.models(entries()), width)
    assert "27.8 %" in text
    words = " ".join(text.split())
    assert "rooms-0123456789ab" in words or "no room for: run" in words or ", run;" in words
    assert "2026-11-23" in text


def test_a_row_is_a_block_where_nothing_else_fits() -> None:
    text = printed(models.models(entries()), 30)
    assert text.splitlines()[0].strip() == "* rooms@7"
    assert "  error    27.8 %" in text


def test_bars_go_first() -> None:
    scenes = evaluation.scenes(evaluated(["bus", "street_pedestrian"]))
    assert "█" in printed(scenes, 92)
    narrow = printed(scenes, 72)
    assert "█" not in narrow and "88.9 %" in narrow and "12.3 %" in narrow and "100.0 %" in narrow
    assert "1.200" in narrow
    assert "no room" not in narrow


@pytest.mark.parametrize("width", [40, 60, 80])
def test_confusion_keeps_its_counts(width: int) -> None:
    names = [f"street_{i}" for i in range(15)]
    text = printed(evaluation.confusion(evaluated(names)), width)
    assert text.count("104") == 15


def test_confusion_columns_are_told_apart() -> None:
    alike = printed(evaluation.confusion(evaluated(["street_pedestrian", "street_traffic"])), 80)
    assert alike.splitlines()[1].split() == ["1", "2"]
    assert "1 street_pedestrian" in alike and "2 street_traffic" in alike
    apart = printed(evaluation.confusion(evaluated(["bus", "park"])), 80)
    assert apart.splitlines()[1].split() == ["bus", "park"]


def test_runs_of_one_recipe_are_told_apart() -> None:
    result = compared()
    result["runs"][1] |= {"name": "rooms", "run": "/runs/rooms-ba9876543210"}
    text = printed(evaluation.comparison(result), 140)
    assert "rooms-0123456789ab" in text and "rooms-ba9876543210" in text
