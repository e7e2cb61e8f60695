"""Train a recipe on recordings: features, every fold, scores, the registered model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asc_cli.core import locks
from asc_cli.core.device import resolve_device
from asc_cli.evaluation.scores import Evaluation
from asc_cli.frontend import store
from asc_cli.frontend.fill import Extraction, fill
from asc_cli.protocol import audit
from asc_cli.protocol.duplicates import require_no_shared_audio
from asc_cli.protocol.source import Source, chosen_folds, exclude, open_source
from asc_cli.recipe.load import Recipe
from asc_cli.registry import runs
from asc_cli.registry.runs import fold_folder
from asc_cli.training import events, remote_folds, transfer
from asc_cli.training import fold as _fold
from asc_cli.training import run as run_of_folds
from asc_cli.training.result import Part, Training
from asc_cli.training.watch import watching

SCORING_SECONDS = 600.0  # how long to wait for another process that scores the same run
Counting = Callable[[int, int], None]


def train(
    recipe: Recipe,
    data: Path | None,
    folds: Sequence[int] | None,
    device: str,
    jobs: int | None,
    extracting: Counting | None,
    packing: Counting | None,
    fitting: Callable[[dict[int, dict[str, Any]]], None] | None,
    scored: Callable[[Path, Path, Evaluation], None],
    tensorboard: Path | None = None,
    note: Callable[[str], None] | None = None,
    part: bool = False,
) -> Training | Part:
    """Return a recipe's run, after training what is not finished.

    part: Score the run with all its folds, once they are finished; until then, return what is left.
    scored: Called with the path of the run's page, the run and its evaluation, once it has one.
    tensorboard: Where event files go, as in `events.writing`.
    """
    started = time.monotonic()
    protocol = open_source(recipe.dataset, data or recipe.data, recipe.subset, recipe.catalog)
    source = exclude(protocol, recipe.exclude)
    audit.require(source.dataset, source.listing, source.root)
    run_of_folds.headline_metric(recipe, source.dataset)  # before hours of training, not after
    every = [split.fold for split in source.listing.splits]
    chosen = chosen_folds(folds, every)
    scored_folds = every if part else chosen
    extraction = features(source, recipe, jobs, extracting, note)
    run = run_of_folds.run_of(recipe, extraction)
    finished = run_of_folds.finished_metrics(run, scored_folds)
    if finished is None:
        taken = transfer.prepare(recipe, extraction, scored_folds, jobs, extracting)
        prints = run_of_folds.fingerprints(extraction)
        signed = run_of_folds.signed(run, recipe, extraction)
        runs.describe(run, recipe, source.audio_root, prints, resolve_device(device), signed)

        def unfinished(packed: tuple[Path, ...] = ()) -> list[_fold.Task]:
            return [*_fold.tasks(recipe, extraction, packed, run, chosen, device, taken)]

        remote_folds.fetch(unfinished())
        packed = packs(extraction, packing) if unfinished() else ()
        folders = {fold: fold_folder(run, fold) for fold in chosen}
        with (
            events.writing(tensorboard, run, chosen, fitting) as report,
            watching(folders, report),
            remote_folds.Upload() as upload,
        ):
            _fold.fit_all(lambda: unfinished(packed), jobs, not part, note, upload.add)
        if left := run_of_folds.unfinished(run, scored_folds):
            fitted = {*chosen} - {each.fold for each in left}
            return Part(tuple(sorted(fitted)), left, time.monotonic() - started)
        with locks.locked(run, f"run {run.name} is being scored", wait_s=SCORING_SECONDS):
            # another process may have finished the same run by now
            finished = run_of_folds.finished_metrics(run, scored_folds)
            if finished is None:
                finished, evaluation = run_of_folds.score_and_register(
                    run, recipe, extraction, protocol.listing, scored_folds, transfer=taken
                )
                scored(run / "report.html", run, evaluation)
    else:
        with events.writing(tensorboard, run, chosen, None):
            pass
    return Training(run, finished["model"], finished, time.monotonic() - started)


def features(
    source: Source,
    recipe: Recipe,
    jobs: int | None,
    extracting: Counting | None,
    note: Callable[[str], None] | None = None,
) -> Extraction:
    """Return the features of every recording. Raises AscError if a fold shares audio."""
    extraction = fill(source, recipe, jobs, False, extracting, note)
    run_of_folds.require_complete(extraction)
    require_no_shared_audio(
        source.dataset.name, source.listing, source.audio_root, extraction.audio_digests
    )
    return extraction


def packs(extraction: Extraction, packing: Counting | None) -> tuple[Path, ...]:
    """Return what training reads the features from: a pack of the recordings as they are, one of
    those of training in each variant, and one of all in each variant at test."""
    source = extraction.source
    name, tested = source.dataset.name, {variant.key for variant in extraction.test_variants}
    files = dict.fromkeys(file for split in source.listing.splits for file in split.train)
    training = list(dict.fromkeys(extraction.digests[file] for file in files))
    every = list(dict.fromkeys(extraction.digests.values()))
    return (
        store.pack(extraction.feature, every, name, packing),
        *(
            store.pack(variant, every if variant.key in tested else training, name, packing)
            for variant in extraction.variants
        ),
        *(store.pack(variant, every, name, packing) for variant in extraction.test_variants),
    )
