"""Read published lists, with the irregularities that text files have."""

from __future__ import annotations

import csv
import posixpath
import re
from pathlib import Path

from asc_cli.core.errors import AscError

DRIVE = re.compile(r"[A-Za-z]:/")


def lines(path: Path, delimiter: str = "") -> list[str]:
    """Return the non-empty lines, without byte-order mark, CR or surrounding white space.

    If TAB is the delimiter, a TAB at an end is kept: it marks an empty field. Raises
    AscError when the list is missing or not UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise AscError(
            f"{path}: this list of the dataset is missing; is {path.parent} its root?"
        ) from None
    except UnicodeDecodeError as fault:
        raise AscError(
            f"{path}: not UTF-8 text (byte {fault.start}); was the list damaged?"
        ) from fault
    except OSError as fault:
        raise AscError(f"{path}: cannot be read ({fault.strerror})") from fault
    blanks = " " if delimiter == "\t" else None
    return [line.strip(blanks) for line in text.splitlines() if line.strip()]


def rows(path: Path, columns: int) -> list[list[str]]:
    """Return the fields of each line, split at runs of TABs; `columns` of them or more.

    A trailing or duplicate TAB does not shift the columns. Raises AscError naming the
    line that has too few.
    """
    table = []
    for number, line in enumerate(lines(path), start=1):
        fields = [field.strip() for field in re.split(r"\t+", line)]
        if len(fields) < columns:
            raise AscError(
                f"{path}:{number}: {len(fields)} field(s) where {columns} are expected, "
                f"with a TAB between: {line[:80]!r}"
            )
        table.append(fields)
    return table


def records(path: Path, columns: tuple[str, ...], delimiter: str) -> list[dict[str, str]]:
    """Return the rows of a list with a header, by column names.

    Raises AscError when a column of `columns` is not in the header, or a row is too short.
    """
    reader = csv.DictReader(lines(path, delimiter), delimiter=delimiter, skipinitialspace=True)
    header = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    if missing := [name for name in columns if name not in header]:
        raise AscError(
            f"{path}: no column {' and no column '.join(missing)} in its header "
            f"({', '.join(header) or 'empty'})"
        )
    table = []
    for number, row in enumerate(reader, start=2):
        if any(row[name] is None for name in columns):
            raise AscError(f"{path}:{number}: fewer fields than the header has")
        table.append({name: (row[name] or "").strip() for name in header})
    return table


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
