"""The notebook of the documentation runs from its first cell to its last."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from asc_cli.inference.types import Prediction
from tests.conftest import ROOT

NOTEBOOK = ROOT / "docs" / "notebooks" / "asc.ipynb"


def cells() -> list[str]:
    rows = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(row["source"]) for row in rows if row["cell_type"] == "code"]


def run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as Jupyter does: the value of its last line, if that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)


@pytest.mark.campaign
def test_the_notebook_runs(home: Path) -> None:
    pytest.importorskip("pandas")
    names: dict[str, Any] = {}
    values = [run(source, names) for source in cells()]
    shown = [value for value in values if value is not None]
    assert [type(value).__name__ for value in shown] == [
        "Training",
        "Evaluation",
        "DataFrame",
        "Prediction",
        "list",
        "tuple",
    ]
    training, evaluation, frame, prediction, nearest, (_, attention, _) = shown
    assert repr(training).startswith("Training(toy_ta-") and "toy_ta@1" in repr(training)
    assert repr(evaluation).startswith("Evaluation(toy_ta-")
    assert "fold × class accuracy" in evaluation._repr_html_()
    assert isinstance(prediction, Prediction) and prediction.probability > 1 / 15
    assert len(frame) == 5 and len(nearest) == 3 and attention > 1
