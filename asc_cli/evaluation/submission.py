"""Read predictions of any system from a CSV and check them against the protocol.

    file,<scene 1>,…,<scene C>       a probability per scene; and `fold` where folds share files
    file,label                       or only the predicted label
    file<TAB>label                   or the same without a header, as in DCASE 2016

Comma, semicolon or TAB. In a file with both, the label must be a most probable scene; it
decides among equal probabilities. asc's own files are read too:
predictions.csv, where `label` is the ground truth, and the output of `asc predict --csv`.

Every tested recording must be predicted once, and nothing else: otherwise a system
could submit only its correct predictions and get 100 %.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asc_cli.core import csv_text
from asc_cli.core.errors import AscError
from asc_cli.datasets import Listing, Recording
from asc_cli.evaluation.predictions import COLUMNS, Predictions
from asc_cli.evaluation.submission_csv import (
    FILE,
    GUESS,
    SHOWN,
    Key,
    Table,
    column_faults,
    normalised_path,
    read_table,
    some_of,
)

EXACT_TOLERANCE = 1e-9  # beyond, probabilities are divided by their sum: log loss needs a sum of 1
SUM_TOLERANCE = 0.01  # probabilities rounded to three digits sum to 1 within this


def tested(listing: Listing, folds: Sequence[int] | None = None) -> dict[Key, Recording]:
    """Return the test recordings by (fold, file); without folds, all are fold 1."""
    recordings = listing.by_file()
    if not listing.splits:
        return {(1, file): recording for file, recording in recordings.items()}
    numbers = [split.fold for split in listing.splits]
    if unknown := sorted(set(folds or []) - set(numbers)):
        raise AscError(
            f"--folds: there is no fold {unknown[0]}; there are {numbers[0]} to {numbers[-1]}"
        )
    return {
        (split.fold, file): recordings[file]
        for split in listing.splits
        if not folds or split.fold in folds
        for file in split.test
    }


def read(path: Path, scenes: tuple[str, ...], expected: dict[Key, Recording]) -> Predictions:
    """Read the predictions of exactly the expected recordings, in their order.

    Raises AscError that names every kind of fault, with the files: missing, predicted twice, not
    tested, no number, probabilities that do not sum to 1, a label that is none.
    """
    table = read_table(path, expected)
    if faults := column_faults(table, scenes) or _failures(table, scenes):
        raise _refusal(path, faults)
    keys = _keys(path, table, expected)
    faults = [*_membership(keys, table, expected), *_truth_faults(table, keys, expected)]
    hard = not all(scene in table.columns for scene in scenes)
    scores, more = _labels(table, scenes) if hard else _probabilities(table, scenes)
    if faults or more:
        raise _refusal(path, [*faults, *more])
    row = {key: i for i, key in enumerate(keys)}
    order = [row[key] for key in expected]
    recordings = list(expected.values())
    return Predictions(
        scenes=scenes,
        files=tuple(file for _, file in expected),
        folds=np.array([fold for fold, _ in expected]),
        labels=np.array([scenes.index(recording.label) for recording in recordings]),
        groups=tuple(recording.group for recording in recordings),
        devices=tuple(recording.recording_device for recording in recordings),
        probabilities=scores[order],
        hard=hard,
        submitted=None if hard else _submitted_guesses(table, scenes, order),
    )


def _failures(table: Table, scenes: tuple[str, ...]) -> list[str]:
    """Return faults of rows with an error in place of a prediction (`asc predict --csv`)."""
    if "error" in scenes or "error" not in table.columns:
        return []
    return [
        f"line {line}: an error in place of a prediction: {row['error']}"
        for line, row in table.rows
        if row["error"]
    ][:SHOWN]


def _keys(path: Path, table: Table, expected: dict[Key, Recording]) -> list[Key]:
    """Return (fold, file) of each row; the fold is optional where each file is tested once."""
    name = table.column(FILE)
    assert name is not None
    files = [normalised_path(row[name]) for _, row in table.rows]
    if "fold" in table.columns:
        try:
            folds = [csv_text.whole_number(row["fold"]) for _, row in table.rows]
        except ValueError as fault:
            raise AscError(f"predictions {path}: column fold {fault}") from None
        return list(zip(folds, files, strict=True))
    fold_of: dict[str, int] = {}
    for fold, file in expected:
        if file in fold_of:
            raise AscError(
                f"predictions {path}: {file} is tested in folds {fold_of[file]} and {fold}; "
                "add a column 'fold'"
            )
        fold_of[file] = fold
    return [(fold_of.get(file, 0), file) for file in files]


def _membership(keys: list[Key], table: Table, expected: dict[Key, Recording]) -> list[str]:
    """Return faults of recordings that are missing, duplicate, or not tested."""
    times = Counter(keys)
    faults = []
    if missing := [file for key in expected if key not in times for file in [key[1]]]:
        faults.append(f"{len(missing)} tested recording(s) have no prediction: {some_of(missing)}")
    if duplicate := [file for (_, file), n in times.items() if n > 1]:
        faults.append(
            f"{len(duplicate)} recording(s) are predicted more than once: {some_of(duplicate)}"
        )
    if unknown := [
        f"{key[1]} (line {line})"
        for key, (line, _) in zip(keys, table.rows, strict=True)
        if key not in expected
    ]:
        faults.append(
            f"{len(unknown)} prediction(s) are of no recording that this protocol tests: "
            f"{some_of(unknown)}"
        )
    return faults


def _truth_faults(table: Table, keys: list[Key], expected: dict[Key, Recording]) -> list[str]:
    """Return faults of the ground truth in asc's own predictions.csv."""
    if table.columns[: len(COLUMNS)] != COLUMNS:
        return []
    wrong = [
        f"{key[1]} (line {line}) is {expected[key].label}, not {row['label']}"
        for key, (line, row) in zip(keys, table.rows, strict=True)
        if key in expected and row["label"] != expected[key].label
    ]
    return [f"{len(wrong)} true label(s) are not the protocol's: {some_of(wrong)}"] if wrong else []


