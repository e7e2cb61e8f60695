"""Train a recipe: fit all folds, score them, register the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asc_cli.core import locks
from asc_cli.core.device import resolve_device
from asc_cli.core.kind import VIDEOS, kind_of
from asc_cli.frontend import store
from asc_cli.frontend.fill import fill
from asc_cli.protocol import audit
from asc_cli.protocol.duplicates import require_no_shared_audio
from asc_cli.protocol.source import exclude, open_source
from asc_cli.recipe.load import Recipe, resolved
from asc_cli.registry import runs
from asc_cli.training import fold as _fold
from asc_cli.training import run as run_of_folds
from asc_cli.training.run import Training
from asc_cli.training.watch import watching
from asc_cli.workflow import _report

SCORING_SECONDS = 600.0  # how long to wait for another process that scores the same run


def train(
    recipe: Recipe | str | Path,
    *,
    data: Path | None = None,
    folds: Sequence[int] | None = None,
    device: str = "auto",
    jobs: int | None = None,
    extracting: Callable[[int, int], None] | None = None,
    packing: Callable[[int, int], None] | None = None,
    fitting: Callable[[dict[int, dict[str, Any]]], None] | None = None,
    epoch_done: Callable[[dict[str, Any]], None] | None = None,
) -> Training:
    """Fit, score and register a recipe's model on the folds of its dataset's protocol.

    The same recipe on the same data resumes where it was stopped, and returns at once when it is
    finished.

    Args:
        recipe: A shipped recipe's name, a path, or a Recipe.
        data: Where the dataset is; the recipe's `data`, or $ASC_DATA/NAME, when None.
        folds: Some of the folds, from 1; all when None. A stream of shards has none.
        device: cpu, cuda, or auto: cuda where there is one.
        jobs: Folds fitted at once, one processor each: the result does not depend on how many.
            None: one per processor. For a stream of shards: processes that read it ahead; None
            and 1: none.
        extracting: Called with (done, all) as recordings have their features.
        packing: Called with (done, all) as features are put into the pack that training reads.
        fitting: Called about twice a second with {fold: progress}; the progress of a fold that is
            done is {"fitted": True}.
        epoch_done: Called with the figures of each epoch of a stream of shards.

    Returns:
        The run's folder, the registered model and the metrics. Damaged records of a stream of
        shards are in `metrics["failed"]`.

    Raises:
        AscError: Before any training: the recipe has a fault, a file of the dataset is bad, or
            the copy violates the dataset's protocol. While fitting: the loss is no longer a
            number.
    """
    started = time.monotonic()
    recipe = resolved(recipe)
    if kind_of(recipe.settings) == VIDEOS:
        from asc_cli.video import train as _stream

        run, metrics = _stream.train(recipe, data, folds, device, jobs, fitting, epoch_done)
        return Training(run, metrics["model"], metrics, time.monotonic() - started)
    protocol = open_source(recipe.dataset, data or recipe.data, recipe.subset, recipe.catalog)
    source = exclude(protocol, recipe.exclude)
    audit.require(source.dataset, source.listing)
    run_of_folds.headline_metric(recipe, source.dataset)  # before hours of training, not after
    chosen = run_of_folds.chosen_folds(folds, [split.fold for split in source.listing.splits])
    extraction = fill(source, recipe, jobs, False, extracting)
    run_of_folds.require_complete(extraction)
    require_no_shared_audio(
        source.dataset.name, source.listing, source.audio_root, extraction.audio_digests
    )
    run = run_of_folds.run_of(recipe, extraction)
    finished = run_of_folds.finished_metrics(run, chosen)
    if finished is None:
        prints = run_of_folds.fingerprints(extraction)
        runs.describe(run, recipe, source.audio_root, prints, resolve_device(device))
        digests = list(dict.fromkeys(extraction.digests.values()))
        pack = store.pack(extraction.feature, digests, source.dataset.name, packing)
        with watching(run, chosen, fitting):
            _fold.fit_all(
                lambda: _fold.tasks(recipe, extraction, pack, run, chosen, device), run, jobs
            )
        with locks.locked(run, f"run {run.name} is being scored", wait_s=SCORING_SECONDS):
            # another process may have finished the same run by now
            finished = run_of_folds.finished_metrics(run, chosen)
            if finished is None:
                finished, evaluation = run_of_folds.conclude(
                    run, recipe, extraction, protocol.listing, chosen
                )
                _report.write_page(run / "report.html", run, evaluation)
    return Training(run, finished["model"], finished, time.monotonic() - started)
