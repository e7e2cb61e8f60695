"""Predictions as an Audacity label track."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def labels(row: dict[str, Any]) -> Iterator[str]:
    """A prediction's stretches as lines of an Audacity label track: start, end, text."""
    whole = {"start_s": 0.0, "end_s": row["duration_s"], **row}
    for part in row.get("stretches", [whole]):
        text = f"{part['scene']} {100 * part['probability']:.0f} %"
        yield f"{part['start_s']:.6f}\t{part['end_s']:.6f}\t{text}\n"
