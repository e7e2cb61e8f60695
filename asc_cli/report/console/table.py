"""Plain tables, titles of metrics, formatted figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asc_cli.core import plugins
from asc_cli.core.kind import OUTSIDE_DATA
from asc_cli.report.console.narrow import OptionalColumnsTable

BAR_CELLS = 20


def metric_titles() -> dict[str, str]:
    """Return the metrics' names and titles, in the order of METRICS."""
    return {metric.name: metric.title for metric in plugins.metrics()}


@dataclass(frozen=True)
class Column:
    """A column of a table. optional: left out where a terminal is too narrow."""

    header: str
    right: bool = False
    optional: bool = False


def right(header: str, optional: bool = False) -> Column:
    """Return a right-aligned column, for figures."""
    return Column(header, right=True, optional=optional)


def table(title: str, *columns: Column | str) -> OptionalColumnsTable:
    """Return a plain table; a string is the header of a left-aligned column."""
    described = [Column(column) if isinstance(column, str) else column for column in columns]
    optional = {index for index, column in enumerate(described) if column.optional}
    output = OptionalColumnsTable(
        optional, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold"
    )
    for column in described:
        output.add_column(
            column.header,
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=column.right,
        )
    return output


def marked(name: str, conditions: Mapping[str, Any] | None) -> str:
    """Return a system's name for a row, marked where its score used other recordings than the
    dataset's. conditions: As recorded; None where they are not."""
    outside = (conditions or {}).get("outside_data")
    return f"{name} ({OUTSIDE_DATA})" if outside else name


def percent(value: float | None) -> str:
    """Format a share in per cent, one decimal, half to even: 71.25 % is 71.2 %, and its error 28.75
    % is 28.8 %."""
    return "–" if value is None else f"{round(100 * value, 8):.1f} %"


def figure(name: str, value: float | None) -> str:
    """Format a metric: shares in per cent, log loss and calibration error as numbers."""
    if value is None:
        return "–"
    plain = {metric.name for metric in plugins.metrics() if not metric.share}
    return f"{value:.3f}" if name in plain else percent(value)


def span(interval: Sequence[float]) -> str:
    return f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}"


def ranges(numbers: list[int]) -> str:
    """Return 1–3, 5 for 1, 2, 3, 5."""
    parts: list[list[int]] = []
    for n in numbers:
        if parts and parts[-1][-1] == n - 1:
            parts[-1].append(n)
        else:
            parts.append([n])
    return ", ".join(f"{p[0]}–{p[-1]}" if len(p) > 1 else str(p[0]) for p in parts)


def titles(result: dict[str, Any]) -> dict[str, str]:
    """Return the titles of all metrics in a result: METRICS', and one from outside."""
    outside = result.get("metric_from_outside")
    return {**metric_titles(), **({outside["name"]: outside["title"]} if outside else {})}


def headline(result: dict[str, Any]) -> str:
    """Return the headline metric with its intervals as text."""
    name = result["headline"]
    return "\n".join(
        [
            f"{titles(result)[name]}: {percent(result[name])}, error {percent(result['error'])}",
            f"95 % interval {interval(result['intervals'])}",
            f"definition: {result['aggregation']}",
            *conditions(result),
            *published(result),
        ]
    )


def interval(intervals: dict[str, Any]) -> str:
    """Return the headline's intervals; the exact one alone where the others have no width."""
    of = f"{intervals['groups']} {intervals['bootstrap_over']}"
    if exact := intervals.get("exact"):
        return f"{span(exact)} % (exact, of {of}: a bootstrap of equal outcomes has no width)"
    bootstrap, wald = span(intervals["bootstrap"]), span(intervals["wald"])
    return f"{bootstrap} % (bootstrap over {of}), {wald} % (Wald)"


def conditions(result: dict[str, Any]) -> list[str]:
    """Return a line on the conditions of a score; none of a result that an old version wrote."""
    recorded = result.get("conditions")
    return [f"conditions: {'; '.join(recorded['summary'])}"] if recorded else []


def published(result: dict[str, Any]) -> list[str]:
    """Return a line per published figure: beside ours, or why the two do not compare."""
    lines = []
    for row in result.get("published", []):
        text = f"published: {row['theirs']} ({row['metric']}; {row['source']})"
        if row.get("comparable", True):
            lines.append(f"{text}; ours: {row['ours']}")
        else:
            lines.append(f"{text}; not comparable: {'; '.join(row['why_not'])}")
    return lines


def remarks(result: dict[str, Any]) -> list[str]:
    """Return a line per remark; versions up to 0.1 wrote texts without codes."""
    rows = result.get("remarks", [])
    return [f"· {row if isinstance(row, str) else row['text']}" for row in rows]
