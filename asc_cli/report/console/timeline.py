"""Predictions as a table, and timelines as a strip of colours and a table of segments."""

from __future__ import annotations

import collections
import string
from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from asc_cli.core.terminal import one_line
from asc_cli.report.console.table import BAR_CELLS, percent, right, table

STRIP_CELLS = 60  # of a line: 10 minutes at 10 s each
STRIP_LINES = 24  # at most; a cell is several segments of a longer recording
UNSURE, UNKNOWN = "unsure", "unknown"
LETTERS = string.ascii_uppercase + string.ascii_lowercase  # readable without colours
PALETTE = """
    #4e79a7 #f28e2b #59a14f #e15759 #76b7b2 #edc948 #b07aa1 #ff9da7 #9c755f #1b9e77
    #d95f02 #7570b3 #e7298a #66a61e #e6ab02 #a6cee3 #fb9a99 #cab2d6 #ffff99 #b15928
"""
COLOURS = PALETTE.split()


def render(rows: Sequence[dict[str, Any]], top: int) -> Iterator[Any]:
    """Yield the table of all recordings, the model's name, and the timelines."""
    yield predictions(rows, top)
    yield model_line(rows)
    for row in rows:
        if "timeline" in row:
            yield ""
            yield Text(one_line(row["file"]), style="bold")
            yield from strip(row["timeline"])
            yield segments(row["segments"])


def model_line(rows: Sequence[dict[str, Any]]) -> Text:
    """Return the name of the model that predicted."""
    return Text(f"model: {', '.join(dict.fromkeys(row['model'] for row in rows))}")


def predictions(rows: Sequence[dict[str, Any]], top: int) -> Any:
    """Return the most probable scenes of each recording."""
    output = table("", "file", right("seconds"), "scene", right("probability"), "")
    for row in rows:
        ranked = sorted(row["scenes"].items(), key=lambda item: -item[1])[:top]
        for place, (scene, probability) in enumerate(ranked):
            first = place == 0
            replaced = first and row["scene"] in (UNSURE, UNKNOWN)
            name = f"{row['scene']} ({scene}?)" if replaced else scene
            bar = Text("█" * round(probability * BAR_CELLS), style="green" if first else "dim")
            output.add_row(
                one_line(row["file"]) if first else "",
                f"{row['duration_s']:.1f}" if first else "",
                Text(name, style="bold" if first else "dim"),
                percent(probability),
                bar,
            )
    return output


def strip(timeline: Sequence[dict[str, Any]]) -> Iterator[Text]:
    """Yield a cell per segment with its scene's letter and colour, then the legend."""
    per_cell = -(-len(timeline) // (STRIP_CELLS * STRIP_LINES))
    groups = [timeline[i : i + per_cell] for i in range(0, len(timeline), per_cell)]
    cells = [
        (group[0]["start_s"], _most_frequent([part["scene"] for part in group])) for group in groups
    ]
    colours = _colours(list(timeline[0]["scenes"]))
    present = list(dict.fromkeys(scene for _, scene in cells))
    sign = {scene: LETTERS[i % len(LETTERS)] for i, scene in enumerate(present)}
    for start in range(0, len(cells), STRIP_CELLS):
        line = Text(f"{clock(cells[start][0])} ")
        for _, scene in cells[start : start + STRIP_CELLS]:
            line.append(sign[scene], style=f"black on {colours[scene]}")
        yield line
    legend = Text("         ")
    for scene in present:
        legend.append(sign[scene], style=f"black on {colours[scene]}").append(f" {scene}  ")
    yield legend


def segments(merged: Sequence[dict[str, Any]]) -> Any:
    output = table("", "from", "to", "scene", right("probability"))
    for segment in merged:
        output.add_row(
            clock(segment["start_s"]),
            clock(segment["end_s"]),
            segment["scene"],
            percent(segment["probability"]),
        )
    return output


def clock(seconds: float) -> str:
    """Format seconds as hh:mm:ss."""
    s = int(seconds)
    return f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}"


def _colours(scenes: Sequence[str]) -> dict[str, str]:
    colours = {scene: COLOURS[i % len(COLOURS)] for i, scene in enumerate(scenes)}
    return {**colours, UNSURE: "grey50", UNKNOWN: "grey37"}


def _most_frequent(scenes: Sequence[str]) -> str:
    return collections.Counter(scenes).most_common(1)[0][0]
