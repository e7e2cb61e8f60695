"""A CSV with folds that was written: what its groups rest on, its audit, what random folds hide."""

from __future__ import annotations

import shlex
from typing import Any

from rich.table import Table
from rich.text import Text

from asc_cli.report.console.datasets import audit
from asc_cli.report.console.table import percent, right, table

MOST_PAIRS = 10  # that are shown; --json has all


def split(result: dict[str, Any]) -> list[Any]:
    """Return the groups, what sounds the same, remarks, the audit and the comparison."""
    lines: list[Any] = [f"Groups from {result['rule']}: {result['basis']}", _scenes(result)]
    if result["example"]:
        lines.append(f"One group, for example: {', '.join(result['example'])}")
    lines += _pairs(result["pairs"])
    lines += [
        Text(f"Left out: {row['file']}: {row['error']}", style="red") for row in result["failed"]
    ]
    lines += [Text(f"Note: {remark}", style="yellow") for remark in result["remarks"]]
    lines += ["", *audit(result["audit"])]
    if result["random"]:
        lines += ["", _random(result["random"])]
    command = f"asc train own_quick --data {shlex.quote(result['output'])}"
    return [*lines, f"Written: {result['output']}; train on it with: {command}"]


def _scenes(result: dict[str, Any]) -> Table:
    output = table("", "scene", right("recordings"), right("groups"), "largest group")
    for scene, groups in result["scenes"].items():
        largest = max(groups, key=lambda name: (groups[name], name))
        output.add_row(
            scene, str(sum(groups.values())), str(len(groups)), f"{largest} ({groups[largest]})"
        )
    return output


def _pairs(pairs: list[dict[str, Any]]) -> list[Any]:
    if not pairs:
        return ["No two recordings are the same sound."]
    output = table("Recordings of the same sound, which stay together", "one", "other", "how")
    for pair in pairs[:MOST_PAIRS]:
        output.add_row(pair["first"], pair["second"], _how(pair))
    rest = len(pairs) - MOST_PAIRS
    return [output, *([f"and {rest} more pairs; --json has all"] if rest > 0 else [])]


def _how(pair: dict[str, Any]) -> str:
    if pair["kind"] == "identical":
        return "identical"
    return f"{pair['seconds']:.1f} s are the same"


def _random(result: dict[str, Any]) -> str:
    def with_interval(key: str) -> str:
        low, high = result[f"{key}_interval"]
        return f"{percent(result[key])} ({100 * low:.1f} to {100 * high:.1f})"

    gain, low, high = (
        f"{round(100 * share, 1) + 0.0:.1f}"  # no -0.0
        for share in (result["gain"], *result["gain_interval"])
    )
    return (
        f"A quick model recognises {with_interval('grouped')} of the recordings under these folds, "
        f"and {with_interval('random')} under {result['draws']} random splits: a random split "
        f"would flatter it by {gain} points ({low} to {high}). "
        "Intervals of 95 %, over groups."
    )
