"""Rows of the CSV of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asc_cli.core.csv_text import guarded

COLUMNS = ("file", "start", "end", "scene", "probability")  # then the scenes, model, …
LAST_COLUMNS = ("model", "settings", "error")
UNKNOWN_COLUMNS = ("unknown_score", "unknown_threshold")  # after these, of --unknown alone


def cells(
    row: dict[str, Any], scenes: list[str], settings: str, unknown: bool = False
) -> Iterator[list[Any]]:
    """Yield a prediction's rows of the CSV; `unknown`: with UNKNOWN_COLUMNS."""
    last = [""] * len(UNKNOWN_COLUMNS) if unknown else []
    if "error" in row:
        blank = [""] * (len(COLUMNS) - 1 + len(scenes) + 1)
        yield [guarded(row["file"]), *blank, guarded(settings), guarded(row["error"]), *last]
        return
    recording = {"start_s": 0.0, "end_s": row["duration_s"], **row}
    for segment in row.get("timeline", [recording]):
        yield [
            guarded(row["file"]),
            f"{segment['start_s']:.3f}",
            f"{segment['end_s']:.3f}",
            guarded(segment["scene"]),
            repr(segment["probability"]),
            *(repr(segment["scenes"][scene]) for scene in scenes),
            row["model"],
            guarded(settings),
            "",
            *([repr(segment["unknown_score"]), repr(row["unknown_threshold"])] if unknown else ()),
        ]
