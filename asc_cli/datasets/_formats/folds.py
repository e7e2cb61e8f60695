"""Splits out of fold numbers, the way ESC and UrbanSound8K publish them."""

from __future__ import annotations

from collections.abc import Sequence

from asc_cli.datasets import Split


def held_out(folds: Sequence[tuple[str, int]]) -> tuple[Split, ...]:
    """(file, fold) → a split per fold that tests the fold and trains on all others."""
    return tuple(
        Split(
            fold,
            train=tuple(file for file, its in folds if its != fold),
            test=tuple(file for file, its in folds if its == fold),
        )
        for fold in sorted({number for _, number in folds})
    )
