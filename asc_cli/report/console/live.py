"""Print live predictions: one line that changes on a terminal; elsewhere a line each."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from asc_cli.core import json_text
from asc_cli.core.terminal import one_line


class Live:
    """Prints one prediction after another."""

    def __init__(self, as_json: bool = False):
        self.as_json = as_json
        self.rewrites = sys.stdout.isatty() and not as_json

    def __enter__(self) -> Live:
        return self

    def add(self, row: dict[str, Any]) -> None:
        if self.as_json:
            print(json_text.shown(row), flush=True)
            return
        bar = "█" * round(20 * row["probability"])
        scene, per_cent = one_line(row["scene"]), 100 * row["probability"]
        line = f"{row['time_s']:8.1f} s  {scene:<20} {per_cent:5.1f} %  {bar}"
        print(
            f"\r\x1b[K{line}" if self.rewrites else line,
            end="" if self.rewrites else "\n",
            flush=True,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.rewrites:
            print(flush=True)
