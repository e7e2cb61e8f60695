"""Score a run, a model on a dataset, or a file of predictions of any system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of_dataset, kind_of_run
from asc_cli.evaluation.scores import Evaluation
from asc_cli.inference.evaluate import of_file, of_model, of_run
from asc_cli.inference.member import AUTO
from asc_cli.protocol import audit
from asc_cli.protocol.source import open_source
from asc_cli.registry import models
from asc_cli.registry.runs import find_run, recorded_metrics, require_file
from asc_cli.video import predict
from asc_cli.video.predict import VideoEvaluation


def evaluate(
    what: str | Path,
    *,
    dataset: str | None = None,
    data: Path | None = None,
    subset: int | None = None,
    folds: Sequence[int] | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    engine: str = AUTO,
    unknown: Path | None = None,
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
        engine: What answers for a model: auto, or torch.
        unknown: Of a run: a folder with recordings of none of the scenes, which its model scores.

    Returns:
        All metrics, shares from 0 to 1 and log loss in nats; of videos, a VideoEvaluation.

    Raises:
        AscError: There is no such run, model or file, or the predictions are not exactly those
            that the dataset's protocol asks for.
    """
    if dataset is None and data is None:
        if subset is not None or (jobs is not None and unknown is None):
            raise AscError(
                "--subset and --jobs: only with --dataset; a run is scored on its own protocol"
            )
        return of_any_run(what, folds, unknown, jobs=jobs, progress=progress)
    if unknown is not None:
        raise AscError("--unknown: of a run, which has its data; without --dataset and --data")
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
    return of_model(str(what), source, folds, jobs, progress, engine)


def _catalog_of(reference: str) -> plugins.Catalog:
    """Return the catalogue with the model's own code; without, where the model is unknown."""
    try:
        model = models.find(reference)
    except AscError:  # raised again by `of_model`, after the dataset was checked
        return plugins.Catalog()
    return plugins.Catalog(models.catalog(model).code)


def of_any_run(
    run: str | Path, folds: Sequence[int] | None = None, unknown: Path | None = None, **how: Any
) -> Evaluation | VideoEvaluation:
    """Score a run; of a run of videos, which keeps no predictions, return its recorded figures."""
    folder = find_run(run)
    recorded = recorded_metrics(folder)
    if kind_of_run(folder) != VIDEOS:
        return of_run(folder, folds, unknown, **how)
    if unknown is not None:
        raise AscError(f"--unknown: run {folder.name} is of videos, which have no statistics")
    if folds is not None:
        raise AscError(f"--folds: run {folder.name} is of a stream of shards, without folds")
    return VideoEvaluation(recorded, run=str(folder))
