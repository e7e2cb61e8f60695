"""YAML from outside: whatever cannot be read is a sentence with its line, never a traceback."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from asc_cli.core import yaml_text
from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipe
from tests.conftest import Asc

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
)
HOSTILE = {
    "deep list": ("x: " + "[" * 200_000, "nested more than 60 deep"),
    "deep mapping": ("{a: " * 5000, "nested more than 60 deep"),
    "billion laughs": (LAUGHS, "more than 200000 values, aliases written out"),
    "alias of itself": ("x: &a [*a]", r"\*a stands within what it is an alias of"),
    "mapping of itself": ("x: &a {y: *a}", r"\*a stands within"),
    "unknown alias": ("x: *nothing", "not YAML: found undefined alias"),
    "NUL": ("x: a\0b", r":1: a character that YAML does not allow \(U\+0000\)"),
    "escape": ("x: 1\ny: \x1b[31m", r":2: a character that YAML does not allow \(U\+001B\)"),
    "own tag": ("x: !foo 1", "could not determine a constructor"),
    "python": ("x: !!python/name:os.system ''", "could not determine a constructor"),
    "int": ("x: !!int abc", "a value does not fit its type"),
    "bool": ("x: !!bool perhaps", "a value does not fit its type"),
    "omap": ("x: !!omap 3", "expected a sequence"),
    "long int": ("x: " + "9" * 5000, "a number of 5000 characters"),
    "long hex": ("x: 0x" + "f" * 20_000, "a number of 20002 characters"),
    "unhashable key": ("? [a]\n: 1", "found unhashable key"),
    "huge": ("x: '" + "y" * 4_000_001 + "'", "at most 4000000 are read"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_a_sentence(name: str, tmp_path: Path) -> None:
    text, message = HOSTILE[name]
    started = time.process_time()
    with pytest.raises(AscError, match=message):
        yaml_text.load(text, "it")
    assert time.process_time() - started < 5, "the limits are there to end soon"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_recipe_is_refused(name: str, tmp_path: Path, asc: Asc) -> None:
    path = tmp_path / "r.yaml"
    text = HOSTILE[name][0]
    path.write_text(f"{text}\ndataset: toy\n", encoding="utf-8")
    done = asc("train", str(path))
    assert done.returncode == 1 and done.stderr.startswith("asc: ")
    assert len(done.stderr) < 20_000


@pytest.mark.parametrize(
    "value", ["2024-13-45", "2024-01-05", "!!int abc", "[" * 3000, "&a [*a]", "'", "\x1b[31m"]
)
def test_hostile_set_values_are_text(value: str) -> None:
    loaded = recipe.load("toy_lstm", [f"description={value}"])
    assert loaded.settings["description"] == value


def test_dates_stay_text() -> None:
    assert yaml_text.load("x: 2024-01-05", "it") == {"x": "2024-01-05"}


def test_what_recipes_use_is_read() -> None:
    text = "a: &b {x: 1.5, y: [yes, null, 0x1f]}\nc: {<<: *b, z: *b}\n# end\n"
    ab = {"x": 1.5, "y": [True, None, 31]}
    assert yaml_text.load(text, "it") == {"a": ab, "c": {**ab, "z": ab}}
    assert yaml_text.load("", "it") is None
