"""A choice of settings as a table: a row per candidate, a column per fold."""

from __future__ import annotations

import shlex
from typing import Any

from rich.text import Text

from asc_cli.report.console.table import headline, percent, remarks, right, table


def tuning(result: dict[str, Any]) -> list[Any]:
    """Return the candidates with their mean inner scores, and the score of the chosen ones."""
    choice = result["choice"]
    folds = list(choice["chosen"])
    columns = [right(f"fold {fold}") for fold in folds]
    output = table("mean inner scores", right(""), "candidate", *columns, right("all"))
    for row in choice["candidates"]:
        if "trials" in choice and not row["chosen_for"]:
            continue
        cells = []
        for fold in folds:
            is_chosen = choice["chosen"][fold] == row["candidate"]
            text = ("* " if is_chosen else "") + percent(row["means"][fold])
            cells.append(Text(text, style="bold green" if is_chosen else ""))
        settings = " ".join(f"{key}={value}" for key, value in row["values"].items())
        output.add_row(str(row["candidate"]), settings, *cells, percent(row["mean"]))
    tested = table("", right("fold"), right("recordings"), "settings", right("accuracy"))
    settings_of = {row["candidate"]: row["values"] for row in choice["candidates"]}
    for fold in result["folds"]:
        values = settings_of[choice["chosen"][str(fold["fold"])]]
        text = " ".join(f"{key}={value}" for key, value in values.items())
        n = str(fold["recordings"])
        tested.add_row(str(fold["fold"]), n, text, percent(fold["accuracy"]))
    return [
        output,
        f"*: chosen for the fold. {choice_words(choice)}",
        "",
        tested,
        "",
        headline(result),
        *remarks(result),
        f"run    {result['run']}   ({result['wall_seconds']:.0f} s)",
        f"for use, the best over these folds: {shlex.join(result['command'])}",
        "(all of them chose it, so its own score is no estimate; the score above is one, of "
        "settings chosen in this way)",
    ]


def choice_words(choice: dict[str, Any]) -> str:
    """Return in words by what a choice was made."""
    metric = choice["metric"].replace("_", " ")
    if "trials" in choice:
        n = len(choice["candidates"])
        drawn = (
            f"{choice['trials']} candidates were drawn for each fold, {n} different ones, guided "
            "by its inner scores alone. "
        )
        return drawn + choice_words({k: v for k, v in choice.items() if k != "trials"})
    if choice["method"] == "pairs":
        return (
            f"Inner scores ({metric}): for each pair of folds, trained on all others; the score "
            "on one fold of the pair judges settings for the other."
        )
    return (
        f"Inner scores ({metric}): trained on a part of each fold's training recordings; a fifth, "
        "held out by group where groups are known, judges."
    )
