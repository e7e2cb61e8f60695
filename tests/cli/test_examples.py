"""Every command's help has an example, and every example works as printed.

Most run for real, in a folder that has what they name: here in this process, and in the campaign
all of them by a shell. Those that need a published dataset, a
microphone or another program are parsed by the same code that a shell's words go through.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from asc_cli.cli import application
from tests.conftest import ROOT, Asc, command, write
from tests.run_lines import expanded
from tests.test_export import registered

EXAMPLE = re.compile(r"Example: \*\*(.+?)\*\*", re.DOTALL)
TOOL = typer.main.get_command(application())
RUNS = {  # first words of the commands whose examples run for real
    "predict",
    "export",
    "recipes",
    "models",
    "runs list",
    "datasets list",
    "datasets show",
}
ELSEWHERE = (
    "--cluster",
    "--explain",
    "--unknown",
    "export toy_lstm --format",
    "--format dcase",
    "models remove",
    "models push",
    "models pull",
    "yt8m",
)  # run by tests of their own


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, results in group.commands.items():
        if hasattr(results, "commands"):
            yield from commands(results, (*words, name))
        else:
            yield " ".join((*words, name)), results


COMMANDS = dict(commands(TOOL))
EXAMPLES = [
    (name, re.sub(r"\s+", " ", text).replace("\\*", "*"))
    for name, found in COMMANDS.items()
    for text in EXAMPLE.findall(found.help or "")
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_of_itself(name: str):
    own = [text for of, text in EXAMPLES if of == name]
    assert own and all(f"asc {name}" in text for text in own)


def asc_words(text: str) -> list[str]:
    """The words after `asc`, without what is piped or sent elsewhere."""
    part = next(p for p in text.split("|") if p.strip().startswith("asc "))
    return shlex.split(part.split(" > ")[0])[1:]


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[text for _, text in EXAMPLES])
def test_every_example_is_understood(name: str, text: str):
    words = asc_words(text)
    n = len(name.split())
    assert " ".join(words[:n]) == name
    COMMANDS[name].make_context(name, words[n:])


def runs(text: str) -> bool:
    if any(part in text for part in ELSEWHERE):
        return False
    words = asc_words(text)
    return words[0] in RUNS or " ".join(words[:2]) in RUNS


@pytest.fixture
def world(tmp_path: Path, asc: Asc) -> Path:
    """A folder with what examples name, and a home with the models phones and toy_lstm."""
    registered("phones", devices=("a",))
    registered("toy_lstm")
    noise = np.random.default_rng(0).normal(0, 0.1, 60_000)
    for name in (
        "clip.wav",
        "day.wav",
        "park.flac",
        "street.mp3",
        "recordings/a.wav",
        "phone-a/1.wav",
    ):
        write(tmp_path / "here" / name, noise, 22_050)
    shutil.copytree(tmp_path / "here/recordings", tmp_path / "user/recordings")
    (tmp_path / "here/my.yaml").write_text("extends: toy_lstm\n")
    for name in ("toy.zip", "theirs.zip"):
        assert asc("models", "export", "toy_lstm", tmp_path / "here" / name).returncode == 0
    return tmp_path / "here"


REAL = [text for _, text in EXAMPLES if runs(text)]
ALONE = [text for text in REAL if not re.search("[|>]", text)]  # nothing for a shell to connect


@pytest.mark.campaign
@pytest.mark.parametrize("text", ALONE)
def test_an_example_runs(text: str, world: Path, asc: Asc, monkeypatch: pytest.MonkeyPatch):
    needs_onnx(text)
    monkeypatch.setenv("HOME", str(world.parent / "user"))
    monkeypatch.chdir(world)
    words = [os.path.expanduser(word) for word in expanded(text)[1:]]
    done = asc(*words, cwd=world)
    assert done.returncode == 0, done.stderr


@pytest.mark.campaign
@pytest.mark.parametrize("text", REAL)
def test_every_example_runs_in_a_shell(text: str, world: Path):
    needs_onnx(text)
    script = f'asc() {{ "{command()[0]}" -m asc_cli "$@"; }}\n{text}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(world.parent / "user")}
    done = subprocess.run(
        ["bash", "-c", script], cwd=world, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def needs_onnx(text: str) -> None:
    if "export toy_lstm" in text and not text.endswith(".zip"):
        pytest.importorskip("onnxruntime", reason="the extra `train` is not installed")


def test_most_examples_run():
    assert len(REAL) >= 15 and len(ALONE) >= 12
