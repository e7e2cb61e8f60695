"""Splits from fold numbers, as ESC and UrbanSound8K publish them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asc_cli.core import csv_text
from asc_cli.core.errors import AscError
from asc_cli.datasets import Split

MAX_FOLDS = 1_000  # each lists all files


def number(path: Path, file: str, text: str) -> int:
    """Return the number of a fold in a list. Raises AscError for anything else."""
    try:
        return csv_text.whole_number(text)
    except ValueError as fault:
        raise AscError(f"{path}: column fold of {file} {fault}") from None


def leave_one_fold_out(folds: Sequence[tuple[str, int]]) -> tuple[Split, ...]:
    """Return a split per fold of (file, fold) pairs: test on the fold, train on the others.

    Raises AscError for more than MAX_FOLDS.
    """
    numbers = sorted({number for _, number in folds})
    if len(numbers) > MAX_FOLDS:
        raise AscError(
            f"{len(numbers)} folds; at most {MAX_FOLDS} were expected. Does the column fold hold "
            "the number of a recording?"
        )
    return tuple(
        Split(
            fold,
            train=tuple(file for file, own_fold in folds if own_fold != fold),
            test=tuple(file for file, own_fold in folds if own_fold == fold),
        )
        for fold in numbers
    )
