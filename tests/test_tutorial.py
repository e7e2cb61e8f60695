"""The tutorial works as printed, from the second section on; the demo has a test of its own.

What its commands say as JSON has the keys that docs/reference/formats.md lists.
"""

from __future__ import annotations

import json
import re

import pytest

from tests import markdown
from tests.conftest import Asc

DOCS = markdown.ROOT / "docs"
FORMATS = (DOCS / "reference" / "formats.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Command → what it printed, for every command of the tutorial after the demo's section."""
    folder = tmp_path_factory.mktemp("tutorial")
    blocks = markdown.blocks(DOCS / "tutorial.md")
    own = next(i for i, block in enumerate(blocks) if "asc datasets make toy" in block.text)
    markdown.write(blocks, folder)
    return markdown.run([*markdown.commands(blocks[own:]), "asc evaluate rooms --json"], folder)


@pytest.mark.campaign
def test_each_step_prints_what_the_page_shows(printed: dict[str, str]) -> None:
    divided = " ".join(printed["asc datasets split scenes --folds 4 --compare-random"].split())
    assert "Groups from name" in divided and "105 recordings; folds (train/test)" in divided
    assert "The copy matches the protocol." in divided
    measured = [float(share) for share in re.findall(r"(\d+\.\d) %", divided)]
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    shown = re.search(r"recognises (\d+) % under\s+these folds, and (\d+) % under random", page)
    assert shown and measured == pytest.approx([int(shown[1]), int(shown[2])], abs=3)
    assert float(re.search(r"flatter it by (\S+) points", divided)[1]) > 2
    assert "folds (train/test): none" in printed["asc datasets check table --data scenes"]
    assert "n_hidden: 64" in printed["asc recipes show rooms.yaml"]
    assert "rooms@1" in printed["asc train rooms.yaml"]
    assert "105 tested recordings" in printed["asc evaluate rooms"]
    assert re.search(r"\* *rooms@2", printed["asc models list"])
    assert printed["asc models use rooms@1"].strip() == "rooms@1"


@pytest.mark.campaign
def test_json_keys_are_those_of_the_page(printed: dict[str, str]) -> None:
    predicted = [json.loads(line) for line in printed[predict()].splitlines()]
    assert len(predicted) == 7
    assert set(predicted[0]) == documented("asc predict")
    assert set(json.loads(printed["asc evaluate rooms --json"])) == documented("asc evaluate")


def predict() -> str:
    return "asc predict --model rooms --json scenes/bus/*.wav"


def documented(command: str) -> set[str]:
    """Keys in the row of a command in the table of JSON output, up to the special cases."""
    row = next(line for line in FORMATS.splitlines() if line.startswith(f"| `{command}` |"))
    return set(re.findall(r"`(\w+)`", row.split("|")[2].split(";")[0]))


def test_the_json_page_knows_what_the_other_commands_print(asc: Asc) -> None:
    for words in ("asc datasets list", "asc datasets show litis", "asc recipes list"):
        value = json.loads(asc(*words.split()[1:], "--json").stdout)
        known = documented(words.removesuffix(" litis"))
        assert set(value[0] if isinstance(value, list) else value) == known
