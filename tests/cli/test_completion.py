"""The shell completes names: asked as bash asks, through the variables of typer's protocol."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asc_cli.cli import _completion
from tests.conftest import ROOT

ASC = "import sys; sys.argv = ['asc']; from asc_cli.cli import main; main()"


def completed(line: str) -> list[str]:
    """What bash offers when Tab is pressed at the end of the line."""
    requested = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
        "_ASC_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASC],
        env={**os.environ, **requested},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert not done.stderr
    return done.stdout.split()


@pytest.fixture
def shelf(home: Path) -> None:
    """Two versions of a model, another model, and two runs of one recipe."""
    for card in ("mine/1", "mine/2", "other/1"):
        (home / "models" / card).mkdir(parents=True)
        (home / "models" / card / "card.yaml").touch()
    for run in ("toy_lstm-0123456789ab", "toy_lstm-ba9876543210"):
        (home / "runs" / run).mkdir(parents=True)
        (home / "runs" / run / "recipe.yaml").touch()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("asc train toy_l", ["toy_lstm"]),
        ("asc features --dataset tau2020", ["tau2020_mobile"]),
        ("asc predict --model m", ["mine"]),
        ("asc export mine@", ["mine@1", "mine@2"]),
        ("asc report toy_lstm-0", ["toy_lstm-0123456789ab"]),
    ],
)
def test_tab_completes(shelf: None, line: str, offered: list[str]):
    assert completed(line) == offered


def test_each_list_of_names(shelf: None):
    runs = ["toy_lstm", "toy_lstm-0123456789ab", "toy_lstm-ba9876543210"]
    assert _completion.runs("toy") == runs
    assert _completion.runs_and_models("") == [*runs, "mine", "other"]
    assert _completion.models("mine") == ["mine", "mine@1", "mine@2"]
    assert {"toy", "esc10", "litis"} <= set(_completion.datasets(""))
    assert _completion.recipes("toy_ta_") == ["toy_ta_sa"]
