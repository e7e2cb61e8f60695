"""Recipes and `--set` with faults: loaded, or refused in a sentence.

`texts` and `overrides` make them from a seed; `attack` loads one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipe
from tests.conftest import ROOT

VALUES = (
    "",
    "~",
    "2024-13-45",
    "!!int abc",
    "!!bool maybe",
    "!!float x",
    "!!timestamp 1",
    "!!binary '&'",
    "!!omap [1]",
    "!!set {a}",
    "!foo bar",
    "!!python/name:os.system",
    "!!python/object/apply:os.system ['true']",
    "&a [*a]",
    "&a {b: *a}",
    "*x",
    "9" * 5_000,
    "0x" + "f" * 20_000,
    "-1",
    "0",
    "1e400",
    ".nan",
    ".inf",
    "-.inf",
    "1:20:30",
    "[" * 3_000,
    "{" * 3_000,
    "- " * 500 + "x",
    "[1, 2]",
    "{a: 1}",
    "{[1]: 2}",
    "{? {a: 1} : 2}",
    "'\\ud800'",
    '"\\ud800"',
    '"\\x1b[31m"',
    "\x00",
    "\x1b",
    "\u202e",
    "x" * 70_000,
    "yes",
    "toy_lstm",
    "../../x",
    "|\n  text",
    "[a, a, a]",
    "10000000000000000000",
    "1.5",
    "true",
)
SECTIONS = {
    "": (
        "description dataset data subset exclude paper stream source licence features model "
        "validation extends deployment_precision"
    ),
    "clips.": "length_s length_frames overlap standardise",
    "training.": "epochs batch_size optimiser l2 learning_rate seed curve_every choose_epoch",
    "validation.": "fraction by",
    "evaluation.": "aggregate headline",
    "paper.": "error",
    "stream.": "level",
    "source.": "stated",
    "features.": "name sample_rate n_mels hop_samples f_min_hz",
    "model.": "name n_hidden attention",
}
KEYS = [section + key for section, keys in SECTIONS.items() for key in keys.split()]
NAMES = ("toy_lstm", "toy_ta_sa", "esc10_lstm", "yt8m_ta_sa")
PIECES = (
    ":",
    "\n",
    "  ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    '"',
    "'",
    "#",
    "&a ",
    "*a",
    "!",
    "%",
    "\t",
    "?",
)


def texts(seed: int, count: int) -> Iterator[str]:
    """Recipe files with wrong values, keys and characters, the same for the same seed."""
    draw = random.Random(seed)
    good = [(ROOT / "recipes" / f"{name}.yaml").read_text("utf-8") for name in NAMES]
    for _ in range(count):
        text = draw.choice(
            [*good, "extends: toy_lstm\n", "extends: toy_lstm\ntraining:\n  l2: 0\n"]
        )
        for _ in range(draw.choice((1, 1, 2, 3))):
            text = _changed(text, draw)
        yield text


def _changed(text: str, draw: random.Random) -> str:
    how = draw.randrange(6)
    lines = text.split("\n")
    at = draw.randrange(len(lines))
    if how == 0:  # another value
        key = re.match(r"\s*[\w?-]+:", lines[at])
        lines[at] = (key[0] if key else "description:") + " " + draw.choice(VALUES)
    elif how == 1:  # another key
        *parents, last = draw.choice(KEYS).split(".")
        opened = "".join(f"{'  ' * n}{name}:\n" for n, name in enumerate(parents))
        lines.append(f"{opened}{'  ' * len(parents)}{last}: {draw.choice(VALUES)}")
    elif how == 2:
        lines.insert(at, lines[draw.randrange(len(lines))])
    elif how == 3:
        del lines[at]
    else:
        spot = draw.randrange(len(text) + 1)
        piece = (
            draw.choice(PIECES) if how == 4 else chr(draw.choice((0, 7, 27, 133, 0x202E, 0xFFFE)))
        )
        return text[:spot] + piece + text[spot:]
    return "\n".join(lines)


def overrides(seed: int, count: int) -> Iterator[list[str]]:
    """Values of `--set`, one or two at a time."""
    draw = random.Random(seed)
    for _ in range(count):
        yield [_override(draw) for _ in range(draw.choice((1, 1, 2)))]


def _override(draw: random.Random) -> str:
    key, value = draw.choice(KEYS), draw.choice(VALUES)
    how = draw.randrange(8)
    if how == 0:
        key += "." + draw.choice(("x", "name", "0", "", "\x1b"))
    elif how == 1:
        key = draw.choice(("", ".", "a.b.c.d", "training.", ".epochs", "x" * 5_000, "__class__"))
    return draw.choice(
        (f"{key}={value}", f"{key}={value}", f"{key}={value}", key, f"{key}=={value}")
    )


def attack(given: str | list[str], path: Path) -> str:
    """Load a recipe file, or toy_lstm with overrides; return how it ended."""
    try:
        if isinstance(given, str):
            path.write_text(given, encoding="utf-8", errors="surrogatepass")
            loaded = recipe.load(path)
        else:
            loaded = recipe.load("toy_lstm", given)
        loaded.signature("data")
        yaml.safe_dump(loaded.settings)
    except AscError as fault:
        assert str(fault).strip() and "Traceback" not in str(fault)
        return "refused"
    return "loaded"
