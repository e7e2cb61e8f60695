"""Registered models, a model's card and what an export wrote, as tables."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from asc_cli.report.console.costs import complexity
from asc_cli.report.console.table import percent, table


def models(rows: list[dict[str, Any]]) -> Table:
    made = table(
        "", "", "model", "dataset", "scenes~>", "folds~>", "error>", "metric", "created", "run~"
    )
    for row in rows:
        made.add_row(
            "*" if row["default"] else "",
            row["model"],
            row["dataset"],
            str(row["scenes"]),
            str(row["folds"]),
            percent(row["error"]),
            (row["headline"] or "").replace("_", " "),
            row["created"][:16].replace("T", " "),
            row["run"] or "",
        )
    return made


def model(card: dict[str, Any]) -> list[Any]:
    """The card as YAML, then what the model costs."""
    import yaml

    plain = {key: value for key, value in card.items() if key != "complexity"}
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip()
    return [Text(text), "", complexity(card["complexity"])]


def exported(result: dict[str, Any]) -> list[Any]:
    """What `asc export` wrote, and how it differs from the model."""
    made = table("", "file", "size>", "recordings>", "largest difference>", "same scene>")
    for row in result["files"]:
        check = row["check"]
        cells = (
            (
                str(check["recordings"]),
                f"{check['largest_difference']:.1e}",
                f"{check['same_scene']}/{check['recordings']}",
            )
            if check
            else ("not checked", "", "")
        )
        made.add_row(row["file"], f"{row['bytes'] / 1e6:.2f} MB", *cells)
    return [f"{result['model']} → {result['format']}", made]
