"""Names, labels, keys and values from outside reach no terminal as they are, by any command."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from asc_cli.core.terminal import MAX_LINE, escaped, message, one_line
from asc_cli.registry import models
from tests.conftest import ROOT, Asc, tone, write

# a title, a bell, a line that is written over, a line break, text from right to left, nothing
HOSTILE = "x\x1b]0;PWNED\x07\rover\nasc: done\u202eevil\u200b\x9b31m"
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def test_text_is_shown_and_not_obeyed() -> None:
    assert not UNSEEN.search(escaped(HOSTILE)) and "\n" in escaped(HOSTILE)
    assert not UNSEEN.search(one_line(HOSTILE)) and "\n" not in one_line(HOSTILE)
    assert one_line("küche – 森.wav") == "küche – 森.wav"
    assert message("a\nb\n  c") == "a\n  b\n  c"
    assert len(escaped("x" * 100_000)) < MAX_LINE + 10


@pytest.fixture
def home_of_hostile_names(two_folds: Path, home: Path, tmp_path: Path) -> Path:
    """A model whose labels are hostile, recordings and a table with hostile names; the folder."""
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    model = models.find("toy_lstm")
    card = {k: v for k, v in model.card.items() if k not in ("checksum", "files")}
    card["labels"] = [f"{HOSTILE} {i}" for i in range(len(card["labels"]))]
    card["dataset"] = {**card["dataset"], "title": HOSTILE, "licence": HOSTILE}
    card["run"] = HOSTILE
    (model.folder / "card.yaml").write_text(yaml.safe_dump(card, allow_unicode=True))
    folder = tmp_path / "data"
    write(folder / f"{HOSTILE}.wav", tone(440, 1.2, 22_050))
    (folder / f"{HOSTILE}.m4a").write_bytes(b"junk")
    write(folder / "b.wav", tone(220, 1.2, 22_050))
    rows = [("filename", "label", "group", "fold"), ("b.wav", HOSTILE, "g" + HOSTILE, "1")]
    rows += [(f"{HOSTILE}.wav", "y", f"h{HOSTILE}", "2"), (f"gone{HOSTILE}", "y", "", "2")]
    quoted = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows)
    (folder / "t.csv").write_text(quoted.replace("\nasc: done", "").replace("\r", ""))
    names = HOSTILE.replace("\nasc: done", "").replace("\r", "")
    submitted = f'file,label\nb.wav,"{names}"\n"{names}.wav",y\n"gone{names}",y\n'
    (folder / "p.csv").write_text(submitted)
    return folder


def commands(folder: Path) -> Iterator[list[object]]:
    """Every subcommand, with hostile text wherever it takes or shows text."""
    bad, clip = folder / f"{HOSTILE}.wav", folder / "b.wav"
    table = ("--data", folder / "t.csv")
    yield ["predict", folder]
    yield ["predict", folder, "--timeline", 1, "--csv", folder / f"{HOSTILE}.csv"]
    yield ["predict", clip, bad, "--json"]
    yield ["predict", clip, "--model", HOSTILE]
    yield ["predict", f"{folder}/*{HOSTILE}*"]
    yield ["predict", "--files-from", folder / HOSTILE]
    yield ["predict", clip, "--audacity", clip]
    yield ["listen", HOSTILE]
    yield ["listen", "-", "--encoding", HOSTILE]
    yield ["features", *table]
    yield ["features", *table, "--json"]
    yield ["features", "--recipe", HOSTILE]
    yield ["features", "--dataset", HOSTILE]
    yield ["train", HOSTILE]
    yield ["train", "toy_lstm", "--set", f"model.name={HOSTILE}"]
    yield ["train", "toy_lstm", "--set", f"{HOSTILE}=1"]
    yield ["train", "toy_lstm", "--set", f"training.{HOSTILE}=1"]
    yield ["train", "toy_lstm", "--data", folder / HOSTILE]
    yield ["train", "toy_lstm", "--folds", HOSTILE]
    yield ["train", folder / f"{HOSTILE}.yaml"]
    yield ["evaluate", HOSTILE]
    yield ["evaluate", folder / "p.csv", "--dataset", "table", *table]
    yield ["evaluate", folder / "p.csv", "--dataset", "table", *table, "--json"]
    yield ["evaluate", folder / "t.csv", "--dataset", "table", *table]
    yield ["evaluate", folder / f"{HOSTILE}.csv", "--dataset", "toy"]
    yield ["evaluate", "toy_lstm", "--dataset", "table", *table]
    yield ["compare", HOSTILE, HOSTILE + "2"]
    yield ["report", HOSTILE]
    yield ["datasets", "check", "table", *table]
    yield ["datasets", "check", "table", *table, "--json"]
    yield ["datasets", "check", HOSTILE]
    yield ["datasets", "show", HOSTILE]
    yield ["datasets", "download", HOSTILE]
    yield ["datasets", "make", HOSTILE, "--data", folder / "new"]
    yield ["models", "list"]
    yield ["models", "list", "--json"]
    yield ["models", "show", "toy_lstm"]
    yield ["models", "show", "toy_lstm", "--limit", HOSTILE]
    yield ["models", "use", HOSTILE]
    yield ["models", "remove", HOSTILE]
    yield ["models", "import", folder / HOSTILE]
    yield ["models", "import", clip]
    yield ["models", "export", HOSTILE, folder / "x.zip"]
    yield ["models", "export", "toy_lstm", folder / HOSTILE / "x.zip"]
    yield ["export", HOSTILE, folder / "x.onnx"]
    yield ["runs", "list"]
    yield ["runs", "remove", HOSTILE]
    yield ["recipes", "show", HOSTILE]
    yield ["recipes", "list"]
    yield ["store"]


@pytest.mark.campaign
def test_no_command_prints_what_cannot_be_seen(home_of_hostile_names: Path, asc: Asc) -> None:
    for words in commands(home_of_hostile_names):
        done = asc(*words)
        printed = done.stdout + done.stderr
        assert printed, words
        assert not (bad := UNSEEN.search(printed)), (words, bad, printed[-600:])
        assert "\nasc: done" not in printed, (words, printed)
        assert "Traceback" not in printed, words


def test_one_line_a_file(home_of_hostile_names: Path, asc: Asc) -> None:
    done = asc("predict", home_of_hostile_names)
    assert done.returncode == 3 and len(done.stderr.splitlines()) == 1  # the m4a
    table = [line for line in done.stdout.splitlines() if ".wav" in line]
    assert len(table) == 2


def test_option_names_with_control_characters_are_refused(asc: Asc) -> None:
    for words in (
        ["--\x1b]0;x\x07"],
        ["predict", "--\x1b[31mx"],
        ["models", "\x1b[31m"],
        ["\x1b[31m"],
    ):
        done = asc(*words)
        assert done.returncode == 2 and not UNSEEN.search(done.stdout + done.stderr), words


def test_names_are_printed_by_one_module() -> None:
    allowed = {
        "core/terminal.py": 1,
        "report/console/output.py": 2,
        "report/console/live.py": 3,
        "report/writers/predictions.py": 1,
        "video/report.py": 1,
        "cli/__init__.py": 2,
        "cli/demo.py": 3,
        "cli/datasets.py": 1,
        "cli/recipes.py": 1,
    }
    found = {}
    for path in sorted((ROOT / "asc_cli").rglob("*.py")):
        if n := len(re.findall(r"(?<![\w.])print\(", path.read_text("utf-8"))):
            found[path.relative_to(ROOT / "asc_cli").as_posix()] = n
    assert found.pop("inference/predict.py") == 1  # an example in a docstring
    assert found == allowed


def test_the_console_draws_no_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.text import Text

    from asc_cli import report
    from asc_cli.report.console.table import table

    shown = table(HOSTILE, HOSTILE, "n")
    shown.add_row(HOSTILE, Text(HOSTILE, style="red"))
    report.show({}, lambda _: [shown, HOSTILE, Text(HOSTILE)])
    out = capsys.readouterr().out
    assert not UNSEEN.search(out) and out.count("PWNED") >= 4
    assert np.char.count(out, "asc: done") >= 2
