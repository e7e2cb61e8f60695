"""Runs that differ in their seed as a table, with mean and standard deviation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asc_cli.report.console.table import figure, right, table, titles

SHOWN = ("accuracy", "macro_accuracy", "macro_f1", "log_loss", "gap", "hit_at_1", "perr")


def seeds(result: dict[str, Any]) -> list[Any]:
    """Return a row per seed, then the mean ± the standard deviation of each figure."""
    rows, mean, deviation = result["runs"], result["mean"], result["standard_deviation"]
    headline = result["headline"]
    names = [name for name in dict.fromkeys([headline, *SHOWN]) if name in mean]
    title_of = {**titles(rows[0]), "gap": "GAP@20", "hit_at_1": "Hit@1", "perr": "PERR"}
    short = {name: name.replace("_", " ") for name in names}
    output = table("", right("seed"), *(right(short[name]) for name in names), "run", "model")
    for row in rows:
        figures = (figure(name, row[name]) for name in names)
        output.add_row(str(row["seed"]), *figures, Path(row["run"]).name, row["model"])
    lines = [output, ""]
    for name in names:
        spread = deviation[name]
        about = "one run" if spread is None else f"± {figure(name, spread)}"
        lines.append(f"{title_of.get(name, name)}: {figure(name, mean[name])} {about}")
    n = len(rows)
    return [*lines, f"mean ± sample standard deviation over {n} runs; headline: {headline}"]
