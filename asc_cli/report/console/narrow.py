"""Tables on narrow terminals: figures are never cut.

If a table is too wide, columns are dropped first (bars, then optional ones from the right), then
the gaps shrink; if that is not enough, each row becomes a block of lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from asc_cli.core.terminal import one_line

MAX_UNFOLDED = 16  # cells; longer words may be folded
GAPS = (2, 1)


class OptionalColumnsTable(Table):
    """A table some of whose columns may be dropped, by their index."""

    def __init__(self, optional: set[int], **settings: Any):
        super().__init__(**settings)
        self.optional = optional

    def add_row(self, *cells: Any, **settings: Any) -> None:
        """Add a row; names from outside stay on one line."""
        super().add_row(*map(_on_one_line, cells), **settings)

    def add_column(self, header: Any = "", *words: Any, **settings: Any) -> None:
        """Add a column; its header stays on one line."""
        super().add_column(_on_one_line(header), *words, **settings)


def _on_one_line(cell: Any) -> Any:
    if isinstance(cell, Text):
        return cell if cell.plain.isprintable() else Text(one_line(cell.plain), cell.style)
    return one_line(cell) if isinstance(cell, str) else cell


def fit_width(part: Any, width: int) -> Any:
    """Return a table that is readable within `width` cells; anything else unchanged."""
    if not isinstance(part, Table):
        return part
    title, part.title = part.title, None  # on a line of its own: the table may be narrower
    return Group(*([Text(str(title), style="italic")] if title else []), *_body(part, width))


def _body(table: Table, width: int) -> Iterator[Any]:
    if _width(table.columns, _natural_width, GAPS[0]) <= width:
        yield table
        return
    indices: set[int] = getattr(table, "optional", set())
    optional = [column for index, column in enumerate(table.columns) if index in indices]
    columns = list(table.columns)
    for gap in GAPS:
        columns = _drop_optional(columns, optional, width, gap)
        if _width(columns, _min_width, gap) <= width:
            yield from (_with_widths(table, columns, width, gap), *_remark(table.columns, columns))
            return
    yield from _blocks(table)


def _drop_optional(
    columns: list[Column], optional: Sequence[Column], width: int, gap: int
) -> list[Column]:
    """Drop bars, then empty and optional columns until the rest fits."""
    columns = [column for column in columns if not _is_bar(column)]
    empty = [column for column in columns[1:] if not any(_cells(column))]
    for candidate in (*empty, *reversed(optional)):
        if _width(columns, _min_width, gap) > width:
            columns = [column for column in columns if column is not candidate]
    return columns


def _with_widths(table: Table, columns: Sequence[Column], width: int, gap: int) -> Table:
    """Return a table of these columns; the remaining width is given out a cell at a time."""
    widths = [_min_width(column) for column in columns]
    remaining = width - _width(columns, _min_width, gap)
    while remaining and (
        short := [i for i, c in enumerate(columns) if widths[i] < _natural_width(c)]
    ):
        for i in short[:remaining]:
            widths[i] += 1
        remaining -= len(short[:remaining])
    output = Table(
        box=None, pad_edge=False, header_style=table.header_style, collapse_padding=gap == 1
    )
    for column, cells in zip(columns, widths, strict=True):
        output.add_column(column.header, justify=column.justify, overflow="fold", width=cells)
    for row in zip(*(column.cells for column in columns), strict=True):
        output.add_row(*row)
    return output


def _remark(columns: Sequence[Column], remaining: Sequence[Column]) -> Iterator[Text]:
    dropped = [
        str(c.header)
        for c in columns
        if c.header and any(_cells(c)) and not any(c is column for column in remaining)
    ]
    if dropped:
        yield Text(f"(no room for: {', '.join(dropped)}; a wider terminal or --json shows it)")


def _blocks(table: Table) -> Iterator[Text]:
    """Yield each row as lines: its first non-empty cell as a heading, the others below it."""
    columns = [column for column in table.columns if not _is_bar(column)]
    names = [str(column.header) for column in columns]
    longest = max(map(cell_len, names))
    for row in zip(*(column.cells for column in columns), strict=True):
        filled = [(name, cell) for name, cell in zip(names, row, strict=True) if str(cell).strip()]
        marks = [str(cell) for name, cell in filled if not name and len(str(cell)) == 1]
        cells = [(name, cell) for name, cell in filled if name or len(str(cell)) > 1]
        if not cells:
            continue
        yield Text(" ".join([*marks, str(cells[0][1])]), style="bold", overflow="fold")
        for name, cell in cells[1:]:
            if str(cell) != "·":  # nothing, in a confusion matrix
                gap = " " * (longest - cell_len(name) + 2)
                yield Text.assemble(f"  {name}{gap}", _text(cell), overflow="fold")


def _width(columns: Sequence[Column], measure: Any, gap: int) -> int:
    return sum(map(measure, columns)) + gap * (len(columns) - 1)


def _natural_width(column: Column) -> int:
    return max(map(cell_len, [str(column.header), *_lines(column)]), default=0)


def _min_width(column: Column) -> int:
    """Return the smallest readable width: figures and words unbroken, except very long ones."""
    words = [*str(column.header).split(), *(w for line in _lines(column) for w in line.split())]
    if column.justify == "right":
        return max(map(cell_len, [*str(column.header).split(), *_lines(column)]), default=0)
    return min(MAX_UNFOLDED, max(map(cell_len, words), default=0))


def _is_bar(column: Column) -> bool:
    return not column.header and set("".join(_cells(column)).replace(" ", "")) == {"█"}


def _lines(column: Column) -> list[str]:
    return [line for cell in _cells(column) for line in cell.splitlines()]


def _cells(column: Column) -> list[str]:
    return [str(cell) for cell in column.cells]


def _text(cell: Any) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))
