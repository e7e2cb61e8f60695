"""predictions.csv: the probabilities of each test recording; the only input of scoring.

file,fold,label,group,device,<scene 1>,…,<scene C>      one probability per scene
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asc_cli.core import atomic, csv_text
from asc_cli.core.errors import AscError
from asc_cli.evaluation.aggregate import weighted_mean

COLUMNS = ("file", "fold", "label", "group", "device")


@dataclass(frozen=True)
class Predictions:
    """One row per tested recording; a recording may be tested in more than one fold."""

    scenes: tuple[str, ...]
    files: tuple[str, ...]
    folds: np.ndarray  # (n,) int
    labels: np.ndarray  # (n,) index into scenes
    groups: tuple[str, ...]
    devices: tuple[str, ...]
    probabilities: np.ndarray  # (n, C) float64
    hard: bool = False  # only labels are known: probabilities are 1 and 0
    submitted: np.ndarray | None = None  # (n,) labels submitted beside probabilities

    @property
    def guesses(self) -> np.ndarray:  # (n,)
        return self.probabilities.argmax(axis=1) if self.submitted is None else self.submitted

    def __len__(self) -> int:
        return len(self.files)

    def take(self, mask: np.ndarray) -> Predictions:
        """Return the rows where mask (n,) is True."""
        rows = np.flatnonzero(mask)
        return Predictions(
            self.scenes,
            tuple(self.files[i] for i in rows),
            self.folds[rows],
            self.labels[rows],
            tuple(self.groups[i] for i in rows),
            tuple(self.devices[i] for i in rows),
            self.probabilities[rows],
            self.hard,
        )


def join(parts: Sequence[Predictions]) -> Predictions:
    """Join the rows of several folds."""
    return Predictions(
        scenes=parts[0].scenes,
        files=tuple(file for part in parts for file in part.files),
        folds=np.concatenate([part.folds for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        groups=tuple(group for part in parts for group in part.groups),
        devices=tuple(device for part in parts for device in part.devices),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        hard=any(part.hard for part in parts),
        submitted=np.concatenate([part.guesses for part in parts])
        if any(part.submitted is not None for part in parts)
        else None,
    )


def average(parts: Sequence[Predictions], weights: Sequence[float]) -> Predictions:
    """Return the weighted mean of the probabilities of the same recordings in the same folds.

    Raises AscError where the parts are not of the same scenes, recordings, folds and labels.
    """
    first, ordered = parts[0], []
    rows_of_first = _keys(first)
    for part in parts:
        rows, order = _keys(part), [first.scenes.index(s) for s in part.scenes if s in first.scenes]
        if {*part.scenes} != {*first.scenes} or rows.keys() != rows_of_first.keys():
            raise AscError("predictions: not of the same scenes, recordings, folds and labels")
        probabilities = np.empty_like(first.probabilities)
        in_order = [rows[key] for key in rows_of_first]
        probabilities[:, order] = part.probabilities[in_order]
        ordered.append(probabilities)
    return replace(first, probabilities=weighted_mean(ordered, weights))


def _keys(p: Predictions) -> dict[tuple[int, str, str], int]:
    """Return the row of each (fold, file, scene)."""
    columns = zip(p.folds.tolist(), p.files, p.labels.tolist(), strict=True)
    return {(fold, file, p.scenes[label]): row for row, (fold, file, label) in enumerate(columns)}


def write(path: Path, predictions: Predictions) -> None:
    """Write predictions with a checksum beside them; complete or not at all."""
    p, out = predictions, io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow([*COLUMNS, *map(csv_text.guarded, p.scenes)])
    for i, file in enumerate(p.files):
        texts = (file, p.scenes[p.labels[i]], p.groups[i], p.devices[i])
        file, *about = map(csv_text.guarded, texts)
        table.writerow(
            [file, int(p.folds[i]), *about, *(repr(float(value)) for value in p.probabilities[i])]
        )
    atomic.write_checked(path, out.getvalue().encode("utf-8", "surrogateescape"))


def read(path: Path) -> Predictions:
    """Return a run's predictions.

    Raises:
        AscError: The file is missing, differs from its checksum, or is not what `write` writes;
            the text names the row.
    """
    try:
        text = atomic.read_checked(path).decode("utf-8-sig", "surrogateescape")
    except OSError as fault:
        raise AscError(f"{path}: cannot be read ({fault})") from fault
    return _parsed(path, list(csv_text.rows(io.StringIO(text, newline=""), str(path), ",")))


def _parsed(path: Path, table: list[tuple[int, list[str]]]) -> Predictions:
    header = table[0][1] if table else []
    scenes = tuple(map(csv_text.unguarded, header[len(COLUMNS) :]))
    if tuple(header[: len(COLUMNS)]) != COLUMNS or not scenes:
        raise AscError(f"{path}: its header is not {','.join(COLUMNS)} and one column per scene")
    index = {scene: i for i, scene in enumerate(scenes)}
    rows = [_row(path, line, row, index) for line, row in table[1:]]
    if not rows:
        raise AscError(f"{path}: holds no predictions")
    columns = list(zip(*rows, strict=True))
    return Predictions(
        scenes,
        columns[0],
        np.array(columns[1]),
        np.array(columns[2]),
        columns[3],
        columns[4],
        np.array(columns[5]),
    )


def _row(path: Path, line: int, row: list[str], index: dict[str, int]) -> tuple:
    if len(row) != len(COLUMNS) + len(index):
        raise AscError(
            f"{path}:{line}: {len(row)} fields where {len(COLUMNS) + len(index)} are expected"
        )
    fold, values = row[1], row[len(COLUMNS) :]
    file, label, group, device = map(csv_text.unguarded, (row[0], *row[2:5]))
    if label not in index:
        raise AscError(f"{path}:{line}: label {label!r} is none of {', '.join(index)}")
    try:
        number = csv_text.whole_number(fold)
        return file, number, index[label], group, device, [float(value) for value in values]
    except ValueError as fault:
        raise AscError(f"{path}:{line}: {fault}") from None
