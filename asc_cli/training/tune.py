"""Choose settings for each fold without its test part, then train and score the folds with them.

Every inner training is a fold of a run of its own under $ASC_HOME/tuning: it is fitted, locked and
resumed as folds are, and used again when more values are tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import atomic, locks, paths
from asc_cli.core.device import resolve_device
from asc_cli.core.errors import AscError
from asc_cli.evaluation import metrics, predictions
from asc_cli.evaluation.scores import Evaluation
from asc_cli.frontend.fill import Extraction
from asc_cli.protocol import audit, inner
from asc_cli.protocol.inner import Plan
from asc_cli.protocol.source import Source, exclude, open_source
from asc_cli.recipe.candidates import Candidate
from asc_cli.recipe.load import Recipe
from asc_cli.registry import run_files, runs
from asc_cli.registry.runs import fold_folder
from asc_cli.training import choice as choices
from asc_cli.training import fold as _fold
from asc_cli.training import recordings
from asc_cli.training import run as run_of_folds
from asc_cli.training.choice import Choice, InnerScore
from asc_cli.training.recordings import SCORING_SECONDS, Counting
from asc_cli.training.run import Training
from asc_cli.training.watch import watching

Fitting = Callable[[dict[Any, dict[str, Any]]], None]


@dataclass(frozen=True)
class Tuning:
    """Settings chosen per fold, and the run that was trained with them.

    Attributes:
        choice: What was tried, every inner score, and what was chosen.
        training: The run whose folds have the chosen settings; no model is registered for it.
        for_use: "key=value" of the one candidate that is best over all folds: to train for use.
    """

    choice: Choice
    training: Training
    for_use: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc tune --json` prints.

        Returns:
            The run with its figures, the choice, and the settings for use.
        """
        row = self.training.to_dict()
        del row["model"]
        return {**row, "choice": self.choice.to_dict(), "for_use": [*self.for_use]}


@dataclass(frozen=True)
class _Inner:
    """A candidate with its features and the folder of its inner trainings."""

    number: int
    candidate: Candidate
    outer: Extraction
    inner: Extraction  # the same recordings, with inner splits as folds
    packs: tuple[Path, ...]
    folder: Path


def tune(
    recipe: Recipe,
    candidates: Sequence[Candidate],
    scored: Callable[[Path, Path, Evaluation], None],
    *,
    data: Path | None = None,
    folds: Sequence[int] | None = None,
    device: str = "auto",
    jobs: int | None = None,
    extracting: Counting | None = None,
    packing: Counting | None = None,
    judging: Counting | None = None,
    fitting: Fitting | None = None,
) -> Tuning:
    """Choose among candidates for each fold, train the folds with the choices, and score them.

    recipe: As it is without --try. judging: Called with (done, all) inner trainings. The others
    are as in `recordings.train`.
    """
    started = time.monotonic()
    protocol = open_source(recipe.dataset, data or recipe.data, recipe.subset, recipe.catalog)
    source = exclude(protocol, recipe.exclude)
    audit.require(source.dataset, source.listing)
    headline = run_of_folds.headline_metric(recipe, source.dataset)
    chosen = run_of_folds.chosen_folds(folds, [split.fold for split in source.listing.splits])
    extractions: dict[str, Extraction] = {}
    for candidate in candidates:  # features first: they tell which recordings are the same sound
        key = _features(candidate.recipe)
        if key not in extractions:
            extractions[key] = recordings.features(source, candidate.recipe, jobs, extracting)
    first = next(iter(extractions.values()))
    by = recipe.validation.by if recipe.validation else None
    plan = inner.plan(source.listing, by, recipe.training.seed, first.audio_digests)
    inner.require_unseen(plan, source.listing, first.audio_digests)
    rows = [
        _prepare(number, candidate, extractions[_features(candidate.recipe)], plan, packing)
        for number, candidate in enumerate(candidates, start=1)
    ]
    plan = plan.of_folds(chosen)
    _train_inner(rows, plan, device, jobs, judging, fitting)
    scores = [score for row in rows for score in _scores(row, plan, chosen, headline)]
    choice = choices.choose(plan.method, headline.name, [c.values for c in candidates], scores)
    run, finished = _train_outer(
        recipe, rows, choice, chosen, protocol, device, jobs, fitting, scored
    )
    training = Training(run, "", finished, time.monotonic() - started)
    return Tuning(choice, training, tuple(candidates[choice.for_use - 1].settings))


def _features(recipe: Recipe) -> str:
    return repr((recipe.features, recipe.variants, recipe.evaluation.variants))


def _prepare(
    number: int, candidate: Candidate, outer: Extraction, plan: Plan, packing: Counting | None
) -> _Inner:
    listing = replace(outer.source.listing, splits=tuple(split.as_split() for split in plan.splits))
    extraction = replace(outer, source=replace(outer.source, listing=listing))
    prints = run_of_folds.fingerprints(extraction)
    signature = candidate.recipe.signature(prints["dataset_fingerprint"], outer.key)
    folder = paths.tuning() / f"{candidate.recipe.name}-{signature}"
    return _Inner(number, candidate, outer, extraction, recordings.packs(outer, packing), folder)


