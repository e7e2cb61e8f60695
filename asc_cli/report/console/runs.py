"""Runs: a table of all, and one in detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from asc_cli.report.console.table import figure, percent, table


def runs(rows: Sequence[dict[str, Any]]) -> Table:
    made = table(
        "", "run", "dataset", "folds>", "result>", "metric", "error>", "created~", "size>", "model~"
    )
    for row in rows:
        made.add_row(
            row["run"],
            row["dataset"],
            folds(row),
            *_result(row),
            percent(row["error"]),
            row["created"][:16].replace("T", " "),
            size(row["bytes"]),
            row["model"] or "",
        )
    return made


def run(row: dict[str, Any]) -> list[Any]:
    """One run, a line a fact."""
    value, metric = _result(row)
    made = table("", "", "")
    for name, words in (
        ("run", row["run"]),
        ("recipe", row["recipe"]),
        ("dataset", row["dataset"]),
        ("recordings", row["audio_root"] or "not known"),
        ("folds", folds(row)),
        ("result", f"{value} {metric}, error {percent(row['error'])}" if metric else value),
        ("created", row["created"]),
        ("size", size(row["bytes"])),
        ("model", row["model"] or "none yet"),
        ("folder", row["folder"]),
    ):
        made.add_row(name, words)
    return [made]


def folds(row: dict[str, Any]) -> str:
    """Fitted of published."""
    return f"{row['folds']} of {row['published']}" if row["published"] else str(row["folds"])


def size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB"


def _result(row: dict[str, Any]) -> tuple[str, str]:
    if not row["finished"]:
        return "not finished", ""
    return figure(row["headline"], row["value"]), row["headline"].replace("_", " ")
