"""Computed features as a table: a line per feature, and which recipes need it."""

from __future__ import annotations

from typing import Any


def extractions(result: dict[str, Any]) -> list[Any]:
    """Return one feature as a few lines; several as a table, with the bad files below it."""
    rows = result["features"]
    if len(rows) == 1:
        users = ", ".join(rows[0]["recipes"])
        return [*extraction(result), *([f"needed by {users}"] if users else [])]
    from asc_cli.report.console.table import right, table

    recipes = len({name for row in rows for name in row["recipes"]})
    output = table(
        "",
        "feature",
        right("computed"),
        right("reused"),
        right("failed"),
        right("seconds"),
        "needed by",
    )
    for row in rows:
        output.add_row(
            row["feature"],
            str(row["computed"]),
            str(row["reused"]),
            str(len(row["failed"])),
            f"{row['wall_seconds']:.1f}",
            ", ".join(row["recipes"]),
        )
    whose = f"its {recipes} shipped recipes need" if recipes > 1 else "its systems need"
    head = (
        f"{result['dataset']}: {result['recordings']} recordings, {result['audio_seconds']:.0f} s "
        f"of audio; {len(rows)} features, which {whose}"
    )
    return [head, output, *extraction(result)[2:]]


def extraction(result: dict[str, Any]) -> list[Any]:
    """Return a feature as two lines, with the bad files in a table below them."""
    lines: list[Any] = [
        f"{result['dataset']}: {result['recordings']} recordings, "
        f"{result['computed']} computed, {result['reused']} reused{_fetched(result)}, "
        f"{len(result['failed'])} failed",
        f"{result['feature']}: {result['audio_seconds']:.0f} s of audio in "
        f"{result['wall_seconds']:.1f} s",
    ]
    if result["failed"]:
        from asc_cli.report.console.table import table  # importing rich takes 0.05 s

        failed = table("", "file", "error")
        for row in result["failed"]:
            failed.add_row(row["file"], row["error"])
        lines.append(failed)
    return lines


def _fetched(result: dict[str, Any]) -> str:
    n = result.get("fetched", 0)
    return f" ({n} of them from the remote)" if n else ""
