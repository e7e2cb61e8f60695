"""Print results on stdout: JSON for programs, rich text for people."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from asc_cli.core import json_text
from asc_cli.core.terminal import escaped, message

PIPED_WIDTH = 120  # columns of a table that does not go to a terminal


def show(result: Any, render: Callable[[Any], Any], as_json: bool = False) -> None:
    """Print a result as JSON, or as `render` returns it."""
    if as_json:
        print(json_text.shown(result), flush=True)
        return
    rendered = render(result)
    parts = [message(rendered)] if isinstance(rendered, str) else rendered
    parts = parts if isinstance(parts, list) else [parts]
    if all(isinstance(part, str) for part in parts):  # rich takes 0.05 s to import
        print(*map(escaped, parts), sep="\n", flush=True)
    else:
        write(console(), parts)


def write(out: Any, parts: Iterable[Any]) -> None:
    """Print parts one below the other, tables fitted to the console's width."""
    from asc_cli.report.console.narrow import fit_width

    out.print(*(fit_width(part, out.width) for part in parts), sep="\n")


def as_html(parts: Iterable[Any]) -> str:
    """Return parts as HTML with their colours, for a notebook."""
    from rich.console import Console

    out = Console(
        record=True,
        file=io.StringIO(),
        force_jupyter=False,  # it would be shown a second time
        width=PIPED_WIDTH,
        highlight=False,
        markup=False,
    )
    write(out, parts)
    return out.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def console(stderr: bool = False) -> Any:
    """Return a rich console on stdout, or stderr, that draws no control character from outside."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class SafeConsole(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                if segment.control or segment.text.isprintable():
                    yield segment
                else:
                    yield segment._replace(text=escaped(segment.text))

    if stderr:
        return SafeConsole(stderr=True)
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return SafeConsole(width=width, highlight=False, markup=False)