def _labels(table: Table, scenes: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """Return labels as probabilities of 1 and 0 (n, C), and faults of unknown labels."""
    name = table.column(GUESS)
    assert name is not None
    guesses = [(line, row[name]) for line, row in table.rows]
    unknown = [f"{label!r} (line {line})" for line, label in guesses if label not in scenes]
    if unknown:
        scene_list = ", ".join(scenes)
        return np.zeros((0, len(scenes))), [
            f"{len(unknown)} label(s) are no scene: {some_of(unknown)}. Scenes: {scene_list}"
        ]
    return np.eye(len(scenes))[[scenes.index(label) for _, label in guesses]], []


def _probabilities(table: Table, scenes: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """Return probabilities (n, C), and faults of rows with invalid ones."""
    scores = np.array([[_number(row[scene]) for scene in scenes] for _, row in table.rows])
    lines = np.array([line for line, _ in table.rows])
    faults = []
    bad = ~(np.isfinite(scores) & (scores >= 0) & (scores <= 1))
    for i in np.flatnonzero(bad.any(axis=1))[:SHOWN]:
        scene = scenes[int(bad[i].argmax())]
        faults.append(
            f"line {lines[i]}: the probability of {scene} is {table.rows[i][1][scene]!r}; "
            "a number from 0 to 1 was expected"
        )
    sums = scores.sum(axis=1)
    off = (np.abs(sums - 1) > SUM_TOLERANCE) & ~bad.any(axis=1)
    for i in np.flatnonzero(off)[:SHOWN]:
        faults.append(
            f"line {lines[i]}: the probabilities sum to {sums[i]:.4g}; 1 was expected "
            f"(± {SUM_TOLERANCE})"
        )
    if faults:
        return scores, faults
    rounded = np.abs(sums - 1) > EXACT_TOLERANCE
    normalised = np.where(rounded[:, None], scores / sums[:, None], scores)
    return normalised, _disagreements(table, scenes, scores)


def _guess(table: Table) -> str | None:
    """Return the column of predicted labels; in asc's own predictions.csv there is none."""
    return None if table.columns[: len(COLUMNS)] == COLUMNS else table.column(GUESS)


def _submitted_guesses(
    table: Table, scenes: tuple[str, ...], order: list[int]
) -> np.ndarray | None:
    """Return the labels submitted beside probabilities (n,): they decide among equals."""
    name = _guess(table)
    return np.array([scenes.index(table.rows[i][1][name]) for i in order]) if name else None


def _disagreements(table: Table, scenes: tuple[str, ...], scores: np.ndarray) -> list[str]:
    """Return faults of rows whose label is not a most probable scene."""
    name = _guess(table)
    if name is None:
        return []
    wrong = [
        f"line {line}: label {row[name]!r} is not the most probable scene, "
        f"{scenes[int(p.argmax())]}"
        for (line, row), p in zip(table.rows, scores, strict=True)
        if row[name] not in scenes or p[scenes.index(row[name])] < p.max()
    ]
    return wrong[:SHOWN]


def _refusal(path: Path, faults: list[str]) -> AscError:
    if len(faults) == 1:
        return AscError(f"predictions {path}: refused: {faults[0]}")
    reasons = "\n".join(f"  {fault}" for fault in faults)
    return AscError(f"predictions {path}: refused for {len(faults)} reasons\n{reasons}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
