"""Train an ensemble: each system as it is alone, then the weighted mean of what they predict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, locks
from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset
from asc_cli.evaluation import predictions, scoring
from asc_cli.evaluation.conditions import Conditions
from asc_cli.evaluation.published import published
from asc_cli.evaluation.scores import Evaluation
from asc_cli.inference.evaluate import RunPredictions, read_run
from asc_cli.inference.mean import mean_of
from asc_cli.inference.validation import require_usable
from asc_cli.recipe import ensemble as recipes
from asc_cli.recipe.load import Recipe
from asc_cli.recipe.systems import Ensemble
from asc_cli.registry import card, models, run_files, runs
from asc_cli.registry.run_files import PREDICTIONS
from asc_cli.registry.training_files import TrainingFile
from asc_cli.training.run import Training, registered_metrics

SCORING_SECONDS = 600.0  # how long to wait for another process that scores the same run
PRINTS = ("dataset_fingerprint", "dataset_fingerprint_0_1", "lists_fingerprint")


def train(
    ensemble: Ensemble,
    data: Path | None,
    device: str,
    train_system: Callable[[Recipe, Path | None], Training],
    scored: Callable[[Path, Path, Evaluation], None],
    note: Callable[[str], None] | None,
) -> Training:
    """Return an ensemble's run, after training the systems that are not finished.

    train_system: Returns the run of a system's recipe, on the data at a path if that is not None.
    scored: Called with the path of the run's page, the run and its evaluation, once it has one.
    """
    started = time.monotonic()
    data = data or ensemble.data
    _require_same_data(ensemble, data)
    trainings = []
    for number, system in enumerate(ensemble.systems, start=1):
        if note:
            note(f"system {number} of {len(ensemble.systems)}: {system.name}")
        trainings.append(train_system(system.recipe, data))
    run = runs.ensemble_folder(ensemble, [training.run for training in trainings])
    folds = [fold["fold"] for fold in trainings[0].metrics["folds"]]
    finished = _finished(run, folds)
    if finished is None:
        _describe(run, ensemble, trainings, device)
        with locks.locked(run, f"run {run.name} is being scored", wait_s=SCORING_SECONDS):
            finished = _finished(run, folds)  # by another process, meanwhile
            if finished is None:
                finished, evaluation = _conclude(run, ensemble, trainings)
                scored(run / "report.html", run, evaluation)
    return Training(run, finished["model"], finished, time.monotonic() - started)


def _require_same_data(ensemble: Ensemble, data: Path | None) -> None:
    """Raise AscError for systems whose recipes name different copies of their dataset."""
    places = {system.recipe.data: system.name for system in ensemble.systems}
    if data is None and len(places) > 1:
        listed = ", ".join(f"{name} has {place}" for place, name in places.items())
        raise AscError(
            f"recipe {ensemble.name}: its systems have different data ({listed}); name one with "
            "--data, or as data in the ensemble"
        )


def _finished(run: Path, folds: list[int]) -> dict[str, Any] | None:
    """Return the metrics of a run of these folds that has its predictions and its model."""
    metrics = registered_metrics(run, folds)
    if metrics is not None:
        try:
            predictions.read(run / PREDICTIONS)
        except AscError:  # missing or damaged: averaged again
            return None
    return metrics


def _describe(run: Path, ensemble: Ensemble, trainings: Sequence[Training], device: str) -> None:
    first = run_files.environment(trainings[0].run)
    prints = {key: str(first[key]) for key in PRINTS if key in first}
    root = runs.audio_root(trainings[0].run)
    runs.describe(run, ensemble, Path(root or ""), prints, str(first.get("device", device)))


def _conclude(
    run: Path, ensemble: Ensemble, trainings: Sequence[Training]
) -> tuple[dict[str, Any], Evaluation]:
    """Score the mean of the systems' predictions, register the model, write metrics.json last."""
    read = [read_run(training.run) for training in trainings]
    mean = mean_of(read, ensemble.weights, f"recipe {ensemble.name}")
    predictions.write(run / PREDICTIONS, mean.rows)
    conditions = _conditions(ensemble, mean.conditions)
    scores = scoring.score(mean.rows, read[0].headline, read[0].seen_devices, conditions)
    metrics = scores.to_dict()
    for key in ("seen_devices", "trained_recordings"):
        metrics[key] = trainings[0].metrics[key]
    dataset = ensemble.catalog.load("datasets", ensemble.dataset).DATASET
    metrics["model"] = _registered(run, ensemble, dataset, trainings, metrics).id
    rows = published(ensemble.settings, _published(read[0]), metrics, conditions)
    metrics["published"] = [row.to_dict() for row in rows]
    atomic.write_json(run / "metrics.json", metrics)
    return metrics, Evaluation(scores, run=str(run), published=rows)
