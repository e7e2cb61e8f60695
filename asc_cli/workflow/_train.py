"""Train a recipe: fit all folds, score them, register the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, parallel
from asc_cli.core.device import resolve_device
from asc_cli.core.errors import AscError
from asc_cli.core.kind import VIDEOS, kind_of
from asc_cli.evaluation import predictions, scoring
from asc_cli.evaluation.metrics import named
from asc_cli.evaluation.published import published
from asc_cli.frontend import store
from asc_cli.frontend.fill import Extraction, fill
from asc_cli.protocol import audit
from asc_cli.protocol.source import exclude, open_source
from asc_cli.recipe.load import Recipe, resolved
from asc_cli.registry import card as _run
from asc_cli.registry import models, runs
from asc_cli.registry.runs import fold_folder
from asc_cli.training import fold as _fold
from asc_cli.training.watch import watching
from asc_cli.workflow import _report
from asc_cli.workflow._evaluate import Evaluation

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
    source = exclude(
        open_source(recipe.dataset, data or recipe.data, recipe.subset, recipe.catalog),
        recipe.exclude,
    )
    audit.require(source.dataset, source.listing)
    chosen = _chosen(folds, [split.fold for split in source.listing.splits])
    extraction = fill(source, recipe, jobs, False, extracting)
    _require_complete(extraction)
    fingerprint = audit.fingerprint(source.listing, extraction.digests)
    run = runs.run_folder(recipe, fingerprint, extraction.feature.key)
    finished = _finished(run, chosen)
    if finished is None:
        runs.describe(run, recipe, source.audio_root, fingerprint, resolve_device(device))
        digests = list(dict.fromkeys(extraction.digests.values()))
        pack = store.pack(extraction.feature, digests, source.dataset.name, packing)
        tasks = [(t,) for t in _fold.tasks(recipe, extraction, pack, run, chosen, device)]
        with watching(run, chosen, fitting):
            for _ in parallel.map_unordered(_fold.fit, tasks, jobs):
                pass
        # another process may have finished the same run by now
        finished = _finished(run, chosen) or _conclude(run, recipe, extraction, chosen, fingerprint)
    return Training(run, finished["model"], finished, time.monotonic() - started)


def _chosen(folds: Sequence[int] | None, available: list[int]) -> list[int]:
    if folds is None:
        return available
    if unknown := sorted(set(folds) - set(available)):
        raise AscError(
            f"--folds: there is no fold {unknown[0]}; there are {available[0]} to {available[-1]}"
        )
    return sorted(set(folds))


def _require_complete(extraction: Extraction) -> None:
    """Raise AscError if a file has no features: results on the rest would not be comparable."""
    if extraction.failed:
        listed = "\n".join(f"  {fault}" for fault in extraction.failed)
        raise AscError(
            f"{extraction.source.dataset.name}: {len(extraction.failed)} file(s) have no features; "
            f"fix them, or list them in the recipe under exclude:\n{listed}"
        )


def _finished(run: Path, chosen: list[int]) -> dict[str, Any] | None:
    """Return the metrics of a run with all chosen folds and a registered model; else None."""
    path = run / "metrics.json"
    if not path.exists():
        return None
    metrics = atomic.read_json(path)
    if [fold["fold"] for fold in metrics["folds"]] != chosen:
        return None
    own_models = {model.id for model in models.models() if model.card.get("run") == run.name}
    return metrics if metrics["model"] in own_models else None


def _conclude(
    run: Path, recipe: Recipe, extraction: Extraction, chosen: list[int], fingerprint: str
) -> dict[str, Any]:
    """Score the folds together, register their models, and write metrics.json last."""
    joined = predictions.join(
        [predictions.read(fold_folder(run, fold) / "predictions.csv") for fold in chosen]
    )
    predictions.write(run / "predictions.csv", joined)
    dataset = extraction.source.dataset
    headline = recipe.evaluation.headline
    metric = named(dataset.headline if headline == "dataset" else headline, recipe.catalog)
    seen = audit.seen_devices(extraction.source.listing)
    scores = scoring.score(joined, metric, seen)
    metrics = scores.to_dict()
    metrics["seen_devices"] = {str(fold): sorted(devices) for fold, devices in seen.items()}
    sizes = {split.fold: len(split.train) for split in extraction.source.listing.splits}
    metrics["trained_recordings"] = {str(fold): sizes[fold] for fold in chosen}
    lists = audit.fingerprint(extraction.source.listing, {})
    card = _run.card(run, recipe, dataset, {"fingerprint": fingerprint, "lists": lists}, metrics)
    card["labels"] = list(extraction.source.listing.labels)
    card["feature"] = extraction.feature.description()
    members = {fold: fold_folder(run, fold) / "model.safetensors" for fold in chosen}
    digests = set(extraction.digests.values())
    metrics["model"] = models.register(recipe.name, card, members, digests, recipe.catalog.code).id
    metrics["published"] = published(recipe, dataset, metrics)
    atomic.write_json(run / "metrics.json", metrics)
    evaluation = Evaluation(scores, run=str(run), published=metrics["published"])
    _report.write_page(run / "report.html", run, evaluation)
    return metrics
