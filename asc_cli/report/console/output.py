"""Print results on stdout: JSON for programs, rich text for people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from asc_cli.core import json_text

PIPED_WIDTH = 120  # columns of a table that does not go to a terminal


def show(result: Any, render: Callable[[Any], Any], as_json: bool = False) -> None:
    """Print a result as JSON, or as `render` returns it."""
    if as_json:
        print(json_text.dumps(result, ascii=False), flush=True)
        return
    rendered = render(result)
    parts = rendered if isinstance(rendered, list) else [rendered]
    if all(isinstance(part, str) for part in parts):  # rich takes 0.05 s to import
        print(*parts, sep="\n", flush=True)
    else:
        write(console(), parts)


def write(out: Any, parts: Iterable[Any]) -> None:
    """Print parts one below the other, tables fitted to the console's width."""
    from asc_cli.report.console.narrow import fit_width

    out.print(*(fit_width(part, out.width) for part in parts), sep="\n")


def printable(name: str) -> str:
    """Return a file name on one line, unprintable characters escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def console() -> Any:
    """Return a rich console on stdout."""
    from rich.console import Console

    return Console(
        width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False, markup=False
    )
