"""The complexity of a model as a table."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from asc_cli.report.console.table import right, table


def complexity(costs: dict[str, Any]) -> Table:
    """Return a table of bytes and multiply-accumulates, of one member and all, with a limit."""
    members, macs, limit = costs["members"], costs["macs_per_second"], costs.get("limit")
    columns = (right("one member"), *([right(f"all {members}")] if members > 1 else []))
    output = table(
        limit["source"] if limit else "",
        "complexity",
        *columns,
        *(["within the limit"] if limit else []),
    )
    counts = (1, members)[: len(columns)]

    def row(name: str, value: int | None, verdict: str = "") -> None:
        cells = ["not counted" if value is None else f"{n * value:,}" for n in counts]
        output.add_row(name, *cells, *([verdict] if limit else []))

    row("parameters", costs["parameters"])
    for name, size in costs["bytes"].items():
        row(f"bytes at {name}", size, _verdict(limit, size, "bytes", counts))
    row(
        "multiply-accumulates per second of audio",
        macs,
        _verdict(limit, macs, "macs_per_second", counts),
    )
    if limit:
        verdict = ("pass", "green") if limit["passes"] else ("fail", "red")
        for device, own in costs.get("devices", {}).items():
            fits = own["bytes"][limit["precision"]] <= limit["bytes"]
            fits = fits and (own["macs_per_second"] or 0) <= limit["macs_per_second"]
            name = f"the same, the member for device {device}"
            output.add_row(name, *[""] * len(counts), "yes" if fits else "no")
        output.add_row(
            f"verdict, one member at {limit['precision']}", *[""] * len(counts), Text(*verdict)
        )
    return output


def _verdict(
    limit: dict[str, Any] | None, value: int | None, key: str, counts: tuple[int, ...]
) -> str:
    if limit is None or value is None:
        return "" if limit is None else "not known"
    return ", ".join("yes" if n * value <= limit[key] else "no" for n in counts)
