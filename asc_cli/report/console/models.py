"""Registered models, a model's card, checks and exported files, as tables."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from asc_cli.report.console.costs import complexity
from asc_cli.report.console.table import Column, marked, percent, right, table


def models(rows: list[dict[str, Any]]) -> Table:
    output = table(
        "",
        "",
        "model",
        "dataset",
        right("scenes", optional=True),
        right("folds", optional=True),
        right("error"),
        "metric",
        "created",
        Column("run", optional=True),
    )
    for row in rows:
        output.add_row(
            "*" if row["default"] else "",
            marked(row["model"], row),
            row["dataset"],
            str(row["scenes"]),
            str(row["folds"]),
            percent(row["error"]),
            (row["headline"] or "").replace("_", " "),
            row["created"][:16].replace("T", " "),
            row["run"] or "",
        )
    return output


def model(card: dict[str, Any]) -> list[Any]:
    """Return the card as YAML, then the model's complexity and remarks."""
    import yaml

    fields = {key: value for key, value in card.items() if key not in ("complexity", "remarks")}
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).rstrip()
    remarks = [Text(f"{remark}.") for remark in card["remarks"]]
    costs = card["complexity"]
    return [Text(text), "", complexity(costs) if costs else "complexity: not known", *remarks]


def checked_model(result: dict[str, Any]) -> list[Any]:
    """Return how a model's answers agree with torch's."""
    output = table(
        "system",
        "answered by",
        right("clips"),
        right("largest difference"),
        right("other clips"),
        right("recordings"),
        right("other scenes"),
    )
    for row in result["systems"]:
        output.add_row(
            row["system"],
            row["answered_by"],
            str(row["clips"]),
            f"{row['largest_difference']:.1e}",
            f"{row['other_clips']} ({percent(row['other_clips'] / row['clips'])})",
            str(row["recordings"]) if row["recordings"] else "noise",
            str(row["other_scenes"]),
        )
    return [f"{result['model']}: {result['files']} files, each as its checksum says", output]


def exported(result: dict[str, Any]) -> list[Any]:
    """Return the files that `asc export` wrote, and how they differ from the model."""
    output = table(
        "",
        "file",
        right("size"),
        right("recordings"),
        right("largest difference"),
        right("same scene"),
    )
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
        output.add_row(row["file"], f"{row['bytes'] / 1e6:.2f} MB", *cells)
    return [f"{result['model']} → {result['format']}", output]
