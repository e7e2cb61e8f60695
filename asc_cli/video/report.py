"""Results of videos with many labels as tables, and the competition's CSV."""

from __future__ import annotations

import contextlib
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from asc_cli.core import json_text, terminal
from asc_cli.core.errors import AscError
from asc_cli.core.terminal import one_line
from asc_cli.report.console.table import conditions, remarks, right, table

NAMES = {
    "gap": "GAP@20 (20 best labels of every video, pooled)",
    "hit_at_1": "Hit@1 (the best label is right)",
    "perr": "PERR (precision among a video's n best, n its number of labels)",
}
HEADER = ("VideoId", "LabelConfidencePairs")  # of the competition's files


def training(result: dict[str, Any]) -> list[Any]:
    """Return every epoch on the validation part, and which one is reported."""
    output = table(
        "",
        right("epoch"),
        right("examples"),
        right("train loss"),
        right("rate"),
        right("GAP@20"),
        right("Hit@1"),
        right("PERR"),
        right("seconds"),
        "",
    )
    best = max(row["gap"] for row in result["epochs"])
    for row in result["epochs"]:
        marks = [
            *(["best"] * (row["gap"] == best)),
            *(["reported"] * (row["epoch"] == result["epoch"])),
        ]
        output.add_row(
            str(row["epoch"]),
            f"{row['examples']:,}",
            f"{row['train_loss']:.3f}",
            f"{row['learning_rate']:.2e}",
            *(f"{row[name]:.4f}" for name in NAMES),
            f"{row['seconds']:.0f}",
            ", ".join(marks),
        )
    lines = [output, "", headline(result), *remarks(result)]
    lines += _failed(result)
    if "model" in result:
        lines += [f"run    {result['run']}", f"model  {result['model']}"]
    return lines


def evaluation(result: dict[str, Any]) -> list[Any]:
    """Return the epochs of a run, or the metrics of a model."""
    if "epochs" in result:
        return training(result)
    output = table("", "metric", right("value"))
    for name, title in NAMES.items():
        output.add_row(title, f"{result[name]:.4f}")
    counts = f"{result['videos']:,} videos of {result['part']}, {result['positives']:,} labels"
    return [f"{result['model']} on {result['dataset']}: {counts}", "", output, *_failed(result)]


def headline(result: dict[str, Any]) -> str:
    text = (
        f"epoch {result['epoch']}, {result['videos']:,} validation videos: "
        f"GAP@20 {result['gap']:.4f}, Hit@1 {result['hit_at_1']:.4f}, PERR {result['perr']:.4f}"
    )
    lines = [text, *conditions(result)]
    for row in result["published"]:
        lines.append(
            f"published: GAP {row['gap']:.4f}, Hit@1 {row['hit_at_1']:.4f}, best epoch "
            f"{row['epoch']} ({row['metric']}; {row['source']})"
        )
        if not row.get("comparable", True):
            lines[-1] += f"; not comparable: {'; '.join(row['why_not'])}"
    return "\n".join(lines)


def epoch(row: dict[str, Any]) -> str:
    """Return a line about a finished epoch."""
    return (
        f"epoch {row['epoch']}: {row['examples']:,} examples, train loss {row['train_loss']:.3f}, "
        f"GAP@20 {row['gap']:.4f}, Hit@1 {row['hit_at_1']:.4f}, PERR {row['perr']:.4f}, "
        f"{row['seconds']:.0f} s"
    )


def fault(row: dict[str, Any]) -> str:
    """Return a line about a damaged record, or a file that is no shard."""
    place = "" if row["offset"] is None else f"record at byte {row['offset']}: "
    return f"{row['file']}: {place}{row['error']}"


def _failed(result: dict[str, Any]) -> list[str]:
    rows = result["failed"]
    if not rows:
        return []
    return [f"{len(rows)} damaged record(s), left out:", *(f"  {fault(row)}" for row in rows)]


@contextlib.contextmanager
def predictions(file: Path | None, as_json: bool) -> Iterator[Any]:
    """Yield a function that writes a row: CSV on stdout or into `file`, or JSON lines."""
    with _opened(file) as out:
        rows = csv.writer(out, lineterminator="\n")
        if not as_json or file:
            rows.writerow(HEADER)

        def add(row: dict[str, Any]) -> None:
            if "error" in row:
                terminal.note(f"asc: {one_line(fault(row))}")
            elif not as_json or file:
                pairs = " ".join(f"{label} {confidence:g}" for label, confidence in row["labels"])
                rows.writerow((row["video"], pairs))
            if as_json:
                print(json_text.shown(row), flush=True)

        yield add


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = path.open("w", newline="", encoding="utf-8")
    except OSError as fault:
        raise AscError(f"--csv {path}: cannot be written ({fault.strerror})") from fault
    with out:
        yield out
