"""A run that was scored again from its bundle: its metrics, and what could be verified."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from asc_cli.report.console.evaluation import evaluation

MARKS = {"verified": ("✓", "green"), "differs": ("✗", "red"), "not verified": ("·", "yellow")}


def bundle(result: dict[str, Any]) -> list[Any]:
    """Return the metrics, then a line for each statement of the bundle."""
    checks = result["checks"]
    counts = {name: sum(check["result"] == name for check in checks) for name in MARKS}
    heading = f"{result['run']}, scored again from {result['bundle']}"
    lines: list[Any] = [heading, *evaluation(result), ""]
    for check in checks:
        mark, colour = MARKS[check["result"]]
        lines.append(Text(f"{mark} {check['result']}: {check['text']}", style=colour))
    total = ", ".join(f"{n} {name}" for name, n in counts.items() if n)
    return [*lines, f"{len(checks)} statements: {total}"]
