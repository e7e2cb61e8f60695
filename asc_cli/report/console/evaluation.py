"""Features, training, metrics and comparisons as tables; each takes what `--json` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from asc_cli.report.console.table import BAR_CELLS, NAMES, figure, headline, percent, span, table

PER_SCENE = "accuracy: the mean over folds; precision and F1: all folds together"
INITIALS = 4  # letters of a scene's name over a column of the confusion matrix, if they tell
MOST_INITIALS = 8  # scenes; more are numbered, or an ordinary terminal has no room


def extraction(result: dict[str, Any]) -> list[Any]:
    lines: list[Any] = [
        f"{result['dataset']}: {result['recordings']} recordings, "
        f"{result['computed']} computed, {result['reused']} reused, "
        f"{len(result['failed'])} failed",
        f"{result['feature']}: {result['audio_seconds']:.0f} s of audio in "
        f"{result['wall_seconds']:.1f} s",
    ]
    if result["failed"]:
        failed = table("", "file", "what is wrong")
        for row in result["failed"]:
            failed.add_row(row["file"], row["error"])
        lines.append(failed)
    return lines


def training(result: dict[str, Any]) -> list[Any]:
    folds = table(
        "", "fold>", "recordings>", "accuracy>", "macro accuracy>", "macro F1>", "log loss>"
    )
    for fold in result["folds"]:
        figures = _figures(fold, "accuracy", "macro_accuracy", "macro_f1", "log_loss")
        folds.add_row(str(fold["fold"]), *figures)
    return [
        folds,
        "",
        headline(result),
        f"run    {result['run']}",
        f"model  {result['model']}   ({result['wall_seconds']:.0f} s)",
    ]


def _figures(row: dict[str, Any], *names: str) -> list[str]:
    """How many recordings, and the metrics of that name, as they are printed."""
    return [str(row["recordings"]), *(figure(name, row[name]) for name in names)]


def evaluation(result: dict[str, Any]) -> list[Any]:
    figures = table("", "metric", "value>")
    for name, words in NAMES.items():
        figures.add_row(words, figure(name, result[name]))
    folds = table("", "fold>", "recordings>", "accuracy>", "macro accuracy>", "log loss>")
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
        *devices(result),
        confusion(result),
        *(f"· {remark}" for remark in result["remarks"]),
    ]


def devices(result: dict[str, Any]) -> list[Any]:
    """Per device, and of all seen and all unseen ones; nothing where there is one at most."""
    if len(result["devices"]) < 2:
        return []
    made = table("", "device", "recordings>", "accuracy>", "macro accuracy>", "log loss>", "")
    words = {True: "trained on", False: "unseen in training", None: ""}
    rows = [(name, row, words[row["seen"]]) for name, row in result["devices"].items()]
    rows += [(f"all {name}", row, "") for name, row in result["device_groups"].items()]
    for name, row, remark in rows:
        figures = _figures(row, "accuracy", "macro_accuracy", "log_loss")
        made.add_row(name, *figures, remark)
    return [made, ""]


def scenes(result: dict[str, Any]) -> Table:
    made = table("", "scene", "recordings>", "accuracy>", "precision>", "F1>", "")
    for name, row in result["scenes"].items():
        share = row["accuracy"] or 0.0
        bar = Text("█" * round(share * BAR_CELLS), style="green")
        made.add_row(name, *_figures(row, "accuracy", "precision", "f1"), bar)
    return made


def confusion(result: dict[str, Any]) -> Table:
    """Rows are the true scenes, columns the guesses; pooled over folds."""
    names = list(result["scenes"])
    initials = [name[:INITIALS] for name in names]
    distinct = len(set(initials)) == len(names) <= MOST_INITIALS
    made = table("confusion: a row is a true scene, a column a guess", "")
    heads = initials if distinct else [str(i) for i in range(1, len(names) + 1)]
    for head in heads:
        made.add_column(head, justify="right", no_wrap=True)
    for name, head, row in zip(names, heads, result["confusion"], strict=True):
        cells = [
            Text(
                str(n) if n else "·", style="bold green" if name == guess else "red" if n else "dim"
            )
            for guess, n in zip(names, row, strict=True)
        ]
        made.add_row(name if distinct else f"{head:>{len(heads[-1])}} {name}", *cells)
    return made


def comparison(result: dict[str, Any]) -> list[Any]:
    """Runs side by side; each but the first with its gain over the first."""
    made = table(
        NAMES[result["metric"]],
        "run",
        "seed~>",
        "ours>",
        "95 % interval>",
        "error~>",
        "paper's error>",
        "gain>",
        "95 % interval>",
        "p>",
        "test",
    )
    alike = len({row["name"] for row in result["runs"]}) < len(result["runs"])
    for row in result["runs"]:
        paper = "" if row["paper_error"] is None else f"{row['paper_error']:.2f} %"
        made.add_row(
            Path(row["run"]).name if alike else row["name"],
            str(row["seed"]),
            percent(row["value"]),
            span(row["intervals"]["bootstrap"]),
            percent(row["error"]),
            paper,
            *_gain(row.get("against_first")),
        )
    return [made, "", "gain: over the first run, in points; intervals by bootstrap over groups"]


def _gain(against: dict[str, Any] | None) -> list[str]:
    if against is None:
        return ["", "", "", ""]
    low, high = against["interval"]
    gain = [f"{100 * against['difference']:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}"]
    if against["mcnemar"]:
        return [*gain, f"{against['mcnemar']['p']:.3f}", "McNemar"]
    return [*gain, f"{against['corrected_t']['p']:.3f}", "corrected t"]
