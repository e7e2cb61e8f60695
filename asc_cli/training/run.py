"""A run of all folds: is it finished, and how it is scored and registered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asc_cli.core import atomic, locks
from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset, Listing
from asc_cli.evaluation import predictions, scoring
from asc_cli.evaluation.conditions import Conditions, of_lists, with_exclusions
from asc_cli.evaluation.metrics import Metric, named
from asc_cli.evaluation.predictions import Predictions
from asc_cli.evaluation.published import published
from asc_cli.evaluation.scores import Evaluation, Remark
from asc_cli.frontend import negatives, variant
from asc_cli.frontend.fill import Extraction
from asc_cli.inference import graphs, rejection
from asc_cli.inference.validation import require_usable
from asc_cli.protocol import audit
from asc_cli.protocol.duplicates import repeated
from asc_cli.protocol.fingerprint import fingerprint, fingerprint_0_1
from asc_cli.recipe import load as recipes
from asc_cli.recipe.changes import Change, changes, flat
from asc_cli.recipe.load import Recipe
from asc_cli.registry import card, models, run_files, runs, training_files
from asc_cli.registry.run_files import PREDICTIONS
from asc_cli.registry.runs import fold_folder
from asc_cli.registry.training_files import TrainingFile
from asc_cli.training import fine_tuning, unknown
from asc_cli.training.result import Unfinished
from asc_cli.training.transfer import NOTHING, Transfer, identities, outside_data

CHOSEN_PER_FOLD = Remark(
    "chosen-per-fold",
    "each fold was trained with the settings that were best in inner trainings, which saw nothing "
    "that the fold tests; choice.json has every inner score",
)


def headline_metric(recipe: Recipe, dataset: Dataset) -> Metric:
    """Return the metric that heads the report. Raises AscError if it cannot."""
    name = recipe.evaluation.headline
    return named(dataset.headline if name == "dataset" else name, recipe.catalog)


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
    if metrics is None or not has_model(run, metrics, chosen):
        return None
    try:
        predictions.read(run / PREDICTIONS)
    except AscError:  # missing or damaged: those of the folds are there
        _join_predictions(run, chosen)
    return metrics


def unfinished(run: Path, folds: Sequence[int]) -> tuple[Unfinished, ...]:
    """Return the folds that are not finished, also where other hosts finished them just now."""
    folders = {fold: fold_folder(run, fold) for fold in folds}
    for folder in (run, *folders.values()):
        if folder.is_dir():
            atomic.disk_time(folder)  # after it, a shared folder's names are read again
    return tuple(
        Unfinished(run.name, fold, str(locks.holder(folder) or ""))
        for fold, folder in folders.items()
        if not (folder / PREDICTIONS).exists()
    )


def has_model(run: Path, metrics: Mapping[str, Any], chosen: list[int]) -> bool:
    """Return whether a run's metrics are of the chosen folds, and its model is registered."""
    own_models = {model.id for model in models.models() if model.card.get("run") == run.name}
    folds = [fold["fold"] for fold in metrics.get("folds", [])]
    return folds == chosen and metrics["model"] in own_models


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


def score_and_register(
    run: Path,
    recipe: Recipe,
    extraction: Extraction,
    protocol: Listing,
    chosen: list[int],
    tried: Mapping[str, str] | None = None,
    transfer: Transfer = NOTHING,
) -> tuple[dict[str, Any], Evaluation]:
    """Score the folds together, register their models, and write metrics.json last.

    protocol: The lists with what the recipe excludes. tried: Of a run whose folds have settings of
    their own, each such key and the values that were tried. Its folds are no members of one model,
    so none is registered. transfer: What the folds took from registered models.
    """
    joined = _join_predictions(run, chosen)
    dataset = extraction.source.dataset
    metric = headline_metric(recipe, dataset)
    seen = audit.seen_devices(extraction.source.listing)
    seen_cities = audit.seen_cities(dataset, extraction.source.listing)
    conditions = _conditions(run, recipe, extraction, protocol, chosen, tried or {})
    scores = scoring.score(joined, metric, seen, conditions, dataset, seen_cities)
    if tried:
        scores = replace(scores, remarks=(*scores.remarks, CHOSEN_PER_FOLD))
    taken = [*transfer.remarks(), *fine_tuning.remarks(run, chosen, metric)]
    scores = replace(scores, remarks=(*scores.remarks, *taken))
    metrics = scores.to_dict()
    for key, names in (("seen_devices", seen), ("seen_cities", seen_cities)):
        metrics[key] = {str(fold): sorted(trained) for fold, trained in names.items()}
    sizes = {split.fold: len(split.train) for split in extraction.source.listing.splits}
    metrics["trained_recordings"] = {str(fold): sizes[fold] for fold in chosen}
    if tried:
        metrics["model"] = ""
    else:
        metrics["model"] = _registered(run, recipe, extraction, chosen, metrics, transfer).id
    rows = published(recipe.settings, dataset, metrics, conditions)
    metrics["published"] = [row.to_dict() for row in rows]
    atomic.write_json(run / "metrics.json", metrics)
    rejected = rejection.of_run(run, metrics["model"], joined)
    return metrics, Evaluation(scores, run=str(run), published=rows, rejection=rejected)


