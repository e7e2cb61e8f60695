"""Rows of the CSV of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

COLUMNS = ("file", "start", "end", "scene", "probability")  # then the scenes, model, …
LAST_COLUMNS = ("model", "settings", "error")


def cells(row: dict[str, Any], scenes: list[str], settings: str) -> Iterator[list[Any]]:
    """A prediction's rows of the CSV."""
    if "error" in row:
        blank = [""] * (len(COLUMNS) - 1 + len(scenes) + 1)
        yield [row["file"], *blank, settings, row["error"]]
        return
    whole = {"start_s": 0.0, "end_s": row["duration_s"], **row}
    for part in row.get("timeline", [whole]):
        yield [
            row["file"],
            f"{part['start_s']:.3f}",
            f"{part['end_s']:.3f}",
            part["scene"],
            repr(part["probability"]),
            *(repr(part["scenes"][scene]) for scene in scenes),
            row["model"],
            settings,
            "",
        ]
