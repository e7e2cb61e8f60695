"""The commands of `asc train --print-jobs`, and whether a job is one of an array of Slurm."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from asc_cli.core.kind import VIDEOS, kind_of


def is_array() -> bool:
    """Return whether Slurm started this process as one job of several in an array."""
    return os.environ.get("SLURM_ARRAY_TASK_COUNT", "1") not in ("", "0", "1")


def words(
    recipe: str,
    data: Path | None,
    overrides: Sequence[str],
    device: str,
    jobs: int | None,
    tensorboard: bool,
    tensorboard_to: Path | None,
) -> list[str]:
    """Return what the commands have in common, from "asc" on: as it was typed."""
    return [
        *("asc", "train", recipe),
        *([] if data is None else ["--data", str(data)]),
        *(word for text in overrides for word in ("--set", text)),
        *([] if device == "auto" else ["--device", device]),
        *([] if jobs is None else ["--jobs", str(jobs)]),
        *(["--tensorboard"] if tensorboard else []),
        *([] if tensorboard_to is None else ["--tensorboard-to", str(tensorboard_to)]),
    ]


def lines(
    recipes: Sequence[Any],
    words: Sequence[str],
    data: Any,
    folds: Sequence[int] | None,
    with_seed: bool,
) -> Iterator[str]:
    """Yield a command for each fold of each recipe, or for each recipe that has no folds.

    Args:
        recipes: As recipe.seeds.load returns them.
        words: What the commands have in common.
        data: Where the dataset is, as after --data, or None.
        folds: Some of the folds; all when None.
        with_seed: Whether a command names its recipe's seed.

    Raises:
        AscError: The dataset is not there, or has no such fold.
    """
    for recipe in recipes:
        seed = ["--set", f"training.seed={recipe.training.seed}"] if with_seed else []
        for fold in _folds(recipe, data, folds):
            part = [] if fold is None else ["--folds", str(fold), "--part"]
            yield shlex.join([*words, *seed, *part])


def _folds(recipe: Any, data: Any, folds: Sequence[int] | None) -> Sequence[int | None]:
    from asc_cli.protocol.source import chosen_folds, open_source

    if kind_of(recipe.settings) == VIDEOS:
        return [None]
    one = recipe.systems[0].recipe if hasattr(recipe, "systems") else recipe
    source = open_source(one.dataset, data or one.data, one.subset, one.catalog)
    return chosen_folds(folds, [split.fold for split in source.listing.splits])
