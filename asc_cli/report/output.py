"""One way out: JSON for programs, rich text for people, both on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

PIPED_WIDTH = 120  # columns of a table that does not go to a terminal


def show(result: Any, render: Callable[[Any], Any], as_json: bool = False) -> None:
    """Print a result as JSON, or as what `render` makes of it."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False), flush=True)
    else:
        out = console()
        rendered = render(result)
        parts = rendered if isinstance(rendered, list) else [rendered]
        out.print(*parts, sep="\n", soft_wrap=isinstance(rendered, str))


def console() -> Any:
    """A rich console on stdout."""
    from rich.console import Console

    return Console(
        width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False, markup=False
    )


class Predictions:
    """Predictions as they come: a JSON line each, or a table when all are there.

    Bad files go to stderr too, so that they are seen when stdout is a file.
    """

    def __init__(self, top: int = 3, as_json: bool = False):
        self.top, self.as_json = top, as_json
        self.rows: list[dict[str, Any]] = []

    def __enter__(self) -> Predictions:
        return self

    def add(self, row: dict[str, Any]) -> None:
        if "error" in row:
            print(f"asc: {row['file']}: {row['error']}", file=sys.stderr, flush=True)
        if self.as_json:
            print(json.dumps(row, ensure_ascii=False), flush=True)
        elif "error" not in row:
            self.rows.append(row)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.rows:
            from asc_cli.report.tables import predictions

            console().print(predictions(self.rows, self.top))
