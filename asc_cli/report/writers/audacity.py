"""Predictions as an Audacity label track."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def labels(row: dict[str, Any]) -> Iterator[str]:
    """Yield a prediction's segments as lines of an Audacity label track: start, end, text."""
    recording = {"start_s": 0.0, "end_s": row["duration_s"], **row}
    for segment in row.get("segments", [recording]):
        text = f"{segment['scene']} {100 * segment['probability']:.0f} %"
        yield f"{segment['start_s']:.6f}\t{segment['end_s']:.6f}\t{text}\n"
