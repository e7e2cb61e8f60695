"""Tables on narrow terminals: figures are never cut.

Where a table has no room, columns that it can do without go first (bars, then those marked SPARE,
from the right), then the gaps shrink; where that is not enough, each row becomes a block of lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

SPARE = "left out where there is no room"  # as a column's footer, which is not shown
LONGEST_WHOLE = 16  # cells; longer words may be folded
GAPS = (2, 1)


def fitted(part: Any, width: int) -> Any:
    """The table as it can be read within `width` cells; what is no table, as it is."""
    if not isinstance(part, Table):
        return part
    title, part.title = part.title, None  # on a line of its own: the table may be narrower
    return Group(*([Text(str(title), style="italic")] if title else []), *_body(part, width))


def _body(part: Table, width: int) -> Iterator[Any]:
    if _room(part.columns, _natural, GAPS[0]) <= width:
        yield part
        return
    kept = list(part.columns)
    for gap in GAPS:
        kept = _spared(kept, width, gap)
        if _room(kept, _least, gap) <= width:
            yield from (_laid_out(part, kept, width, gap), *_remark(part.columns, kept))
            return
    yield from _blocks(part)


def _spared(columns: list[Column], width: int, gap: int) -> list[Column]:
    """Without bars, and without the columns that can be missed as far as room is lacking."""
    columns = [column for column in columns if not _is_bar(column)]
    spare = [column for column in reversed(columns) if column.footer == SPARE]
    empty = [column for column in columns[1:] if not any(_cells(column))]
    for doomed in (*empty, *spare):
        if _room(columns, _least, gap) > width:
            columns = [column for column in columns if column is not doomed]
    return columns


def _laid_out(whole: Table, columns: Sequence[Column], width: int, gap: int) -> Table:
    """The table of these columns; what is left of the width goes round, a cell at a time."""
    widths = [_least(column) for column in columns]
    spare = width - _room(columns, _least, gap)
    while spare and (short := [i for i, c in enumerate(columns) if widths[i] < _natural(c)]):
        for i in short[:spare]:
            widths[i] += 1
        spare -= len(short[:spare])
    made = Table(
        box=None, pad_edge=False, header_style=whole.header_style, collapse_padding=gap == 1
    )
    for column, cells in zip(columns, widths, strict=True):
        made.add_column(column.header, justify=column.justify, overflow="fold", width=cells)
    for row in zip(*(column.cells for column in columns), strict=True):
        made.add_row(*row)
    return made


def _remark(columns: Sequence[Column], kept: Sequence[Column]) -> Iterator[Text]:
    gone = [
        str(c.header)
        for c in columns
        if c.header and any(_cells(c)) and not any(c is other for other in kept)
    ]
    if gone:
        yield Text(f"(no room for: {', '.join(gone)}; a wider terminal or --json shows it)")


def _blocks(whole: Table) -> Iterator[Text]:
    """The first cell that says something as a heading, the others below it, a line each."""
    columns = [column for column in whole.columns if not _is_bar(column)]
    names = [str(column.header) for column in columns]
    longest = max(map(cell_len, names))
    for row in zip(*(column.cells for column in columns), strict=True):
        said = [(name, cell) for name, cell in zip(names, row, strict=True) if str(cell).strip()]
        marks = [str(cell) for name, cell in said if not name and len(str(cell)) == 1]
        rest = [(name, cell) for name, cell in said if name or len(str(cell)) > 1]
        if not rest:
            continue
        yield Text(" ".join([*marks, str(rest[0][1])]), style="bold", overflow="fold")
        for name, cell in rest[1:]:
            if str(cell) != "·":  # nothing, in a confusion matrix
                gap = " " * (longest - cell_len(name) + 2)
                yield Text.assemble(f"  {name}{gap}", _text(cell), overflow="fold")


def _room(columns: Sequence[Column], measure: Any, gap: int) -> int:
    return sum(map(measure, columns)) + gap * (len(columns) - 1)


def _natural(column: Column) -> int:
    return max(map(cell_len, [str(column.header), *_lines(column)]), default=0)


def _least(column: Column) -> int:
    """The narrowest that can be read: figures and words whole, but for very long ones."""
    words = [*str(column.header).split(), *(w for line in _lines(column) for w in line.split())]
    if column.justify == "right":
        return max(map(cell_len, [*str(column.header).split(), *_lines(column)]), default=0)
    return min(LONGEST_WHOLE, max(map(cell_len, words), default=0))


def _is_bar(column: Column) -> bool:
    return not column.header and set("".join(_cells(column)).replace(" ", "")) == {"█"}


def _lines(column: Column) -> list[str]:
    return [line for cell in _cells(column) for line in cell.splitlines()]


def _cells(column: Column) -> list[str]:
    return [str(cell) for cell in column.cells]


def _text(cell: Any) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))
