"""Published results, a table for each dataset, with this machine's own beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from asc_cli.report.console.table import Column, right, table

EXPLAINED = (
    "✗: no figure of yours compares with it; the last column says why. Addresses, where each was "
    "read, and notes: --json, or the page of published results in the documentation."
)
NONE = "no published result of this dataset is known to asc"
WORDS = {"fold_class_accuracy": "fold × class accuracy"}


def literature(rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Return a table for each dataset of the rows, and what the marks mean."""
    datasets = sorted({row["dataset"] for row in rows})
    if not datasets:
        return [NONE]
    parts: list[Any] = []
    for name in datasets:
        parts += [_table(name, [row for row in rows if row["dataset"] == name]), ""]
    return [*parts, EXPLAINED]


def _table(dataset: str, rows: list[dict[str, Any]]) -> Table:
    output = table(
        dataset,
        "",
        right("figure"),
        "metric",
        "system",
        "epoch chosen on",
        Column("source", optional=True),
        "why it does not compare",
    )
    for row in sorted(rows, key=lambda row: (row["metric"] == "log_loss", -row["value"])):
        subset = f", {row['subset']} % of training" if row["subset"] else ""
        metric = WORDS.get(row["metric"], row["metric"].replace("_", " "))
        if "run" in row:
            system = f"{row['system']}{subset}"
            output.add_row("→", row["figure"], metric, system, "", row["run"], "yours")
            continue
        output.add_row(
            "✗" if row["reservations"] else "",
            row["figure"],
            metric,
            f"{row['system']}{subset}",
            row["chosen_on"],
            row["source"],
            "; ".join(row["reservations"]),
        )
    return output
