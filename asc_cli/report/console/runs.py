"""Runs: a table of all, and one in detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from asc_cli.report.console.table import Column, figure, marked, percent, right, table


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
            marked(row["run"], row),
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


def part(result: dict[str, Any]) -> list[str]:
    """Return what `asc train --part` shows while folds of the run are not finished."""
    finished = ", ".join(map(str, result["folds"])) or "none of these"
    left: dict[str, list[str]] = {}
    for row in result["unfinished"]:
        state = f"being fitted by {row['holder']}" if row["holder"] else "not being fitted now"
        left.setdefault(row["run"], []).append(f"  fold {row['fold']}: {state}")
    lines = [line for run, rows in left.items() for line in (f"run {run} waits for", *rows)]
    end = "The command that finishes the last fold scores the run; after it, any of them shows it."
    return [f"finished folds: {finished}", *lines, end]


def folds(row: dict[str, Any]) -> str:
    """Return the fitted of the published folds."""
    return f"{row['folds']} of {row['published']}" if row["published"] else str(row["folds"])


def size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB"


def _result(row: dict[str, Any]) -> tuple[str, str]:
    if not row["finished"]:
        return "not finished", ""
    return figure(row["headline"], row["value"]), row["headline"].replace("_", " ")
