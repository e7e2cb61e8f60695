"""Score a run, a file of predictions, or a registered model on a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of_run
from asc_cli.datasets import Dataset
from asc_cli.evaluation import complexity, predictions, scoring, submission
from asc_cli.evaluation.conditions import Conditions
from asc_cli.evaluation.metrics import Metric, named
from asc_cli.evaluation.published import published
from asc_cli.evaluation.scores import Evaluation, Published, Scores
from asc_cli.frontend.identify import identify
from asc_cli.inference import conditions, ensemble, rejection
from asc_cli.inference.dataset import predict_dataset
from asc_cli.inference.leakage import (
    as_trained,
    has_own_lists,
    require_unseen,
    require_unseen_by_members,
    trained_on,
)
from asc_cli.inference.member import AUTO, TORCH, require_engine
from asc_cli.inference.networks import module_of
from asc_cli.protocol import audit
from asc_cli.protocol.source import Source
from asc_cli.registry import models, run_files
from asc_cli.registry.run_files import SETTINGS
from asc_cli.registry.runs import find_run, recorded_metrics


@dataclass(frozen=True)
class RunPredictions:
    """What a finished run predicted, and what is needed to score it."""

    folder: Path
    rows: predictions.Predictions
    conditions: Conditions
    headline: Metric
    seen_devices: dict[int, frozenset[str]]
    seen_cities: dict[int, frozenset[str]]
    dataset: Dataset

    def scores(
        self, rows: predictions.Predictions | None = None, own: Conditions | None = None
    ) -> Scores:
        """Score the predictions; rows, own: others of the same recordings, in their place."""
        return scoring.score(
            rows or self.rows,
            self.headline,
            self.seen_devices,
            own or self.conditions,
            self.dataset,
            self.seen_cities,
        )

    def published(self, scores: Scores, **other_settings: Any) -> list[Published]:
        """Return published figures beside scores; other_settings: in place of the recipe's."""
        settings = {**run_files.settings(self.folder), **other_settings}
        return published(
            settings, self.dataset, scores.to_dict(), scores.conditions or self.conditions
        )


def read_run(run: str | Path, folds: Sequence[int] | None = None) -> RunPredictions:
    """Read a run's predictions.csv, of some folds alone if given; its figures are not read."""
    folder = find_run(run)
    recorded = recorded_metrics(folder)
    if kind_of_run(folder) == VIDEOS:
        raise AscError(
            f"run {folder.name}: of videos with many labels, not of scenes; asc evaluate "
            f"{folder.name} shows its figures"
        )
    seen_devices, seen_cities = (
        {int(fold): frozenset(names) for fold, names in recorded.get(key, {}).items()}
        for key in ("seen_devices", "seen_cities")
    )
    rows = predictions.read(folder / "predictions.csv")
    if folds is not None:
        available = sorted(set(rows.folds.tolist()))
        if unknown := sorted(set(folds) - set(available)):
            raise AscError(
                f"--folds: run {folder.name} has no fold {unknown[0]}; it has {available}"
            )
        rows = rows.take(np.isin(rows.folds, folds))
    own = conditions.of_run(folder, recorded, rows).of_folds(folds)
    metric = named(recorded["headline"], plugins.beside(folder / SETTINGS))
    dataset = conditions.dataset_of(folder, run_files.settings(folder))
    return RunPredictions(folder, rows, own, metric, seen_devices, seen_cities, dataset)


