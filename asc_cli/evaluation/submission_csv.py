"""Read CSV files of predictions as text: columns, rows, and their faults."""

from __future__ import annotations

import io
import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asc_cli.core import csv_text, plugins
from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording

FILE = ("file", "filename", "path", "slice_file_name")
GUESS = ("label", "scene_label", "scene", "prediction", "predicted")
IGNORED = ("group", "device", "probability", "duration_s", "model", "start", "end", "settings")
SHOWN = 5  # files listed per fault
Key = tuple[int, str]  # fold, file


@dataclass(frozen=True)
class Table:
    """A CSV as text: rows by column, each with its line."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]  # (line, {column: text})

    def column(self, names: Sequence[str]) -> str | None:
        return next((name for name in names if name in self.columns), None)


def read_table(path: Path, expected: dict[Key, Recording]) -> Table:
    """Read a CSV. Raises AscError for one that is empty or whose rows differ in length."""
    where = f"predictions {path}"
    try:
        text = csv_text.read_text(path, where)
    except FileNotFoundError:
        raise AscError(f"{where}: there is no such file") from None
    delimiter = max("\t;,", key=text.split("\n", 1)[0].count)
    rows = [
        (line, [csv_text.unguarded(cell.strip()) for cell in row])
        for line, row in csv_text.rows(io.StringIO(text, newline=""), where, delimiter)
    ]
    if not rows:
        raise AscError(f"predictions {path}: the file is empty")
    files = {file for _, file in expected}
    headless = len(rows[0][1]) == 2 and normalised_path(rows[0][1][0]) in files
    columns = ["file", "label"] if headless else rows[0][1]
    body = rows if headless else rows[1:]
    if not body:
        raise AscError(
            f"predictions {path}: a header without a row; a row per recording was expected"
        )
    for line, row in body:
        if len(row) != len(columns):
            raise AscError(
                f"predictions {path}:{line}: {len(row)} fields where {len(columns)} are expected"
            )
    return Table(
        tuple(columns), tuple((line, dict(zip(columns, row, strict=True))) for line, row in body)
    )


def column_faults(table: Table, scenes: tuple[str, ...]) -> list[str]:
    """Return faults of the header: missing, duplicate or unknown columns."""
    if duplicates := [name for name, n in Counter(table.columns).items() if n > 1]:
        return [f"duplicate column {duplicates[0]!r}"]
    if table.column(FILE) is None:
        return [f"no column 'file' in its header ({', '.join(table.columns)[:80]})"]
    missing = [scene for scene in scenes if scene not in table.columns]
    if len(missing) == len(scenes):
        if table.column(GUESS) is None:
            return [f"neither a column 'label' nor a column per scene ({', '.join(scenes)})"]
        return []
    faults = [f"no column for {some_of(missing)}"] if missing else []
    allowed = {*FILE, *GUESS, *IGNORED, "fold", "error", *scenes}
    if unknown := [name for name in table.columns if name not in allowed]:
        faults.append(f"column {plugins.unknown('scene', unknown[0], scenes)}")
    return faults


def some_of(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def normalised_path(text: str) -> str:
    """Return a file's name as `datasets` spells it."""
    return posixpath.normpath(text.replace("\\", "/"))
