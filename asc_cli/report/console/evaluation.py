"""Features, training, metrics and comparisons as tables, from what `--json` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from asc_cli.report.console.table import (
    BAR_CELLS,
    figure,
    headline,
    marked,
    metric_titles,
    percent,
    remarks,
    right,
    span,
    table,
    titles,
)

PER_SCENE = "accuracy: the mean over folds; precision, F1 and log loss: all folds together"
INITIALS = 4  # letters of a scene's name over a column of the confusion matrix, if distinct
MOST_INITIALS = 8  # scenes; more are numbered, to fit an ordinary terminal


def training(result: dict[str, Any]) -> list[Any]:
    folds = table(
        "",
        right("fold"),
        right("recordings"),
        right("accuracy"),
        right("macro accuracy"),
        right("macro F1"),
        right("log loss"),
    )
    for fold in result["folds"]:
        figures = _figures(fold, "accuracy", "macro_accuracy", "macro_f1", "log_loss")
        folds.add_row(str(fold["fold"]), *figures)
    return [
        folds,
        "",
        headline(result),
        *remarks(result),
        f"run    {result['run']}",
        f"model  {result['model']}   ({result['wall_seconds']:.0f} s)",
    ]


def _figures(row: dict[str, Any], *names: str) -> list[str]:
    """Return the number of recordings and these metrics, formatted."""
    return [str(row["recordings"]), *(figure(name, row[name]) for name in names)]


def evaluation(result: dict[str, Any]) -> list[Any]:
    figures = table("", "metric", right("value"))
    for name, title in titles(result).items():
        figures.add_row(title, figure(name, result[name]))
    folds = table(
        "",
        right("fold"),
        right("recordings"),
        right("accuracy"),
        right("macro accuracy"),
        right("log loss"),
    )
    for fold in result["folds"]:
        row = _figures(fold, "accuracy", "macro_accuracy", "log_loss")
        folds.add_row(str(fold["fold"]), *row)
    return [
        f"{result['recordings']} tested recordings",
        headline(result),
        "",
        figures,
        "",
        folds,
        "",
        scenes(result),
        PER_SCENE,
        "",
        *subsets("device", result["devices"], result["device_groups"]),
        *subsets("city", result["cities"], result["city_groups"]),
        confusion(result),
        *rejection(result),
        *remarks(result),
    ]


def rejection(result: dict[str, Any]) -> list[Any]:
    """Return how many recordings keep their scene, and how many of none of the scenes are rejected;
    [] for a run without statistics."""
    own = result.get("unknown")
    if own is None:
        return []
    rows = [("of the scenes: stay", own["recordings"], percent(own["stay"]), own["stay_interval"])]
    if own["others"]:
        rows += [
            (
                "of none: rejected",
                own["others"],
                percent(own["rejected"]),
                own["rejected_interval"],
            ),
            ("AUROC", "", f"{own['auroc']:.3f}", own["auroc_interval"]),
        ]
    output = table("--unknown", "", right("recordings"), right("share"), right("95 % interval"))
    for name, n, value, ends in rows:
        both = f"{ends[0]:.3f}–{ends[1]:.3f}" if name == "AUROC" else f"{span(ends)} %"
        output.add_row(name, str(n), value, both)
    return ["", output]


def subsets(
    kind: str, rows: dict[str, dict[str, Any]], groups: dict[str, dict[str, Any]]
) -> list[Any]:
    """Return metrics per device, or per city, and of groups of them; [] for one alone."""
    if len(rows) < 2:
        return []
    output = table(
        "",
        kind,
        right("recordings"),
        right("accuracy"),
        right("macro accuracy"),
        right("log loss"),
        "",
    )
    training = {True: "trained on", False: "unseen in training", None: ""}
    lines = [(name, row, training[row["seen"]]) for name, row in rows.items()]
    lines += [(f"all {name}", row, "") for name, row in groups.items()]
    for name, row, note in lines:
        figures = _figures(row, "accuracy", "macro_accuracy", "log_loss")
        output.add_row(name, *figures, note)
    return [output, ""]


def scenes(result: dict[str, Any]) -> Table:
    output = table(
        "",
        "scene",
        right("recordings"),
        right("accuracy"),
        right("precision"),
        right("F1"),
        right("log loss"),
        "",
    )
    for name, row in result["scenes"].items():
        share = row["accuracy"] or 0.0
        bar = Text("█" * round(share * BAR_CELLS), style="green")
        output.add_row(name, *_figures(row, "accuracy", "precision", "f1", "log_loss"), bar)
    return output


def confusion(result: dict[str, Any]) -> Table:
    """Return the confusion matrix, pooled over folds: rows are true scenes, columns guesses."""
    names = list(result["scenes"])
    initials = [name[:INITIALS] for name in names]
    distinct = len(set(initials)) == len(names) <= MOST_INITIALS
    output = table("confusion: a row is a true scene, a column a guess", "")
    heads = initials if distinct else [str(i) for i in range(1, len(names) + 1)]
    for head in heads:
        output.add_column(head, justify="right", no_wrap=True)
    for name, head, row in zip(names, heads, result["confusion"], strict=True):
        cells = [
            Text(
                str(n) if n else "·", style="bold green" if name == guess else "red" if n else "dim"
            )
            for guess, n in zip(names, row, strict=True)
        ]
        output.add_row(name if distinct else f"{head:>{len(heads[-1])}} {name}", *cells)
    return output


def comparison(result: dict[str, Any]) -> list[Any]:
    """Return runs side by side; each but the first with its gain over the first."""
    output = table(
        metric_titles().get(result["metric"], result["metric"]),
        "run",
        right("seed", optional=True),
        right("ours"),
        right("95 % interval"),
        right("error", optional=True),
        right("paper's error"),
        right("gain"),
        right("95 % interval"),
        right("p"),
        "test",
    )
    same_name = len({row["name"] for row in result["runs"]}) < len(result["runs"])
    for row in result["runs"]:
        paper = "" if row["paper_error"] is None else f"{row['paper_error']:.2f} %"
        if paper and row["not_comparable"]:
            paper = "not comparable"
        output.add_row(
            marked(Path(row["run"]).name if same_name else row["name"], row["conditions"]),
            "" if row["seed"] is None else str(row["seed"]),
            percent(row["value"]),
            span(row["intervals"]["exact"] or row["intervals"]["bootstrap"]),
            percent(row["error"]),
            paper,
            *_gain(row.get("against_first")),
        )
    names = [Path(row["run"]).name if same_name else row["name"] for row in result["runs"]]
    notes = [
        line
        for name, row in zip(names, result["runs"], strict=True)
        for line in _conditions(name, row)
    ]
    gain = "gain: over the first run, in points; intervals by bootstrap over groups"
    return [output, "", gain, *notes]


def _conditions(name: str, row: dict[str, Any]) -> list[str]:
    lines = [f"{name}: {'; '.join(row['conditions']['summary'])}"]
    if row["paper_error"] is not None and row["not_comparable"]:
        lines.append(
            f"{name}: the published error of {row['paper_error']:.2f} % is not comparable: "
            f"{'; '.join(row['not_comparable'])}"
        )
    return lines


def _gain(against: dict[str, Any] | None) -> list[str]:
    if against is None:
        return ["", "", "", ""]
    low, high = against["interval"]
    gain = [f"{100 * against['difference']:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}"]
    if against["mcnemar"]:
        return [*gain, f"{against['mcnemar']['p']:.3f}", "McNemar"]
    return [*gain, f"{against['corrected_t']['p']:.3f}", "corrected t"]
