"""CSV from outside, read safely: a sentence with file and line for whatever cannot be read.

And cells that a spreadsheet would take for a formula: text from outside that begins with one of
= + - @ TAB CR is written with an apostrophe in front, which readers of our files take off again.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from asc_cli.core.errors import AscError

MAX_BYTES = 1 << 28  # of a list; 230 350 recordings with ten probabilities each are 50 MB
MAX_COLUMNS = 10_000
MAX_DIGITS = 9  # of a number of a fold
FORMULA = re.compile(r"'*[=+\-@\t\r]")


def read_text(path: Path, where: str) -> str:
    """Return the text of a UTF-8 file, without byte-order mark.

    Args:
        path: The file.
        where: What it is, for messages, such as "predictions p.csv".

    Raises:
        FileNotFoundError: There is no such file.
        AscError: It cannot be read, is too long, or is not UTF-8; the text says where.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as fault:
        raise AscError(f"{where}: cannot be read ({fault.strerror})") from fault
    if len(data) > MAX_BYTES:
        raise AscError(f"{where}: longer than {MAX_BYTES >> 20} MB, the most that is read")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise AscError(f"{where}: is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise AscError(
            f"{where}:{line}: not UTF-8 text (byte {fault.start}); was the list damaged, or saved "
            "in another encoding?"
        ) from fault


def rows(
    lines: Iterable[str], where: str, delimiter: str, one_line: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the cells of each row that is not empty.

    Args:
        lines: The text's lines with their ends, as `io.StringIO(text, newline="")` yields them.
        where: As for `read_text`.
        delimiter: What stands between cells.
        one_line: Refuse cells with a line break, which in a list come from a missing quotation
            mark.

    Raises:
        AscError: A cell or a row is too long, or a quotation mark is not closed.
    """
    end = uuid.uuid4().hex  # a last line; where it is no row, a quotation mark is open
    reader = csv.reader(itertools.chain(lines, [end]), delimiter=delimiter, skipinitialspace=True)
    line = 1
    try:
        for row in reader:
            if row == [end]:
                return
            if row and row[-1].endswith(end):
                raise _open_quote(where, line)
            if len(row) > MAX_COLUMNS:
                raise AscError(f"{where}:{line}: {len(row)} cells; at most {MAX_COLUMNS} are read")
            if one_line and any("\n" in cell or "\r" in cell for cell in row):
                raise _open_quote(where, line)
            if any(cell.strip() for cell in row):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as fault:
        if "field limit" in str(fault):
            raise _open_quote(where, line) from fault
        raise AscError(f"{where}:{line}: not CSV ({fault})") from fault


def whole_number(text: str) -> int:
    """Return the number of a fold, from 1. Raises ValueError for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS and int(text) > 0):
        short = text if len(text) <= 40 else f"{text[:40]}…"
        raise ValueError(f"holds {short!r}; a whole number (1, 2, …) was expected")
    return int(text)


def guarded(cell: str) -> str:
    """Return text from outside as a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """Return the text that `guarded` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def _open_quote(where: str, line: int) -> AscError:
    return AscError(
        f"{where}:{line}: a cell with a line break, or longer than {csv.field_size_limit()} "
        'characters; is a quotation mark (") not closed?'
    )
