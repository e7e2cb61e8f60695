"""Predictions → a table, and timelines: a strip of colours and the stretches of one scene."""

from __future__ import annotations

import collections
import string
from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from asc_cli.report.console.output import printable
from asc_cli.report.console.table import BAR_CELLS, percent, table

STRIP_CELLS = 60  # of a line: 10 minutes at 10 s each
STRIP_LINES = 24  # at most; a cell stands for several parts of a longer recording
UNSURE = "unsure"
LETTERS = string.ascii_uppercase + string.ascii_lowercase  # for those who see no colours
PALETTE = """
    #4e79a7 #f28e2b #59a14f #e15759 #76b7b2 #edc948 #b07aa1 #ff9da7 #9c755f #1b9e77
    #d95f02 #7570b3 #e7298a #66a61e #e6ab02 #a6cee3 #fb9a99 #cab2d6 #ffff99 #b15928
"""
COLOURS = PALETTE.split()


def shown(rows: Sequence[dict[str, Any]], top: int) -> Iterator[Any]:
    """The table of all recordings, the model that answered, and each timeline there is."""
    yield predictions(rows, top)
    yield answered(rows)
    for row in rows:
        if "timeline" in row:
            yield ""
            yield Text(printable(row["file"]), style="bold")
            yield from strip(row["timeline"])
            yield stretches(row["segments"])


def answered(rows: Sequence[dict[str, Any]]) -> Text:
    """The model that the answers are from."""
    return Text(f"model: {', '.join(dict.fromkeys(row['model'] for row in rows))}")


def predictions(rows: Sequence[dict[str, Any]], top: int) -> Any:
    """The most probable scenes of each recording."""
    made = table("", "file", "seconds>", "scene", "probability>", "")
    for row in rows:
        ranked = sorted(row["scenes"].items(), key=lambda item: -item[1])[:top]
        for place, (scene, probability) in enumerate(ranked):
            first = place == 0
            unsure = first and row["scene"] == UNSURE
            name = f"{UNSURE} ({scene}?)" if unsure else scene
            bar = Text("█" * round(probability * BAR_CELLS), style="green" if first else "dim")
            made.add_row(
                printable(row["file"]) if first else "",
                f"{row['duration_s']:.1f}" if first else "",
                Text(name, style="bold" if first else "dim"),
                percent(probability),
                bar,
            )
    return made


def strip(timeline: Sequence[dict[str, Any]]) -> Iterator[Text]:
    """A cell a part, with its scene's letter and colour; under it which is which."""
    per_cell = -(-len(timeline) // (STRIP_CELLS * STRIP_LINES))
    groups = [timeline[i : i + per_cell] for i in range(0, len(timeline), per_cell)]
    cells = [
        (group[0]["start_s"], _most_frequent([part["scene"] for part in group])) for group in groups
    ]
    colours = _colours(list(timeline[0]["scenes"]))
    there = list(dict.fromkeys(scene for _, scene in cells))
    sign = {scene: LETTERS[i % len(LETTERS)] for i, scene in enumerate(there)}
    for start in range(0, len(cells), STRIP_CELLS):
        line = Text(f"{clock(cells[start][0])} ")
        for _, scene in cells[start : start + STRIP_CELLS]:
            line.append(sign[scene], style=f"black on {colours[scene]}")
        yield line
    key = Text("         ")
    for scene in there:
        key.append(sign[scene], style=f"black on {colours[scene]}").append(f" {scene}  ")
    yield key


def stretches(merged: Sequence[dict[str, Any]]) -> Any:
    made = table("", "from", "to", "scene", "probability>")
    for part in merged:
        made.add_row(
            clock(part["start_s"]),
            clock(part["end_s"]),
            part["scene"],
            percent(part["probability"]),
        )
    return made


def clock(seconds: float) -> str:
    """h:mm:ss"""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _colours(scenes: Sequence[str]) -> dict[str, str]:
    named = {scene: COLOURS[i % len(COLOURS)] for i, scene in enumerate(scenes)}
    return {**named, UNSURE: "grey50"}


def _most_frequent(scenes: Sequence[str]) -> str:
    return collections.Counter(scenes).most_common(1)[0][0]
