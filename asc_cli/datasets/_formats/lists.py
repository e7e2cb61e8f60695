"""Read published lists, with the irregularities that text files have."""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

from asc_cli.core import csv_text
from asc_cli.core.errors import AscError

DRIVE = re.compile(r"[A-Za-z]:/")


def lines(path: Path) -> list[str]:
    """Return the non-empty lines, without byte-order mark, CR or surrounding white space.

    Raises AscError when the list is missing or not UTF-8 text.
    """
    return [line for _, line in numbered(path)]


def numbered(path: Path) -> list[tuple[int, str]]:
    """Return the same lines with their numbers."""
    lines = enumerate(_text(path).splitlines(), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def _text(path: Path) -> str:
    try:
        return csv_text.read_text(path, str(path))
    except FileNotFoundError:
        raise AscError(
            f"{path}: this list of the dataset is missing; is {path.parent} its root?"
        ) from None


def rows(path: Path, columns: int) -> list[tuple[int, list[str]]]:
    """Return each line's number and fields, split at runs of TABs; `columns` of them or more.

    A trailing or duplicate TAB does not shift the columns. Raises AscError naming the
    line that has too few.
    """
    table = []
    for number, line in numbered(path):
        fields = [field.strip() for field in re.split(r"\t+", line)]
        if len(fields) < columns:
            raise AscError(
                f"{path}:{number}: {len(fields)} field(s) where {columns} are expected, "
                f"with a TAB between: {line[:80]!r}"
            )
        table.append((number, fields))
    return table


def cells(path: Path, delimiters: str) -> list[tuple[int, list[str]]]:
    """Return the line and the cells of each row of a CSV that is not empty, the header's first.

    delimiters: the first of them that is in the header stands between cells. TABs around
    a line are white space, unless they are the delimiter: then they mark empty cells. Raises
    AscError as `csv_text.rows` does.
    """
    text = _text(path)
    header = next((line.strip() for line in text.splitlines() if line.strip()), "")
    delimiter = next((mark for mark in delimiters if mark in header), ",")
    blanks = " \r\n" if delimiter == "\t" else None
    stripped = (line.strip(blanks) + "\n" for line in io.StringIO(text, newline=""))
    return [
        (line, [cell.strip() for cell in row])
        for line, row in csv_text.rows(stripped, str(path), delimiter, one_line=True)
    ]


def by_column(header: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    """Return column → cell; "" for cells that a short row lacks; cells beyond the header go."""
    return dict(zip(header, [*row, *[""] * (len(header) - len(row))], strict=False))


def records(
    path: Path, columns: tuple[str, ...], delimiter: str
) -> list[tuple[int, dict[str, str]]]:
    """Return the line and the cells by column name of each row of a list with a header.

    Raises AscError when a column of `columns` is not in the header, or a row is too short.
    """
    table = cells(path, delimiter)
    header = table[0][1] if table else []
    if missing := [name for name in columns if name not in header]:
        raise AscError(
            f"{path}: no column {' and no column '.join(missing)} in its header "
            f"({shortened(header) or 'empty'})"
        )
    needed = 1 + max(header.index(name) for name in columns)
    for line, row in table[1:]:
        if len(row) < needed:
            raise AscError(f"{path}:{line}: fewer fields than the header has")
    return [(line, by_column(header, row)) for line, row in table[1:]]


def shortened(header: Sequence[str]) -> str:
    """Return a header for a message."""
    text = ", ".join(header)
    return text if len(text) <= 200 else f"{text[:200]} …"


def file_name(name: str, path: Path, line: int) -> str:
    """Return a listed file's name in its one spelling: "/" between parts, no "." and no "..".

    Raises AscError, with the list and the line, for a name that is no file in the dataset's folder.
    """
    spelt = posixpath.normpath(name.replace("\\", "/"))
    if spelt.startswith(("/", "../")) or spelt in (".", "..") or DRIVE.match(spelt):
        raise AscError(
            f"{path}:{line}: {name!r} is not in the folder that names are relative to; write names "
            "as they are from there, such as audio/a.wav (a link in it may lead to other folders)"
        )
    return spelt
