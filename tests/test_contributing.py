"""The examples of CONTRIBUTING.md work: written into a copy of the package, linted and run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import markdown

BLOCKS = markdown.blocks(markdown.ROOT / "CONTRIBUTING.md")
KINDS = ("dataset", "feature", "model", "metric", "subcommand")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with all examples in it, and no tests but theirs."""
    folder = tmp_path_factory.mktemp("contributing") / "copy"
    for part in ("asc_cli", "recipes"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(markdown.ROOT / part, folder / part, ignore=ignored)
    shutil.copy(markdown.ROOT / "pyproject.toml", folder)
    existing = {path for path in folder.rglob("*") if path.is_file()}
    written = markdown.write(BLOCKS, folder)
    assert not existing & set(written), "an example overwrites a file that is there"
    for block in BLOCKS:
        if block.language == "diff":
            apply(block.text, folder)
    return folder


def apply(diff: str, folder: Path) -> None:
    """Apply a diff whose line numbers do not matter."""
    done = subprocess.run(
        ["git", "apply", "--recount", "-C1", "-"],
        cwd=folder,
        input=diff,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"CONTRIBUTING.md's diff no longer fits: {done.stderr}"


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_an_example_of_everything_that_is_likely_to_be_added(kind: str) -> None:
    headings = (markdown.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    assert f"## A {kind}" in headings


def test_the_examples_keep_the_house_style(copy: Path) -> None:
    files = [block.title for block in BLOCKS if block.title.endswith(".py")]
    assert len(files) == 9  # the metric is a diff
    for command in (["format", "--check", "--diff"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", *files],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.campaign
def test_the_commands_and_the_examples_own_tests_run(copy: Path) -> None:
    own = "pytest -p no:cacheprovider tests"
    output = markdown.run([own, *markdown.commands(BLOCKS)], copy, package=copy)
    written = sum(block.text.count("\ndef test_") for block in BLOCKS)
    assert f"{written} passed" in output[own], output[own]
    assert "kitchen, stairwell" in output["asc datasets show rooms"]
    assert "log_energy-" in output["asc features --recipe toy_bag"]
    assert "toy_bag@1" in output["asc train toy_bag --set training.epochs=2"]
    assert "accuracy of the worst scene" in output["asc evaluate toy_bag"]
    assert "Rakotomamonjy" in output["asc cite litis"]
