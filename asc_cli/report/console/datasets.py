"""Datasets, and the findings of an audit, as tables."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from asc_cli.report.console.table import percent, right, table


def datasets(rows: list[dict[str, Any]]) -> Table:
    output = table(
        "", "name", right("scenes"), right("recordings"), right("folds"), "here", "title"
    )
    for row in rows:
        counts = (row[key] or "any" for key in ("scenes", "recordings", "folds"))
        output.add_row(row["name"], *map(str, counts), "yes" if row["here"] else "", row["title"])
    return output


def dataset(result: dict[str, Any]) -> list[Any]:
    lines: list[Any] = [Text(result["title"], style="bold")]
    facts = table("", "", "")
    for key in ("homepage", "licence", "citation", "metric", "sample_rate", "recordings"):
        if result[key]:
            facts.add_row(key.replace("_", " "), str(result[key]))
    if result["unlabelled"]:
        facts.add_row("", f"{result['unlabelled']} more without a label")
    facts.add_row("scenes", ", ".join(result["labels"]) or "taken from the data")
    sizes = sorted({f"{train or '?'}/{test}" for train, test in result["fold_sizes"]})
    facts.add_row("folds", f"{len(result['fold_sizes']) or 'as listed'} {', '.join(sizes)}")
    for baseline in result["baselines"]:
        facts.add_row("baseline", published(baseline))
    if challenge := result["challenge"]:
        homepage = f", {challenge['homepage']}" if challenge["homepage"] else ""
        facts.add_row("evaluation set", f"of {challenge['title']}{homepage}")
    if result["subsets"]:
        facts.add_row(
            "subsets", ", ".join(f"{p} % ({n or '?'} to train on)" for p, n in result["subsets"])
        )
    facts.add_row("how to get it", result["obtain"])
    facts.add_row("expected in", result["looked_for_in"])
    return [*lines, facts]


def published(baseline: dict[str, Any]) -> str:
    """Return the organisers' figure with its metric and source."""
    value, name = baseline["value"], baseline["metric"]
    text = f"{value:.3f}" if name == "log_loss" else percent(value)
    subset = f", subset {baseline['subset']} %" if baseline["subset"] else ""
    devices = f", devices {baseline['devices']}" if baseline["devices"] else ""
    other = f"; tested on {baseline['tested_on']}" if baseline["tested_on"] else ""
    return f"{name.replace('_', ' ')}{devices} {text} ({baseline['source']}{subset}{other})"


def audit(result: dict[str, Any]) -> list[Any]:
    sizes = ", ".join(f"{train}/{test}" for train, test in result["folds"]) or "none"
    count = result["unlabelled"]
    unlabelled = f", and {count} without a label" if count else ""
    lines: list[Any] = [
        f"{result['dataset']} in {result['root']}",
        f"{result['recordings']} recordings{unlabelled}; folds (train/test): {sizes}",
    ]
    n_broken = sum(row["broken"] for row in result["findings"])
    if result["findings"]:
        findings = table("", "", "check", "where", "what")
        for row in result["findings"]:
            mark = Text("✗", style="red") if row["broken"] else Text("·", style="yellow")
            findings.add_row(mark, row["check"], row["where"], row["what"])
        lines.append(findings)
    if n_broken:
        text = "1 protocol violation" if n_broken == 1 else f"{n_broken} protocol violations"
        return [*lines, Text(text, style="red")]
    return [*lines, Text("The copy matches the protocol.", style="green")]