def _train_inner(
    rows: Sequence[_Inner],
    plan: Plan,
    device: str,
    jobs: int | None,
    judging: Counting | None,
    fitting: Fitting | None,
) -> None:
    """Fit every inner split with every candidate, unless that is done."""
    numbers = [split.number for split in plan.splits]
    for row in rows:
        prints = run_of_folds.fingerprints(row.inner)
        _require_same_lists(row.folder, prints)
        root = row.inner.source.audio_root
        runs.describe(row.folder, row.candidate.recipe, root, prints, resolve_device(device))

    def unfinished() -> Iterator[_fold.Task]:
        for row in rows:
            recipe = _without_curve(row.candidate.recipe)
            yield from _fold.tasks(recipe, row.inner, row.packs, row.folder, numbers, device)

    folders = {
        f"candidate {row.number}, {_name(plan, number)}": fold_folder(row.folder, number)
        for row in rows
        for number in numbers
    }

    def report(progress: dict[Any, dict[str, Any]]) -> None:
        n_fitted = sum("fitted" in row for row in progress.values())
        if judging:
            judging(n_fitted, len(folders))
        if fitting:
            fitting({name: row for name, row in progress.items() if "fitted" not in row})

    with watching(folders, report if judging or fitting else None):
        _fold.fit_all(unfinished, rows[0].folder, jobs)


def _name(plan: Plan, number: int) -> str:
    [split] = [split for split in plan.splits if split.number == number]
    outer = sorted(judgement.outer for judgement in split.judgements)
    return f"without fold{'s' * (len(outer) > 1)} {' and '.join(map(str, outer))}"


def _without_curve(recipe: Recipe) -> Recipe:
    """Return the recipe without a curve on what an inner training predicts: nobody sees it."""
    return recipe.model_copy(
        update={"training": recipe.training.model_copy(update={"curve_every": 0})}
    )


def _require_same_lists(folder: Path, prints: Mapping[str, str]) -> None:
    """Raise AscError if a folder holds inner trainings on other lists or other audio."""
    if not (folder / run_files.ENVIRONMENT).exists():
        return
    recorded = run_files.environment(folder)["dataset_fingerprint"]
    if recorded != prints["dataset_fingerprint"]:
        raise AscError(
            f"tune: the inner trainings in {folder} are of other lists or audio, so they may have "
            "seen what a fold tests; remove that folder, and the same command trains them again"
        )


def _scores(
    row: _Inner, plan: Plan, chosen: Sequence[int], headline: metrics.Metric
) -> Iterator[InnerScore]:
    """Yield a candidate's inner scores. Raises AscError where stored predictions are of others."""
    for split in plan.splits:
        path = fold_folder(row.folder, split.number) / run_files.PREDICTIONS
        rows = predictions.read(path)
        if set(rows.files) != set(split.as_split().test):
            raise AscError(
                f"{path}: its recordings are not those that this inner training judges by; remove "
                f"{row.folder}, and the same command trains it again"
            )
        for judgement in split.judgements:
            if judgement.outer not in chosen:
                continue
            part = rows.take(np.isin(rows.files, judgement.files))
            matrix = metrics.confusion(part.labels, part.guesses, len(part.scenes))
            value = headline.of([matrix])
            assert value is not None  # a metric with a definition follows from labels alone
            yield InnerScore(
                row.number, split.number, judgement.outer, judgement.name, len(part), float(value)
            )


def _train_outer(
    recipe: Recipe,
    rows: Sequence[_Inner],
    choice: Choice,
    chosen: list[int],
    protocol: Source,
    device: str,
    jobs: int | None,
    fitting: Fitting | None,
    scored: Callable[[Path, Path, Evaluation], None],
) -> tuple[Path, dict[str, Any]]:
    """Fit each fold with the candidate that was chosen for it; return the run and its metrics."""
    prints = run_of_folds.fingerprints(rows[0].outer)
    tuned = recipe.model_copy(update={"name": f"{recipe.name}_tuned"})
    run = runs.run_folder(tuned, prints["dataset_fingerprint"], *(r.folder.name for r in rows))
    tried = {
        key: ", ".join(dict.fromkeys(values[key] for values in choice.candidates))
        for key in choice.candidates[0]
    }

    def unfinished() -> Iterator[_fold.Task]:
        for row in rows:
            folds = [fold for fold in chosen if choice.chosen[fold] == row.number]
            yield from _fold.tasks(row.candidate.recipe, row.outer, row.packs, run, folds, device)

    if (metrics := _finished(run, choice, chosen)) is not None:
        return run, metrics
    _require_same_choice(run, choice)
    runs.describe(run, recipe, protocol.audio_root, prints, resolve_device(device))
    atomic.write_json(run / choices.FILE, choice.to_dict())
    with watching({fold: fold_folder(run, fold) for fold in chosen}, fitting):
        _fold.fit_all(unfinished, run, jobs)
    with locks.locked(run, f"run {run.name} is being scored", wait_s=SCORING_SECONDS):
        metrics, evaluation = run_of_folds.conclude(
            run, recipe, rows[0].outer, protocol.listing, chosen, tried
        )
        scored(run / "report.html", run, evaluation)
    return run, metrics


def _finished(run: Path, choice: Choice, chosen: list[int]) -> dict[str, Any] | None:
    """Return the metrics of a run that was trained on these folds with this choice; else None."""
    metrics = run_files.metrics(run)
    if metrics is None or [row["fold"] for row in metrics["folds"]] != chosen:
        return None
    return metrics if choices.read(run) == choice.to_dict() else None


def _require_same_choice(run: Path, choice: Choice) -> None:
    """Raise AscError if a fold was fitted with another candidate than is chosen for it now."""
    recorded = choices.read(run)
    for fold, number in choice.chosen.items():
        before = recorded["chosen"].get(str(fold), number) if recorded else number
        if before != number and fold_folder(run, fold).exists():
            raise AscError(
                f"{fold_folder(run, fold)}: was fitted with candidate {before}, and the inner "
                f"scores now choose candidate {number}, as can be after the inner trainings were "
                f"removed and trained with other packages; remove {run}"
            )
