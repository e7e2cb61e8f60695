"""A run of all folds: is it finished, and how it is scored and registered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli.core import atomic
from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset
from asc_cli.evaluation import predictions, scoring
from asc_cli.evaluation.metrics import Metric, named
from asc_cli.evaluation.predictions import Predictions
from asc_cli.evaluation.published import published
from asc_cli.evaluation.scores import Evaluation
from asc_cli.frontend.fill import Extraction
from asc_cli.protocol import audit
from asc_cli.recipe.load import Recipe
from asc_cli.registry import card, models, run_files
from asc_cli.registry.run_files import PREDICTIONS
from asc_cli.registry.runs import fold_folder

# what `asc train --json` prints of metrics.json: of recordings, of videos, of both
FIGURES = ("folds", "accuracy", "macro_accuracy", "fold_class_accuracy", "macro_f1", "log_loss")
VIDEO_FIGURES = ("epochs", "epoch", "gap", "hit_at_1", "perr", "videos", "positives", "examples")
ALL_FIGURES = ("headline", "aggregation", "error", "intervals", "failed", "published", "remarks")


@dataclass(frozen=True)
class Training:
    """A finished run.

    Attributes:
        run: Its folder.
        model: Its model in the registry, NAME@VERSION.
        metrics: What metrics.json holds, shares from 0 to 1; `metrics["headline"]` names the
            metric whose complement is `metrics["error"]`.
        wall_seconds: Of this call: near 0 when the run was finished already.
    """

    run: Path
    model: str
    metrics: dict[str, Any]
    wall_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc train --json` prints.

        Returns:
            The run, the model, the figures without those of single recordings, the wall time.
        """
        keys: tuple[str, ...] = (*FIGURES, *VIDEO_FIGURES, *ALL_FIGURES)
        if outside := self.metrics.get("metric_from_outside"):
            keys = (*keys, outside["name"], "metric_from_outside")
        figures = {key: self.metrics[key] for key in keys if key in self.metrics}
        wall = round(self.wall_seconds, 3)
        return {"run": str(self.run), "model": self.model, **figures, "wall_seconds": wall}


def chosen_folds(folds: Sequence[int] | None, available: list[int]) -> list[int]:
    if folds is None:
        return available
    if unknown := sorted(set(folds) - set(available)):
        raise AscError(
            f"--folds: there is no fold {unknown[0]}; there are {available[0]} to {available[-1]}"
        )
    return sorted(set(folds))


def headline_metric(recipe: Recipe, dataset: Dataset) -> Metric:
    """Return the metric that heads the report. Raises AscError if it cannot."""
    name = recipe.evaluation.headline
    return named(dataset.headline if name == "dataset" else name, recipe.catalog)


def require_no_shared_audio(extraction: Extraction) -> None:
    """Raise AscError if a fold tests a recording that it trains on, under whatever name."""
    for split in extraction.source.listing.splits:
        trained = {extraction.digests[file]: file for file in split.train}
        shared = [(file, trained.get(extraction.digests[file])) for file in split.test]
        pairs = [(tested, other) for tested, other in shared if other is not None]
        if pairs:
            (tested, other), name = pairs[0], extraction.source.dataset.name
            raise AscError(
                f"{name}: fold {split.fold} would train on {len(pairs)} of its test recordings: "
                f"{tested} holds the same bytes as {other}; correct the lists, or list one of each "
                "pair in the recipe under exclude"
            )


def require_complete(extraction: Extraction) -> None:
    """Raise AscError if a file has no features: results on the rest would not be comparable."""
    if extraction.failed:
        listed = "\n".join(f"  {fault}" for fault in extraction.failed)
        raise AscError(
            f"{extraction.source.dataset.name}: {len(extraction.failed)} file(s) have no features; "
            f"fix them, or list them in the recipe under exclude:\n{listed}"
        )


def finished_metrics(run: Path, chosen: list[int]) -> dict[str, Any] | None:
    """Return the metrics of a run with all chosen folds and a registered model; else None."""
    metrics = run_files.metrics(run)
    if metrics is None or [fold["fold"] for fold in metrics.get("folds", [])] != chosen:
        return None
    own_models = {model.id for model in models.models() if model.card.get("run") == run.name}
    if metrics["model"] not in own_models:
        return None
    try:
        predictions.read(run / PREDICTIONS)
    except AscError:  # missing or damaged: those of the folds are there
        _join_predictions(run, chosen)
    return metrics


def _join_predictions(run: Path, chosen: list[int]) -> Predictions:
    """Write the run's predictions.csv from those of its folds."""
    parts = []
    for fold in chosen:
        path = fold_folder(run, fold) / PREDICTIONS
        try:
            parts.append(predictions.read(path))
        except AscError as fault:
            raise AscError(
                f"{fault}; if {path} is removed, the same asc train command writes it again"
            ) from fault
    joined = predictions.join(parts)
    predictions.write(run / PREDICTIONS, joined)
    return joined


def conclude(
    run: Path, recipe: Recipe, extraction: Extraction, chosen: list[int], fingerprint: str
) -> tuple[dict[str, Any], Evaluation]:
    """Score the folds together, register their models, and write metrics.json last."""
    joined = _join_predictions(run, chosen)
    dataset = extraction.source.dataset
    metric = headline_metric(recipe, dataset)
    seen = audit.seen_devices(extraction.source.listing)
    scores = scoring.score(joined, metric, seen)
    metrics = scores.to_dict()
    metrics["seen_devices"] = {str(fold): sorted(devices) for fold, devices in seen.items()}
    sizes = {split.fold: len(split.train) for split in extraction.source.listing.splits}
    metrics["trained_recordings"] = {str(fold): sizes[fold] for fold in chosen}
    lists = audit.fingerprint(extraction.source.listing, {})
    model_card = card.card(
        run, recipe, dataset, {"fingerprint": fingerprint, "lists": lists}, metrics
    )
    model_card["labels"] = list(extraction.source.listing.labels)
    model_card["feature"] = extraction.feature.description()
    weights = {fold: fold_folder(run, fold) / "model.safetensors" for fold in chosen}
    digests = set(extraction.digests.values())
    metrics["model"] = models.register(
        recipe.name, model_card, weights, digests, recipe.catalog.code
    ).id
    metrics["published"] = published(recipe, dataset, metrics)
    atomic.write_json(run / "metrics.json", metrics)
    return metrics, Evaluation(scores, run=str(run), published=metrics["published"])
