"""Write and read history.csv, a row per epoch."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from asc_cli.core import atomic
from asc_cli.core.errors import DamagedFile
from asc_cli.evaluation.comparison import CurvePoint

FILE = "history.csv"


def write(folder: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write the history of the fold in `folder`, complete or not at all.

    The checkpoint has it too, so it is not forced onto the disk.
    """
    lines = [",".join(row) for row in [columns, *rows]]
    atomic.write_checked(folder / FILE, ("\n".join(lines) + "\n").encode(), sync=False)


def rows(folder: Path) -> list[dict[str, float]]:
    """Return per epoch the numbers of every column that has one.

    Raises:
        DamagedFile: It differs from its checksum, or is no history.
    """
    return [
        {name: float(text) for name, text in row.items() if text} for row in _table(folder / FILE)
    ]


def read(folder: Path) -> list[CurvePoint]:
    """Return per epoch its number, training loss and test accuracy (None if not measured).

    Raises:
        DamagedFile: It differs from its checksum, or is no history.
    """
    return [
        CurvePoint(
            epoch=int(row["epoch"]),
            train_loss=_number(row["train_loss"]),
            test_accuracy=_number(row["test_accuracy"]),
        )
        for row in _table(folder / FILE, "train_loss", "test_accuracy")
    ]


def _table(path: Path, *columns: str) -> list[dict[str, str]]:
    """Return the rows of a history, which has these columns; each value a number or empty."""
    if not path.exists():
        return []
    try:
        rows = list(csv.DictReader(atomic.read_checked(path).decode().splitlines()))
        for row in rows:
            int(row["epoch"])
            [float(text) for text in row.values() if text]
            [row[column] for column in columns]
        return rows
    except (KeyError, TypeError, ValueError, csv.Error) as fault:
        if isinstance(fault, DamagedFile):
            raise
        raise DamagedFile(
            f"{path}: is damaged ({fault}); remove it: reports are then without this fold's curve"
        ) from fault


def curve(run: Path) -> list[CurvePoint]:
    """Return the mean history of the folds: training loss and test accuracy per epoch."""
    folds = [read(path.parent) for path in sorted(run.glob(f"fold*/{FILE}"))]
    return [
        CurvePoint(
            epoch=rows[0].epoch,
            train_loss=_mean([row.train_loss for row in rows]),
            test_accuracy=_mean([row.test_accuracy for row in rows]),
        )
        for rows in zip(*folds, strict=False)
    ]


def _number(text: str) -> float | None:
    return float(text) if text else None


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers else None
