"""Results → rich tables. One function a result; each takes what `--json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from asc_cli.report.console.narrow import SPARE

NAMES = {
    "accuracy": "accuracy (mean over folds)",
    "macro_accuracy": "macro accuracy (mean over scenes, then folds)",
    "fold_class_accuracy": "fold × class accuracy (mean over the matrix)",
    "pooled_accuracy": "pooled accuracy (all folds together)",
    "pooled_macro_accuracy": "pooled macro accuracy (mean over scenes, all folds together)",
    "macro_f1": "macro F1 (mean over folds)",
    "log_loss": "log loss (nats, pooled)",
    "ece": "expected calibration error (15 bins)",
}
PER_SCENE = "accuracy: the mean over folds; precision and F1: all folds together"
BAR_CELLS = 20
INITIALS = 4  # letters of a scene's name over a column of the confusion matrix, if they tell
MOST_INITIALS = 8  # scenes; more are numbered, or an ordinary terminal has no room


def table(title: str, *columns: str) -> Table:
    """A plain table; columns whose name ends in ">" are set flush right.

    One whose name ends in "~" (before any ">") can be missed on a narrow terminal.
    """
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.endswith(">")
        made.add_column(
            column.rstrip("~>"), justify="right" if right else "left",
            overflow="fold", no_wrap=right, footer=SPARE if "~" in column else "",
        )  # fmt: skip
    return made


def percent(value: float | None) -> str:
    """One decimal, a half to the even one: 71.25 % is 71.2 %, and its error 28.75 % is 28.8 %."""
    return "–" if value is None else f"{round(100 * value, 8):.1f} %"


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
        folds.add_row(
            str(fold["fold"]), str(fold["recordings"]), percent(fold["accuracy"]),
            percent(fold["macro_accuracy"]), percent(fold["macro_f1"]), f"{fold['log_loss']:.3f}",
        )  # fmt: skip
    return [
        folds,
        "",
        headline(result),
        f"run    {result['run']}",
        f"model  {result['model']}   ({result['wall_seconds']:.0f} s)",
    ]


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


def figure(name: str, value: float | None) -> str:
    """A metric as it is printed: shares in per cent, nats and errors as they are."""
    plain = name in ("log_loss", "ece")
    return "–" if value is None else f"{value:.3f}" if plain else percent(value)


def evaluation(result: dict[str, Any]) -> list[Any]:
    figures = table("", "metric", "value>")
    for name, words in NAMES.items():
        figures.add_row(words, figure(name, result[name]))
    folds = table("", "fold>", "recordings>", "accuracy>", "macro accuracy>", "log loss>")
    for fold in result["folds"]:
        folds.add_row(
            str(fold["fold"]), str(fold["recordings"]), percent(fold["accuracy"]),
            percent(fold["macro_accuracy"]), figure("log_loss", fold["log_loss"]),
        )  # fmt: skip
    return [
        f"{result['recordings']} tested recordings", headline(result), "", figures, "", folds, "",
        scenes(result), PER_SCENE, "", *devices(result), confusion(result),
        *(f"· {remark}" for remark in result["remarks"]),
    ]  # fmt: skip


def devices(result: dict[str, Any]) -> list[Any]:
    """Per device, and of all seen and all unseen ones; nothing where there is one at most."""
    if len(result["devices"]) < 2:
        return []
    made = table("", "device", "recordings>", "accuracy>", "macro accuracy>", "log loss>", "")
    words = {True: "trained on", False: "unseen in training", None: ""}
    rows = [(name, row, words[row["seen"]]) for name, row in result["devices"].items()]
    rows += [(f"all {name}", row, "") for name, row in result["device_groups"].items()]
    for name, row, remark in rows:
        made.add_row(
            name, str(row["recordings"]), percent(row["accuracy"]),
            percent(row["macro_accuracy"]), figure("log_loss", row["log_loss"]), remark,
        )  # fmt: skip
    return [made, ""]


def scenes(result: dict[str, Any]) -> Table:
    made = table("", "scene", "recordings>", "accuracy>", "precision>", "F1>", "")
    for name, row in result["scenes"].items():
        share = row["accuracy"] or 0.0
        bar = Text("█" * round(share * BAR_CELLS), style="green")
        made.add_row(
            name, str(row["recordings"]), percent(row["accuracy"]),
            percent(row["precision"]), percent(row["f1"]), bar,
        )  # fmt: skip
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


def datasets(rows: list[dict[str, Any]]) -> Table:
    made = table("", "name", "scenes>", "recordings>", "folds>", "here", "title")
    for row in rows:
        counts = (row[key] or "any" for key in ("scenes", "recordings", "folds"))
        made.add_row(row["name"], *map(str, counts), "yes" if row["here"] else "", row["title"])
    return made


def dataset(result: dict[str, Any]) -> list[Any]:
    lines: list[Any] = [Text(result["title"], style="bold")]
    facts = table("", "", "")
    for key in ("homepage", "licence", "citation", "metric", "sample_rate", "recordings"):
        if result[key]:
            facts.add_row(key.replace("_", " "), str(result[key]))
    facts.add_row("scenes", ", ".join(result["labels"]) or "taken from the data")
    sizes = sorted({f"{train or '?'}/{test}" for train, test in result["fold_sizes"]})
    facts.add_row("folds", f"{len(result['fold_sizes']) or 'as listed'} {', '.join(sizes)}")
    for baseline in result["baselines"]:
        facts.add_row("baseline", published(baseline))
    if result["subsets"]:
        facts.add_row(
            "subsets", ", ".join(f"{p} % ({n or '?'} to train on)" for p, n in result["subsets"])
        )
    facts.add_row("to get it", result["obtain"])
    facts.add_row("looked for in", result["looked_for_in"])
    return [*lines, facts]


def published(baseline: dict[str, Any]) -> str:
    """The organisers' figure with its metric's name and source."""
    value, name = baseline["value"], baseline["metric"]
    shown = f"{value:.3f}" if name == "log_loss" else percent(value)
    subset = f", subset {baseline['subset']} %" if baseline["subset"] else ""
    return f"{name.replace('_', ' ')} {shown} ({baseline['source']}{subset})"


def audit(result: dict[str, Any]) -> list[Any]:
    sizes = ", ".join(f"{train}/{test}" for train, test in result["folds"]) or "none"
    lines: list[Any] = [
        f"{result['dataset']} in {result['root']}",
        f"{result['recordings']} recordings; folds (train/test): {sizes}",
    ]
    n_broken = sum(row["broken"] for row in result["findings"])
    if result["findings"]:
        found = table("", "", "check", "where", "what")
        for row in result["findings"]:
            mark = Text("✗", style="red") if row["broken"] else Text("·", style="yellow")
            found.add_row(mark, row["check"], row["where"], row["what"])
        lines.append(found)
    if n_broken:
        return [*lines, Text(f"{n_broken} broken promise(s)", style="red")]
    return [*lines, Text("The protocol's promises hold.", style="green")]


def models(rows: list[dict[str, Any]]) -> Table:
    made = table("", "", "model", "dataset", "scenes~>", "folds~>", "error>", "metric", "created",
                 "run~")  # fmt: skip
    for row in rows:
        made.add_row(
            "*" if row["default"] else "", row["model"], row["dataset"], str(row["scenes"]),
            str(row["folds"]), percent(row["error"]), (row["headline"] or "").replace("_", " "),
            row["created"][:16].replace("T", " "), row["run"] or "",
        )  # fmt: skip
    return made


def model(card: dict[str, Any]) -> list[Any]:
    """The card as YAML, then what the model costs."""
    import yaml

    from asc_cli.report.console.costs import complexity

    plain = {key: value for key, value in card.items() if key != "complexity"}
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip()
    return [Text(text), "", complexity(card["complexity"])]


def comparison(result: dict[str, Any]) -> list[Any]:
    """Runs side by side; each but the first with its gain over the first."""
    made = table(
        NAMES[result["metric"]], "run", "seed~>", "ours>", "95 % interval>", "error~>",
        "paper's error>", "gain>", "95 % interval>", "p>", "test",
    )  # fmt: skip
    alike = len({row["name"] for row in result["runs"]}) < len(result["runs"])
    for row in result["runs"]:
        paper = "" if row["paper_error"] is None else f"{row['paper_error']:.2f} %"
        made.add_row(
            Path(row["run"]).name if alike else row["name"], str(row["seed"]),
            percent(row["value"]),
            span(row["intervals"]["bootstrap"]), percent(row["error"]), paper,
            *_gain(row.get("against_first")),
        )  # fmt: skip
    return [made, "", "gain: over the first run, in points; intervals by bootstrap over groups"]


def span(interval: Sequence[float]) -> str:
    return f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}"


def _gain(against: dict[str, Any] | None) -> list[str]:
    if against is None:
        return ["", "", "", ""]
    low, high = against["interval"]
    gain = [f"{100 * against['difference']:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}"]
    if against["mcnemar"]:
        return [*gain, f"{against['mcnemar']['p']:.3f}", "McNemar"]
    return [*gain, f"{against['corrected_t']['p']:.3f}", "corrected t"]


def exported(result: dict[str, Any]) -> list[Any]:
    """What `asc export` wrote, and how it differs from the model."""
    made = table("", "file", "size>", "recordings>", "largest difference>", "same scene>")
    for row in result["files"]:
        check = row["check"]
        cells = (
            (str(check["recordings"]), f"{check['largest_difference']:.1e}",
             f"{check['same_scene']}/{check['recordings']}") if check else ("not checked", "", "")
        )  # fmt: skip
        made.add_row(row["file"], f"{row['bytes'] / 1e6:.2f} MB", *cells)
    return [f"{result['model']} → {result['format']}", made]
