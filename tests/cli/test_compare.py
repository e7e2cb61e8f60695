"""asc compare on two small runs: the table, the curves, the refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from asc_cli import workflow
from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipe
from tests.conftest import SMALL, Asc, Once, train


@pytest.fixture
def runs(toy_root: Path, once: Once, home: Path) -> None:
    names = ("toy_lstm", "toy_ta")
    shutil.copytree(once("compared", lambda home: train(home, toy_root, names, None)), home)


def test_two_runs_side_by_side(runs: None, asc: Asc, tmp_path: Path):
    figure = tmp_path / "curves.png"
    done = asc("compare", "toy_lstm", "toy_ta", "--curves", figure)
    assert done.returncode == 0, done.stderr
    assert "McNemar" in done.stdout and "fold × class accuracy" in done.stdout
    assert figure.read_bytes().startswith(b"\x89PNG")
    first, second = json.loads(asc("compare", "toy_lstm", "toy_ta", "--json").stdout)["runs"]
    assert "against_first" not in first
    gain = second["against_first"]
    assert gain["difference"] == pytest.approx(second["value"] - first["value"])
    assert [point["epoch"] for point in first["curve"]] == [1, 2]


def test_what_cannot_be_compared(runs: None, toy_root: Path, tmp_path: Path):
    with pytest.raises(AscError, match="two runs or more were expected, as in asc compare RUN RUN"):
        workflow.compare(["toy_lstm"])
    other = recipe.load("toy_sa", [*SMALL, "evaluation.headline=accuracy"])
    workflow.train(other, data=toy_root, folds=[1])
    with pytest.raises(
        AscError, match="the runs have different headline metrics .*toy_sa: accuracy"
    ):
        workflow.compare(["toy_lstm", "toy_sa"])


def test_a_figure_has_a_known_format(runs: None, tmp_path: Path):
    from asc_cli.report.figures.curves import draw

    compared = workflow.compare(["toy_lstm", "toy_ta"]).to_dict()
    with pytest.raises(AscError, match="curves.bmp: a figure is written as .png, .svg, .pdf"):
        draw(compared, tmp_path / "curves.bmp")
    with pytest.raises(AscError, match="none of these runs has a history to draw"):
        draw({"runs": [{"curve": []}]}, tmp_path / "curves.png")
