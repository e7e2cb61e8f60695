"""Score a run, a model on a dataset, or a file of predictions of any system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of_dataset, kind_of_run
from asc_cli.evaluation import predictions, scoring, submission
from asc_cli.evaluation.metrics import named
from asc_cli.evaluation.scores import Scores
from asc_cli.inference import ensemble
from asc_cli.inference.dataset import predict_dataset
from asc_cli.inference.leakage import as_trained, lists_fingerprint, require_unseen_recordings
from asc_cli.protocol import audit
from asc_cli.protocol.source import Source, open_source
from asc_cli.registry import models
from asc_cli.registry.runs import find_run, recorded_metrics, require_file
from asc_cli.video import predict
from asc_cli.video.predict import VideoEvaluation


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a run, of a model on a dataset, or of a file of predictions.

    `evaluation["accuracy"]` is the value of a key of `to_dict()`.

    Attributes:
        scores: All metrics.
        run: The run's folder; None for a model or a file.
        model: The model, NAME@VERSION; None for a run or a file.
        predictions: The file of predictions; None for a run or a model.
        dataset: The dataset's name; None for a run.
        published: Published figures beside ours: metric, theirs, ours and source of each; None
            for a model or a file.
    """

    scores: Scores
    run: str | None = None
    model: str | None = None
    predictions: str | None = None
    dataset: str | None = None
    published: list[dict[str, str]] | None = None

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key]

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc evaluate --json` prints.

        Returns:
            Whose metrics they are, the scenes' names, and the metrics.
        """
        about = {
            "run": self.run,
            "model": self.model,
            "predictions": self.predictions,
            "dataset": self.dataset,
        }
        published = {} if self.published is None else {"published": self.published}
        return {
            **{key: value for key, value in about.items() if value is not None},
            "scene_names": list(self.scores.scenes),
            **self.scores.to_dict(),
            **published,
        }


def evaluate(
    what: str | Path,
    *,
    dataset: str | None = None,
    data: Path | None = None,
    subset: int | None = None,
    folds: Sequence[int] | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation | VideoEvaluation:
    """Score a run; or, with a dataset, a model or a CSV file of predictions on that dataset.

    A run's metrics are computed from its predictions. Of a run on videos, which keeps none, the
    recorded figures of its epochs are returned; of a model on a dataset of shards, GAP, Hit@1 and
    PERR on its validation part.

    Args:
        what: A run's folder or name (a recipe's name is its newest run); with a dataset: a model
            NAME or NAME@VERSION, or a CSV file.
        dataset: The dataset to score on; None: the run's own.
        data: Where the dataset is; $ASC_DATA/NAME when None. Without `dataset`: a CSV table of
            recordings of your own.
        subset: Score the protocol of a published subset, in per cent.
        folds: Score these folds alone, from 1; all when None.
        jobs: Worker processes that predict; one per processor when None.
        progress: Called with (done, all) as recordings are predicted.

    Returns:
        All metrics, shares from 0 to 1 and log loss in nats; of videos, a VideoEvaluation.

    Raises:
        AscError: There is no such run, model or file, or the predictions are not exactly those
            that the dataset's protocol asks for.
    """
    if dataset is None and data is None:
        if subset is not None or jobs is not None:
            raise AscError(
                "--subset and --jobs: only with --dataset; a run is scored on its own protocol"
            )
        return of_any_run(what, folds)
    require_file(what)
    is_file = Path(what).is_file()
    catalog = plugins.Catalog() if is_file else _catalog_of(str(what))
    if dataset is not None and kind_of_dataset(dataset, catalog) == VIDEOS:
        if folds is not None or subset is not None or is_file:
            raise AscError(
                f"evaluate: of {dataset}, a stream of shards, a model's validation part is scored; "
                "it has no folds and no subsets, and takes no file of predictions"
            )
        return predict.evaluate(str(what), dataset, data, jobs, progress)
    source = open_source(dataset or "table", data, subset, catalog)
    audit.require_consistent(source.dataset, source.listing)
    if is_file:
        return of_file(Path(what), source, folds)
    return of_model(str(what), source, folds, jobs, progress)


def _catalog_of(reference: str) -> plugins.Catalog:
    """Return the catalogue with the model's own code; without, where the model is unknown."""
    try:
        model = models.find(reference)
    except AscError:  # raised again by `of_model`, after the dataset was checked
        return plugins.Catalog()
    return plugins.Catalog(models.catalog(model).code)


def of_any_run(run: str | Path, folds: Sequence[int] | None = None) -> Evaluation | VideoEvaluation:
    """Score a run; of a run of videos, which keeps no predictions, return its recorded figures."""
    folder = find_run(run)
    recorded = recorded_metrics(folder)
    if kind_of_run(folder) != VIDEOS:
        return of_run(folder, folds)
    if folds is not None:
        raise AscError(f"--folds: run {folder.name} is of a stream of shards, without folds")
    return VideoEvaluation(recorded, run=str(folder))


def of_run(run: str | Path, folds: Sequence[int] | None = None) -> Evaluation:
    """Score a run's predictions.csv, of some folds alone if given; metrics.json is not read."""
    folder = find_run(run)
    recorded = recorded_metrics(folder)
    if kind_of_run(folder) == VIDEOS:
        raise AscError(
            f"run {folder.name}: of videos with many labels, not of scenes; asc evaluate "
            f"{folder.name} shows its figures"
        )
    seen = {
        int(fold): frozenset(devices) for fold, devices in recorded.get("seen_devices", {}).items()
    }
    rows = predictions.read(folder / "predictions.csv")
    if folds is not None:
        available = sorted(set(rows.folds.tolist()))
        if unknown := sorted(set(folds) - set(available)):
            raise AscError(
                f"--folds: run {folder.name} has no fold {unknown[0]}; it has {available}"
            )
        rows = rows.take(np.isin(rows.folds, folds))
    metric = named(recorded["headline"], plugins.beside(folder / "recipe.yaml"))
    scores = scoring.score(rows, metric, seen)
    return Evaluation(scores, run=str(folder), published=recorded.get("published", []))


def of_file(path: Path, source: Source, folds: Sequence[int] | None) -> Evaluation:
    """Score a file of predictions, which must be of exactly the protocol's test recordings."""
    expected = submission.tested(source.listing, folds)
    submitted = submission.read(path, source.listing.labels, expected)
    seen = audit.seen_devices(source.listing)
    scores = scoring.score(submitted, named(source.dataset.headline, source.catalog), seen)
    return Evaluation(scores, predictions=str(path), dataset=source.dataset.name)


def of_model(
    reference: str,
    source: Source,
    folds: Sequence[int] | None,
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
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
    if is_own := model.card["dataset"]["name"] == source.dataset.name:
        source = as_trained(model, source)
    if is_own := is_own and model.card["dataset"]["lists"] == lists_fingerprint(source):
        remarks = [
            "fold k's recordings were predicted by fold k's member, which was not trained on them"
        ]
    else:
        remarks = require_unseen_recordings(model, source, folds)
    trained = model.card["folds"]
    if is_own and folds is None:
        folds = trained
    expected = submission.tested(source.listing, folds)
    member = {key: key[0] if is_own else None for key in expected}
    if is_own and (lacking := sorted({fold for fold, _ in expected} - set(trained))):
        raise AscError(f"model {model.id} has no fold {lacking[0]}; it has {trained}")
    requests = list(dict.fromkeys((member[key], key[1]) for key in expected))
    predicted = predict_dataset(model.id, requests, source, jobs, progress)
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
    scores = scoring.score(rows, named(dataset.headline, source.catalog), seen if is_own else None)
    scores = replace(scores, remarks=(*scores.remarks, *remarks))
    return Evaluation(scores, model=model.id, dataset=dataset.name)
