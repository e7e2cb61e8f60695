"""Train an ensemble: each system as it is alone, then the weighted mean of what they predict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, locks
from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset
from asc_cli.evaluation import predictions
from asc_cli.evaluation.published import published
from asc_cli.evaluation.scores import Evaluation
from asc_cli.inference import rejection
from asc_cli.inference.conditions import dataset_of
from asc_cli.inference.evaluate import read_run
from asc_cli.inference.mean import mean_of
from asc_cli.inference.validation import require_usable
from asc_cli.recipe import ensemble as recipes
from asc_cli.recipe.ensemble import AnyRecipe
from asc_cli.recipe.load import Recipe
from asc_cli.recipe.systems import Ensemble
from asc_cli.registry import card, models, run_files, runs, training_files
from asc_cli.registry.run_files import PREDICTIONS
from asc_cli.training import recordings
from asc_cli.training.result import Part, Training
from asc_cli.training.run import has_model

SCORING_SECONDS = 600.0  # how long to wait for another process that scores the same run
PRINTS = ("dataset_fingerprint", "dataset_fingerprint_0_1", "lists_fingerprint")


def train(
    recipe: AnyRecipe,
    data: Path | None,
    folds: Sequence[int] | None,
    device: str,
    jobs: int | None,
    extracting: recordings.Counting | None,
    packing: recordings.Counting | None,
    fitting: Callable[[dict[int, dict[str, Any]]], None] | None,
    scored: Callable[[Path, Path, Evaluation], None],
    tensorboard: Path | None = None,
    note: Callable[[str], None] | None = None,
    part: bool = False,
) -> Training | Part:
    """Return the run of a recipe of recordings, of one system or several.

    An ensemble's systems are trained one after the other, each as it is alone. The arguments are
    those of `recordings.train`.
    """

    def train_one(one: Recipe, place: Path | None) -> Training | Part:
        counting = (extracting, packing, fitting)
        return recordings.train(
            one, place, folds, device, jobs, *counting, scored, tensorboard, note, part
        )

    if isinstance(recipe, Recipe):
        return train_one(recipe, data)
    started = time.monotonic()
    data = data or recipe.data
    _require_same_data(recipe, data)
    results = []
    for number, system in enumerate(recipe.systems, start=1):
        if note:
            note(f"system {number} of {len(recipe.systems)}: {system.name}")
        results.append(done := train_one(system.recipe, data))
        if note and isinstance(done, Training):
            note(f"{system.name}: error {100 * done.metrics['error']:.2f} %, run {done.run.name}")
    if part:  # another process may have finished a system by now
        results = [
            done if isinstance(done, Training) else train_one(system.recipe, data)
            for done, system in zip(results, recipe.systems, strict=True)
        ]
    if parts := [done for done in results if isinstance(done, Part)]:
        left = tuple(each for one in parts for each in one.unfinished)
        return Part(parts[0].folds, left, time.monotonic() - started)
    trainings = [done for done in results if isinstance(done, Training)]
    run, metrics = _finish(recipe, trainings, scored)
    return Training(run, metrics["model"], metrics, time.monotonic() - started)


def _finish(
    ensemble: Ensemble,
    systems: Sequence[Training],
    scored: Callable[[Path, Path, Evaluation], None],
) -> tuple[Path, dict[str, Any]]:
    """Return the ensemble's run, and its metrics, once all systems are trained."""
    run = runs.ensemble_folder(ensemble, [system.run for system in systems])
    folds = [fold["fold"] for fold in systems[0].metrics["folds"]]
    metrics = _finished(run, folds)
    if metrics is None:
        _describe(run, ensemble, [system.run for system in systems])
        with locks.locked(run, f"run {run.name} is being scored", wait_s=SCORING_SECONDS):
            metrics = _finished(run, folds)  # another process may have finished it by now
            if metrics is None:
                metrics, evaluation = _score_and_register(run, ensemble, systems)
                scored(run / "report.html", run, evaluation)
    return run, metrics


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
    metrics = run_files.metrics(run)
    if metrics is None or not has_model(run, metrics, folds):
        return None
    try:
        predictions.read(run / PREDICTIONS)
    except AscError:  # missing or damaged: averaged again
        return None
    return metrics


def _describe(run: Path, ensemble: Ensemble, systems: Sequence[Path]) -> None:
    """Write recipe.yaml, environment.json and code; what is of the data is that of a system."""
    environment = run_files.environment(systems[0])
    prints = {key: environment[key] for key in PRINTS if key in environment}
    root = Path(runs.audio_root(systems[0]) or "")
    signed = [system.name for system in systems]
    runs.describe(run, ensemble, root, prints, str(environment.get("device")), signed)


def _score_and_register(
    run: Path, ensemble: Ensemble, systems: Sequence[Training]
) -> tuple[dict[str, Any], Evaluation]:
    """Score the mean of the systems' predictions, register the model, write metrics.json last."""
    read = [read_run(system.run) for system in systems]
    mean = mean_of(read, ensemble.weights, f"recipe {ensemble.name}")
    predictions.write(run / PREDICTIONS, mean.rows)
    shipped = recipes.load(ensemble.shipped) if ensemble.shipped else None
    conditions = replace(
        mean.conditions,
        recipe=ensemble.shipped,
        changed=ensemble.changes(shipped) if isinstance(shipped, Ensemble) else (),
        seed=ensemble.seed,
    )
    scores = read[0].scores(mean.rows, conditions)
    scores = replace(scores, remarks=(*scores.remarks, *mean.remarks))
    metrics = scores.to_dict()
    for key in ("seen_devices", "seen_cities", "trained_recordings"):
        metrics[key] = systems[0].metrics.get(key, {})
    dataset = dataset_of(run, ensemble.settings)
    metrics["model"] = _registered(run, ensemble, dataset, systems, metrics).id
    rows = published(ensemble.settings, dataset, metrics, conditions)
    metrics["published"] = [row.to_dict() for row in rows]
    atomic.write_json(run / "metrics.json", metrics)
    rejected = rejection.of_run(run, metrics["model"], mean.rows)
    return metrics, Evaluation(scores, run=str(run), published=rows, rejection=rejected)


def _registered(
    run: Path,
    ensemble: Ensemble,
    dataset: Dataset,
    systems: Sequence[Training],
    metrics: dict[str, Any],
) -> models.Model:
    """Register copies of the systems' models as one model."""
    registered = [models.find(system.model) for system in systems]
    first = registered[0].card
    data = {key: first["dataset"][key] for key in ("fingerprint", "lists")}
    model_card = card.card(run, ensemble, {**dataset.described(), **data}, metrics)
    del model_card["feature"]  # each system has its own
    model_card |= {"labels": first["labels"], "folds": first["folds"]}
    return models.register(
        ensemble.name,
        model_card,
        {},
        training_files.joined(file for each in registered for file in each.training_files()),
        check=require_usable,
        systems=registered,
    )
