"""Train a recipe: as it is, with several seeds, or with settings chosen for each fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from asc_cli.core.kind import VIDEOS, kind_of
from asc_cli.recipe import candidates, load
from asc_cli.recipe.ensemble import AnyRecipe, resolved
from asc_cli.training import ensemble, events
from asc_cli.training import tune as tuning
from asc_cli.training.result import Part, Training
from asc_cli.training.seeds import SeedTrainings
from asc_cli.training.tune import Tuning
from asc_cli.workflow import _report


def train(
    recipe: AnyRecipe | str | Path,
    *,
    data: Path | None = None,
    folds: Sequence[int] | None = None,
    device: str = "auto",
    jobs: int | None = None,
    extracting: Callable[[int, int], None] | None = None,
    packing: Callable[[int, int], None] | None = None,
    fitting: Callable[[dict[int, dict[str, Any]]], None] | None = None,
    epoch_done: Callable[[dict[str, Any]], None] | None = None,
    tensorboard: Path | None = None,
    note: Callable[[str], None] | None = None,
) -> Training:
    """Fit, score and register a recipe's model on the folds of its dataset's protocol.

    The same recipe on the same data resumes where it was stopped, and returns at once when it is
    finished.

    Args:
        recipe: A shipped recipe's name, a path, or a Recipe or Ensemble.
        data: Where the dataset is; the recipe's `data`, or $ASC_DATA/NAME, when None.
        folds: Some of the folds, from 1; all when None. A stream of shards has none.
        device: cpu, cuda, mps, or auto: cuda where there is one, else cpu.
        jobs: Folds fitted at once, one processor each: the result does not depend on how many.
            None: one per processor. For a stream of shards: processes that read it ahead; None
            and 1: none.
        extracting: Called with (done, all) as recordings have their features.
        packing: Called with (done, all) as features are put into the pack that training reads.
        fitting: Called about twice a second with {fold: progress}; the progress of a fold that is
            done is {"fitted": True}.
        epoch_done: Called with the figures of each epoch of a stream of shards.
        tensorboard: Write TensorBoard's event files to this folder, into a folder for the run and
            in it one for each fold; `core.paths.runs()` is the run's own folder. None: none.
        note: Called with a sentence on the disk space of variants, before they are computed.

    Returns:
        The run's folder, the registered model and the metrics. Damaged records of a stream of
        shards are in `metrics["failed"]`.

    Raises:
        AscError: Before any training: the recipe has a fault, a file of the dataset is bad, or
            the copy violates the dataset's protocol. While fitting: the loss is no number.
    """
    started = time.monotonic()
    recipe = resolved(recipe)
    if tensorboard is not None:
        events.require()
    if kind_of(recipe.settings) == VIDEOS:
        from asc_cli.video import train as _stream

        run, metrics = _stream.train(
            recipe, data, folds, device, jobs, fitting, epoch_done, tensorboard
        )
        return Training(run, metrics["model"], metrics, time.monotonic() - started)
    counting = (extracting, packing, fitting)
    done = ensemble.train(
        recipe, data, folds, device, jobs, *counting, _report.write_page, tensorboard, note
    )
    return cast(Training, done)


def train_part(
    recipe: AnyRecipe | str | Path, folds: Sequence[int] | None = None, **options: Any
) -> Training | Part:
    """Fit some folds of a run; score it with all its folds if these were the last to be finished.

    For several processes on one host or many that share a home and fit different folds of a run.

    Args:
        recipe: A shipped recipe's name, a path, or a Recipe or Ensemble; of recordings.
        folds: The folds that this call fits, from 1; all when None.
        options: Others that `train` takes, without `epoch_done`.

    Returns:
        The run, scored with all its folds and registered as one model; a Part while there are
        folds that are not finished.

    Raises:
        AscError: As `train` does.
    """
    if options.get("tensorboard") is not None:
        events.require()
    unset = dict.fromkeys(("data", "jobs", "extracting", "packing", "fitting"))
    chosen = {**unset, "device": "auto", **options}
    scored = _report.write_page
    return ensemble.train(resolved(recipe), folds=folds, scored=scored, part=True, **chosen)


def train_seeds(
    recipes: Sequence[AnyRecipe], begin: Callable[[int | None], None] | None = None, **options: Any
) -> SeedTrainings:
    """Train recipes that differ in their seed alone, one after the other.

    Args:
        recipes: As `recipe.seeds.load` returns them: a run each.
        begin: Called with the seed before each run.
        options: What `train` takes.

    Returns:
        The runs, and the mean and the standard deviation of their figures.

    Raises:
        AscError: As `train` does; finished runs stay, and the same call resumes.
    """
    trainings = []
    for recipe in recipes:
        if begin:
            begin(recipe.training.seed)
        trainings.append(train(recipe, **options))
    return SeedTrainings(tuple(r.training.seed for r in recipes), tuple(trainings))


def tune(
    recipe: str | Path,
    tries: Sequence[str],
    overrides: Sequence[str] = (),
    trials: int | None = None,
    **options: Any,
) -> Tuning:
    """Choose settings for each fold without what it tests; train and score the folds with them.

    Args:
        recipe: A shipped recipe's name, or a path.
        tries: "key=value,value" for each key; with trials, also "key=low..high" and ":log".
        overrides: "section.key=value", as after --set; for all candidates.
        trials: Candidates to draw for each fold; None: every combination of values is one.
        options: As of `train`, without `epoch_done`; `judging` counts (done, all) inner trainings.

    Returns:
        The choice with every inner score, and the run that was trained with it.

    Raises:
        AscError: As `train` does; nothing to choose; or an inner training could see a test part.
    """
    tried = candidates.load(recipe, tries, overrides, trials)
    return tuning.tune(load.load(recipe, overrides), tried, _report.write_page, **options)
