"""Splits from fold numbers, as ESC and UrbanSound8K publish them."""

from __future__ import annotations

from collections.abc import Sequence

from asc_cli.datasets import Split


def leave_one_fold_out(folds: Sequence[tuple[str, int]]) -> tuple[Split, ...]:
    """Return a split per fold of (file, fold) pairs: test on the fold, train on the others."""
    return tuple(
        Split(
            fold,
            train=tuple(file for file, own_fold in folds if own_fold != fold),
            test=tuple(file for file, own_fold in folds if own_fold == fold),
        )
        for fold in sorted({number for _, number in folds})
    )
