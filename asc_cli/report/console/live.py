"""Print live predictions: one line that changes on a terminal; elsewhere a line each."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from asc_cli.core import json_text
from asc_cli.core.terminal import note, one_line

BAR_WIDTH, METER_WIDTH = 20, 10
METER_FROM_DB = -60.0


def level(level_db: float) -> str:
    """Return a level meter, full at 0 dBFS."""
    filled = round(METER_WIDTH * (1 - max(METER_FROM_DB, level_db) / METER_FROM_DB))
    return "▮" * filled + "▯" * (METER_WIDTH - filled)


class Live:
    """Prints one prediction after another."""

    def __init__(self, as_json: bool = False):
        self.as_json = as_json
        self.rewrites = sys.stdout.isatty() and not as_json
        self.warning: str | None = None

    def __enter__(self) -> Live:
        return self

    def add(self, row: dict[str, Any]) -> None:
        if self.as_json:
            print(json_text.shown(row), flush=True)
            return
        self._warn(row["warning"])
        bar = "█" * round(BAR_WIDTH * row["probability"])
        scene, per_cent = one_line(row["scene"]), 100 * row["probability"]
        line = (
            f"{row['time_s']:8.1f} s  {level(row['level_db'])} {row['level_db']:6.1f} dB  "
            f"{scene:<20} {per_cent:5.1f} %  {bar}"
        )
        print(
            f"\r\x1b[K{line}" if self.rewrites else line,
            end="" if self.rewrites else "\n",
            flush=True,
        )

    def _warn(self, warning: str | None) -> None:
        """Print a warning on stderr where there was another, or none, before."""
        if warning and warning != self.warning:
            if self.rewrites:
                sys.stdout.write("\r\x1b[K")
                sys.stdout.flush()
            note(f"asc: {warning}")
        self.warning = warning

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.rewrites:
            print(flush=True)