def of_run(
    run: str | Path,
    folds: Sequence[int] | None = None,
    unknown: Path | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a run's predictions.csv, of some folds alone if given; metrics.json is not read.

    unknown: A folder with recordings of none of the scenes, which the run's model scores.
    """
    read = read_run(run, folds)
    scores = read.scores()
    model = str(recorded_metrics(read.folder).get("model") or "")
    rejected = rejection.of_run(read.folder, model, read.rows, unknown, jobs, progress)
    return Evaluation(
        scores, run=str(read.folder), published=read.published(scores), rejection=rejected
    )


def of_file(path: Path, source: Source, folds: Sequence[int] | None) -> Evaluation:
    """Score a file of predictions, which must be of exactly the protocol's test recordings."""
    expected = submission.tested(source.listing, folds)
    submitted = submission.read(path, source.listing.labels, expected)
    seen = audit.seen_devices(source.listing)
    own = conditions.of_file(source, folds)
    metric = named(source.dataset.headline, source.catalog)
    cities = audit.seen_cities(source.dataset, source.listing)
    scores = scoring.score(submitted, metric, seen, own, source.dataset, cities)
    return Evaluation(scores, predictions=str(path), dataset=source.dataset.name)


def of_model(
    reference: str,
    source: Source,
    folds: Sequence[int] | None,
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
    engine: str = AUTO,
) -> Evaluation:
    """Score a registered model on a dataset, by members that were not trained on its recordings.

    On the dataset it was trained on, fold k's recordings are predicted by fold k's member alone. On
    another, the probabilities of all members are averaged as in asc predict.
    """
    dataset, seen = source.dataset, audit.seen_devices(source.listing)
    model = models.find(reference)
    ensemble.require_scenes(model)
    labels = tuple(model.card["labels"])
    if unknown := [label for label in source.listing.labels if label not in labels]:
        raise AscError(
            f"model {model.id} was not trained on the scene {unknown[0]!r} of "
            f"{source.dataset.name}; its scenes: {', '.join(labels)}"
        )
    full = source
    if is_own := trained_on(model) == source.dataset.name:
        source = as_trained(model, source)
    is_own = is_own and has_own_lists(model, source)
    trained = model.card["folds"]
    if is_own and folds is None:
        folds = trained
    expected = submission.tested(source.listing, folds)
    member = {key: key[0] if is_own else None for key in expected}
    if is_own and (lacking := sorted({fold for fold, _ in expected} - set(trained))):
        raise AscError(f"model {model.id} has no fold {lacking[0]}; it has {trained}")
    files = [r.file for r in source.listing.recordings] if is_own else [f for _, f in expected]
    entries = identify({file: source.path(file) for file in dict.fromkeys(files)}, jobs, progress)
    remark = (
        require_unseen_by_members(model, source, folds or trained, entries)
        if is_own
        else require_unseen(model, source, entries)
    )
    requests = list(dict.fromkeys((member[key], key[1]) for key in expected))
    devices = {r.file: r.recording_device for r in source.listing.recordings}
    if not model.devices:  # then all recordings share batches
        devices = {}
    predicted = predict_dataset(
        model.id, requests, source, jobs, progress, devices, require_engine(engine)
    )
    probabilities = np.stack([predicted[member[key], key[1]] for key in expected])
    rows = predictions.Predictions(
        labels,
        tuple(file for _, file in expected),
        np.array([fold for fold, _ in expected]),
        np.array([labels.index(r.label) for r in expected.values()]),
        tuple(r.group for r in expected.values()),
        tuple(r.recording_device for r in expected.values()),
        probabilities,
    )
    own = conditions.of_model(model, source, folds, full if is_own else None, entries)
    metric = named(dataset.headline, source.catalog)
    seen, cities = (seen, audit.seen_cities(dataset, source.listing)) if is_own else ({}, {})
    scores = scoring.score(rows, metric, seen, own, dataset, cities)
    scores = replace(scores, remarks=(*scores.remarks, remark))
    return Evaluation(scores, model=model.id, dataset=dataset.name)


def costs(model: models.Model) -> complexity.Costs:
    """Measure parameters, bytes and multiply-accumulates of a member, on one clip, and of one for
    each recording device; of an ensemble the sums over its systems, as all of them run on each
    second of audio."""
    devices = () if model.is_ensemble else model.devices
    general = complexity.together([_costs(system) for system in model.systems()])
    return replace(general, devices={device: _costs(model, device) for device in devices})


def _costs(model: models.Model, device: str | None = None) -> complexity.Costs:
    loaded = ensemble.load(model, model.card["folds"][0], device, TORCH)
    member, grid = loaded.members[0], loaded.clip_grid
    seconds = grid.step_frames * loaded.feature.hop_seconds / (1 + len(loaded.variants))
    n_bands = len(member.standardise.mean)
    n_members = len(model.card["folds"])
    return complexity.measure(module_of(member.network), grid.n_frames, n_bands, seconds, n_members)