def _registered(
    run: Path,
    recipe: Recipe,
    extraction: Extraction,
    chosen: list[int],
    metrics: dict[str, Any],
    transfer: Transfer,
) -> models.Model:
    """Register the folds' networks as the members of one model."""
    data = {
        "fingerprint": fingerprint(extraction.source.listing, extraction.digests),
        "lists": fingerprint_0_1(extraction.source.listing, {}),
    }
    described = extraction.source.dataset.described()
    model_card = card.card(run, recipe, {**described, **data}, metrics)
    model_card["labels"] = list(extraction.source.listing.labels)
    model_card["feature"] = extraction.feature.description()
    if variants := [each.variant.to_dict() for each in extraction.test_variants if each.variant]:
        model_card[variant.CARD_KEY] = variants
    if devices := fine_tuning.devices_of(run, chosen):
        model_card["devices"] = devices
    weights = {fold: fold_folder(run, fold) / "model.safetensors" for fold in chosen}
    model = models.register(
        recipe.name,
        model_card,
        weights,
        training_files.joined(
            [
                *_training_files(extraction, chosen),
                *_negatives(recipe, chosen),
                *transfer.trained_on(),
            ]
        ),
        recipe.catalog.code,
        require_usable,
        statistics={
            fold: path
            for fold in chosen
            if (path := fold_folder(run, fold) / unknown.FILE).exists()
        },
    )
    graphs.ensure_graphs(model)
    return model


def _conditions(
    run: Path,
    recipe: Recipe,
    extraction: Extraction,
    protocol: Listing,
    chosen: list[int],
    tried: Mapping[str, str],
) -> Conditions:
    """Return under which conditions the folds were trained and tested."""
    source, prints = extraction.source, fingerprints(extraction)
    scored = with_exclusions(
        of_lists(source.dataset, source.listing, chosen), protocol, recipe.exclude
    )
    shipped = recipes.load(recipe.shipped).settings if recipe.shipped else recipe.settings
    shipped_values = flat(shipped)
    per_fold = [
        Change(key, f"chosen per fold of {values}", shipped_values.get(key))
        for key, values in tried.items()
    ]
    others = [c for c in changes(recipe.settings, shipped) if c.key not in tried]
    return replace(
        scored,
        folds=tuple(replace(f, validated=_validated(run, recipe, f.fold)) for f in scored.folds),
        recipe=recipe.shipped,
        changed=(*others, *per_fold),
        seed=recipe.training.seed,
        outside_data=outside_data(recipe),
        fingerprint=prints["dataset_fingerprint"],
        fingerprint_0_1=prints["dataset_fingerprint_0_1"],
        lists=prints["lists_fingerprint"],
        audio_compared=True,
        repeated=repeated(source.listing, extraction.audio_digests, chosen),
    )


def _validated(run: Path, recipe: Recipe, fold: int) -> int | None:
    """Return how many recordings a fold's epoch or temperature was chosen on; None for neither."""
    chosen = recipe.training.choose_epoch == "validation"
    path = fold_folder(run, fold) / "validation.json"
    if not path.exists() or not (chosen or recipe.evaluation.calibrate != "none"):
        return None
    return len(atomic.read_json(path, files=list)["files"])


def _training_files(extraction: Extraction, chosen: Sequence[int]) -> Iterator[TrainingFile]:
    """Yield every recording of the run, with the folds that are trained on it."""
    folds: dict[str, list[int]] = defaultdict(list)
    for split in extraction.source.listing.splits:
        for file in split.train if split.fold in chosen else ():
            folds[file].append(split.fold)
    for file, digest in extraction.digests.items():
        yield TrainingFile(digest, extraction.audio_digests[file], tuple(folds[file]))


def _negatives(recipe: Recipe, chosen: Sequence[int]) -> Iterator[TrainingFile]:
    """Yield the recordings of none of the scenes that the members' thresholds depend on."""
    settings = recipe.evaluation.unknown
    for entry in negatives.entries(settings.negatives if settings else None).values():
        yield TrainingFile(entry.digest, entry.audio_digest, tuple(chosen))


def run_of(recipe: Recipe, extraction: Extraction) -> Path:
    """Return the folder of a recipe's run on this data; it may not exist yet.

    A run of version 0.1, whose fingerprint did not count recording devices, goes on in its own
    folder if the devices are the same.
    """
    listing, feature = extraction.source.listing, extraction.feature
    run = runs.run_folder(recipe, *_signed(recipe, extraction))
    data = (fingerprint_0_1(listing, extraction.digests), feature.key)
    old = runs.run_folder_0_1(recipe, *data, key_of_0_1=feature.key_of_0_1)
    return old if old and not run.exists() and _has_devices(old, listing) else run


def signed(run: Path, recipe: Recipe, extraction: Extraction) -> tuple[str, ...]:
    """Return what a run's name is the hash of; () of a run of 0.1, which is named otherwise."""
    parts = _signed(recipe, extraction)
    return parts if run == runs.run_folder(recipe, *parts) else ()


def _signed(recipe: Recipe, extraction: Extraction) -> tuple[str, ...]:
    prints = fingerprint(extraction.source.listing, extraction.digests)
    return (prints, extraction.key, *identities(recipe))


def fingerprints(extraction: Extraction) -> dict[str, str]:
    """Return what environment.json says of the data, to compare runs by."""
    listing, digests = extraction.source.listing, extraction.digests
    return {
        "dataset_fingerprint": fingerprint(listing, digests),
        "dataset_fingerprint_0_1": fingerprint_0_1(listing, digests),
        "lists_fingerprint": fingerprint(listing, {}),
    }


def _has_devices(run: Path, listing: Listing) -> bool:
    """Return whether the predictions of a run name the devices that the lists name."""
    device_of = {recording.file: recording.recording_device for recording in listing.recordings}
    written = [predictions.read(path) for path in run.glob("fold*/predictions.csv")]
    return all(
        device_of.get(file) == device
        for part in written
        for file, device in zip(part.files, part.devices, strict=True)
    )
