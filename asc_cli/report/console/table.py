"""What all tables share: a plain table, metric titles, formatted figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from asc_cli.core import plugins
from asc_cli.report.console.narrow import SPARE

NAMES: dict[str, str] = {metric["name"]: metric["title"] for metric in plugins.metrics()}
PLAIN = {metric["name"] for metric in plugins.metrics() if not metric["share"]}
BAR_CELLS = 20


def table(title: str, *columns: str) -> Table:
    """A plain table; columns whose name ends in ">" are set flush right.

    One whose name ends in "~" (before any ">") can be missed on a narrow terminal.
    """
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.endswith(">")
        made.add_column(
            column.rstrip("~>"),
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=right,
            footer=SPARE if "~" in column else "",
        )
    return made


def percent(value: float | None) -> str:
    """One decimal, a half to the even one: 71.25 % is 71.2 %, and its error 28.75 % is 28.8 %."""
    return "–" if value is None else f"{round(100 * value, 8):.1f} %"


def figure(name: str, value: float | None) -> str:
    """A metric as it is printed: shares in per cent, nats and errors as they are."""
    return "–" if value is None else f"{value:.3f}" if name in PLAIN else percent(value)


def span(interval: Sequence[float]) -> str:
    return f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}"


def headline(result: dict[str, Any]) -> str:
    """The headline metric with its intervals, in words."""
    name, intervals = result["headline"], result["intervals"]
    low, high = intervals["bootstrap"]
    wald_low, wald_high = intervals["wald"]
    return (
        f"{NAMES[name]}: {percent(result[name])}, error {percent(result['error'])}\n"
        f"95 % interval {100 * low:.1f}–{100 * high:.1f} % "
        f"(bootstrap over {intervals['groups']} {intervals['bootstrap_over']}), "
        f"{100 * wald_low:.1f}–{100 * wald_high:.1f} % (Wald)\n"
        f"that is: {result['aggregation']}"
        + "".join(
            f"\npublished: {row['theirs']} ({row['metric']}; {row['source']}); ours: {row['ours']}"
            for row in result.get("published", [])
        )
    )
