"""The work of one fold, for a worker, and its parts: what is fitted, validated and tested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asc_cli.core.device import resolve_device
from asc_cli.datasets import Recording
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.fill import Extraction
from asc_cli.recipe.load import Recipe
from asc_cli.registry.runs import fold_folder
from asc_cli.training.distillation import TeacherLogits
from asc_cli.training.fine_tuning import Start
from asc_cli.training.transfer import Transfer

Recordings = tuple[tuple[Recording, str], ...]  # each with the hash of its audio


@dataclass(frozen=True)
class Task:
    """A fold to fit, for a worker; small enough to pickle."""

    recipe: Recipe
    feature: StoredFeature
    variants: tuple[StoredFeature, ...]
    test_variants: tuple[StoredFeature, ...]
    packs: tuple[Path, ...]  # of the feature, of each variant, of each variant at test
    labels: tuple[str, ...]
    train: Recordings
    train_audio: tuple[str, ...]  # hash of the decoded samples of each
    test: Recordings
    fold: int
    folder: Path
    device: str
    teaching: tuple[TeacherLogits, ...] = ()  # teachers' logits of the training recordings
    start: Start | None = None  # whose weights are the general member's
    published_validation: tuple[str, ...] = ()  # files of the training part


def tasks(
    recipe: Recipe,
    extraction: Extraction,
    packs: tuple[Path, ...],
    run: Path,
    chosen: list[int],
    device: str,
    transfer: Transfer | None = None,
) -> Iterator[Task]:
    """Yield a task per chosen fold that is not finished."""
    listing, digests = extraction.source.listing, extraction.digests
    recordings = listing.by_file()
    resolved = resolve_device(device)
    for split in listing.splits:
        folder = fold_folder(run, split.fold)
        if split.fold not in chosen or (folder / "predictions.csv").exists():
            continue
        train, test = (
            tuple((recordings[file], digests[file]) for file in part)
            for part in (split.train, split.test)
        )
        yield Task(
            recipe,
            extraction.feature,
            extraction.variants,
            extraction.test_variants,
            packs,
            listing.labels,
            train,
            tuple(extraction.audio_digests[file] for file in split.train),
            test,
            split.fold,
            folder,
            resolved,
            transfer.teaching.get(split.fold, ()) if transfer else (),
            transfer.starts.get(split.fold) if transfer else None,
            split.validation,
        )


def label_indices(
    recordings: tuple[tuple[Recording, str], ...], labels: tuple[str, ...]
) -> np.ndarray:  # -> (n,)
    return np.array([labels.index(recording.label) for recording, _ in recordings])
