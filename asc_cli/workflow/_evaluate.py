"""A run, a model on a dataset, or anybody's predictions of a dataset → trusted metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of_dataset, kind_of_run
from asc_cli.evaluation import predictions, scoring, submission
from asc_cli.inference import ensemble
from asc_cli.inference.dataset import predict_dataset
from asc_cli.inference.leakage import as_trained, lists_fingerprint, require_unseen_recordings
from asc_cli.protocol import audit
from asc_cli.protocol.source import Source, open_source
from asc_cli.registry import models
from asc_cli.registry.runs import find_run, recorded_metrics, require_file
from asc_cli.video import predict


def evaluate(
    what: str | Path,
    *,
    dataset: str | None = None,
    data: Path | None = None,
    subset: int | None = None,
    folds: Sequence[int] | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
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
        All metrics, shares from 0 to 1 and log loss in nats, with the keys that File formats
        lists under "JSON output".

    Raises:
        AscError: There is no such run, model or file, or the predictions are not exactly those
            that the dataset's protocol asks for.
    """
    if dataset is None and data is None:
        if subset is not None or jobs is not None:
            raise AscError("--subset and --jobs: go with --dataset; a run is scored as it was made")
        return of_any_run(what, folds)
    if dataset is not None and kind_of_dataset(dataset) == VIDEOS:
        if folds is not None or subset is not None or Path(what).is_file():
            raise AscError(
                f"evaluate: of {dataset}, a stream of shards, a model's validation part is scored; "
                "it has no folds and no subsets, and takes no file of predictions"
            )
        return predict.evaluate(str(what), dataset, data, jobs, progress)
    require_file(what)
    source = open_source(dataset or "table", data, subset)
    audit.require_consistent(source.dataset, source.listing)
    said, about = (
        of_file(Path(what), source, folds)
        if Path(what).is_file()
        else of_model(str(what), source, folds, jobs, progress)
    )
    seen = audit.seen_devices(source.listing) if about.pop("by_protocol", True) else None
    metrics = scoring.score(said, source.dataset.headline, seen)
    metrics["remarks"] += about.pop("remarks", [])
    return {**about, "dataset": source.dataset.name, "scene_names": list(said.scenes), **metrics}


def of_any_run(run: str | Path, folds: Sequence[int] | None = None) -> dict[str, Any]:
    """Of a run of videos: what was recorded, epoch by epoch; it keeps no predictions."""
    folder = find_run(run)
    recorded = recorded_metrics(folder)
    if kind_of_run(folder) != VIDEOS:
        return of_run(folder, folds)
    if folds is not None:
        raise AscError(f"--folds: run {folder.name} is of a stream of shards, without folds")
    return {"run": str(folder), **recorded}


def of_run(run: str | Path, folds: Sequence[int] | None = None) -> dict[str, Any]:
    """Computed from predictions.csv, not read from metrics.json; of some folds alone, if given."""
    folder = find_run(run)
    known = recorded_metrics(folder)
    if kind_of_run(folder) == VIDEOS:
        raise AscError(
            f"run {folder.name}: of videos with many labels, not of scenes; asc evaluate "
            f"{folder.name} shows its figures"
        )
    seen = {int(fold): frozenset(its) for fold, its in known.get("seen_devices", {}).items()}
    said = predictions.read(folder / "predictions.csv")
    if folds is not None:
        there = sorted(set(said.folds.tolist()))
        if strange := sorted(set(folds) - set(there)):
            raise AscError(f"--folds: run {folder.name} has no fold {strange[0]}; it has {there}")
        said = said.take(np.isin(said.folds, folds))
    metrics = scoring.score(said, known["headline"], seen)
    metrics["published"] = known.get("published", [])
    return {"run": str(folder), "scene_names": list(metrics["scenes"]), **metrics}


def of_file(
    path: Path, source: Source, folds: Sequence[int] | None
) -> tuple[predictions.Predictions, dict[str, Any]]:
    """Anybody's predictions, refused unless they are of exactly what the protocol tests."""
    expected = submission.tested(source.listing, folds)
    return submission.read(path, source.listing.labels, expected), {"predictions": str(path)}


def of_model(
    reference: str,
    source: Source,
    folds: Sequence[int] | None,
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[predictions.Predictions, dict[str, Any]]:
    """A registered model on a dataset; each recording is heard only by members that may hear it.

    On the dataset it was trained on, fold k's recordings are given to fold k's member alone. On
    another, all members answer, and their probabilities are averaged as in asc predict.
    """
    model = models.find(reference)
    ensemble.require_scenes(model)
    labels = tuple(model.card["labels"])
    if strange := [label for label in source.listing.labels if label not in labels]:
        raise AscError(
            f"model {model.id} does not know the scene {strange[0]!r} of {source.dataset.name}; "
            f"it knows {', '.join(labels)}"
        )
    if its_own := model.card["dataset"]["name"] == source.dataset.name:
        source = as_trained(model, source)
    if its_own := its_own and model.card["dataset"]["lists"] == lists_fingerprint(source):
        remarks = ["fold k's recordings were given to fold k's member, which never heard them"]
    else:
        remarks = require_unseen_recordings(model, source, folds)
    trained = model.card["folds"]
    if its_own and folds is None:
        folds = trained
    expected = submission.tested(source.listing, folds)
    member = {key: key[0] if its_own else None for key in expected}
    if its_own and (lacking := sorted({fold for fold, _ in expected} - set(trained))):
        raise AscError(f"model {model.id} has no fold {lacking[0]}; it has {trained}")
    asked = list(dict.fromkeys((member[key], key[1]) for key in expected))
    heard = predict_dataset(model.id, asked, source, jobs, progress)
    scores = np.stack([heard[member[key], key[1]] for key in expected])
    said = predictions.Predictions(
        labels,
        tuple(file for _, file in expected),
        np.array([fold for fold, _ in expected]),
        np.array([labels.index(r.label) for r in expected.values()]),
        tuple(r.group for r in expected.values()),
        tuple(r.recording_device for r in expected.values()),
        scores,
    )
    return said, {"model": model.id, "remarks": remarks, "by_protocol": its_own}
