"""Recipes: one with its settings' sources, all of them, and the paper's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from asc_cli.core.kind import VIDEOS
from asc_cli.report.console.table import right, table

SYSTEMS = {  # the rows of Table 1, in its order: what follows the dataset in a recipe's name
    "lstm": "vanilla LSTM",
    "ta": "LSTM+TA",
    "sa": "LSTM+SA",
    "ta_sa": "LSTM+TA+SA",
    "rnn_gam": "RNN-Gam",
    "cnn_gam": "CNN-Gam",
    "mfcc_gmm": "MFCC-GMM",
    "dnn_cqt": "DNN-CQT",
    "sparse_nmf": "Sparse-NMF",
    "dnn_mel": "DNN-Mel",
    "cnn_mel": "CNN-Mel",
}
COLUMNS = ("litis", "dcase", "esc10")  # how the recipes' names begin
MARKED = ("features", "clips", "model", "training", "evaluation", "stream")
NOTE_COLUMN = 32
OWN = "this recipe's"


def recipes(rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Return Tables 1 and 2, then every recipe."""
    return [table_1(rows), "", table_2(rows), "", recipes_of(rows)]


def recipes_of(rows: Sequence[dict[str, Any]]) -> Table:
    """Return a table with a line per recipe."""
    output = table(
        "",
        "recipe",
        "dataset",
        "feature",
        "model",
        right("paper's error"),
        right("ours"),
        "description",
    )
    for row in rows:
        output.add_row(
            row["recipe"],
            row["dataset"],
            row["feature"],
            row["model"],
            _paper(row),
            _ours(row),
            row["description"],
        )
    return output


def table_1(rows: Sequence[dict[str, Any]]) -> Table:
    """Return systems by datasets: the published classification error, and ours where it was run."""
    output = table(
        "Table 1: classification error; –: not published, or not run here unchanged",
        "system",
        "recipes",
        right("LITIS paper"),
        right("ours"),
        right("DCASE2016 paper"),
        right("ours"),
        right("ESC-10 ours"),
    )
    by_name = {row["recipe"]: row for row in rows}
    for system, title in SYSTEMS.items():
        litis, dcase, esc10 = (by_name.get(f"{column}_{system}", {}) for column in COLUMNS)
        cells = (_paper(litis), _ours(litis), _paper(dcase), _ours(dcase), _ours(esc10))
        output.add_row(title, f"…_{system}", *(cell or "–" for cell in cells))
    return output


def table_2(rows: Sequence[dict[str, Any]]) -> Table:
    """Return systems on YouTube-8M: the published GAP of the test part, ours of the validation
    part."""
    output = table(
        "Table 2: GAP@20 on YouTube-8M",
        "system",
        "recipe",
        right("paper, test"),
        right("ours, validation"),
    )
    by_name = {row["recipe"]: row for row in rows if row.get("paper_gap") is not None}
    for system, title in SYSTEMS.items():
        if row := by_name.get(f"yt8m_{system}"):
            ours = _ours(row).removeprefix("GAP ") or "–"
            output.add_row(title, row["recipe"], f"{row['paper_gap']:.4f}", ours)
    return output


def recipe(settings: dict[str, Any]) -> str:
    """Return the recipe as YAML; with a source, each setting is marked: source, ours, or own."""
    import yaml

    code = settings.pop("code", [])
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).rstrip()
    origins = [
        f"# {row['kind']}/{row['name']}.py: {row['origin']}, hash {row['hash']}" for row in code
    ]
    return "\n".join([_marked(settings, text), *origins])


def _marked(settings: dict[str, Any], text: str) -> str:
    """The recipe's lines, with whose each setting is."""
    if not settings.get("source"):
        return text
    lines, section = [], ""
    for line in text.splitlines():
        if not line.startswith((" ", "-")):
            section = line.partition(":")[0]
        mark = ""
        if section in MARKED and line.startswith("  ") and line[2] not in " -":
            mark = _mark(f"{section}.{line.strip().partition(':')[0]}", settings["source"])
        lines.append(f"{line:<{NOTE_COLUMN}}  # {mark}" if mark else line)
    return "\n".join(lines)


def _mark(key: str, source: dict[str, Any]) -> str:
    """Return where a setting comes from; the key's own entry goes before its section's."""
    for name in (key, key.partition(".")[0]):
        if name in source.get("own", ()):
            return OWN
        if name in source["ours"]:
            return "ours"
        if name in source["stated"]:
            return "source"
    return ""


def _paper(row: dict[str, Any]) -> str:
    return "" if row.get("paper_error") is None else f"{row['paper_error']:.2f} %"


def _ours(row: dict[str, Any]) -> str:
    """Return our error; for videos GAP@20, whose complement it is."""
    if row.get("our_error") is None:
        return ""
    if row["kind"] == VIDEOS:
        return f"GAP {1 - row['our_error']:.4f}"
    return f"{100 * row['our_error']:.2f} %"
