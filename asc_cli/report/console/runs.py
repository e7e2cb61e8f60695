"""Runs: a table of all, and one in detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from asc_cli.report.console.table import Column, figure, percent, right, table


def runs(rows: Sequence[dict[str, Any]]) -> Table:
    output = table(
        "",
        "run",
        "dataset",
        right("folds"),
        right("result"),
        "metric",
        right("error"),
        Column("created", optional=True),
        right("size"),
        Column("model", optional=True),
    )
    for row in rows:
        output.add_row(
            row["run"],
            row["dataset"],
            folds(row),
            *_result(row),
            percent(row["error"]),
            row["created"][:16].replace("T", " "),
            size(row["bytes"]),
            row["model"] or "",
        )
    return output


def run(row: dict[str, Any]) -> list[Any]:
    """Return one run as a table, a line per fact."""
    value, metric = _result(row)
    output = table("", "", "")
    for name, text in (
        ("run", row["run"]),
        ("recipe", row["recipe"]),
        ("dataset", row["dataset"]),
        ("recordings", row["audio_root"] or "not known"),
        ("folds", folds(row)),
        ("result", f"{value} {metric}, error {percent(row['error'])}" if metric else value),
        ("conditions", "; ".join(row["conditions"]) or "not recorded"),
        ("created", row["created"]),
        ("size", size(row["bytes"])),
        ("model", row["model"] or "none yet"),
        ("folder", row["folder"]),
    ):
        output.add_row(name, text)
    return [output]


def folds(row: dict[str, Any]) -> str:
    """Return the fitted of the published folds."""
    return f"{row['folds']} of {row['published']}" if row["published"] else str(row["folds"])


def size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB"


def _result(row: dict[str, Any]) -> tuple[str, str]:
    if not row["finished"]:
        return "not finished", ""
    return figure(row["headline"], row["value"]), row["headline"].replace("_", " ")
