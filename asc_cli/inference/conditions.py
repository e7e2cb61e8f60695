"""The conditions of a score: of a run, a registered model, or a file of predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset
from asc_cli.evaluation import conditions
from asc_cli.evaluation.conditions import Conditions, FoldConditions
from asc_cli.evaluation.predictions import Predictions
from asc_cli.frontend.identify import audio_digests, indexed
from asc_cli.frontend.index import Entry
from asc_cli.protocol.duplicates import repeated, require_no_shared_audio
from asc_cli.protocol.source import Source, of_subset
from asc_cli.recipe import load as recipes
from asc_cli.recipe.changes import changes
from asc_cli.registry import models, run_files
from asc_cli.registry.run_files import SETTINGS
from asc_cli.registry.runs import recipe_of


def of_run(folder: Path, recorded: Mapping[str, Any], rows: Predictions) -> Conditions:
    """Return the conditions that a run recorded; of a run of 0.1, those that can be inferred."""
    if "conditions" in recorded:
        return conditions.read(recorded["conditions"])
    settings = run_files.settings(folder)
    dataset = dataset_of(folder, settings)
    trained = {int(fold): n for fold, n in recorded.get("trained_recordings", {}).items()}
    sizes = dict(enumerate(dataset.fold_sizes, start=1))
    folds = tuple(
        FoldConditions(
            fold,
            n,
            trained.get(fold),
            published_tested=sizes.get(fold, (None, None))[1],
            published_trained=sizes.get(fold, (None, None))[0],
        )
        for fold, n in sorted(Counter(rows.folds.tolist()).items())
    )
    environment = run_files.environment(folder)
    excluded = len(settings.get("exclude", ()))
    return _with_settings(
        Conditions(
            dataset.name,
            folds,
            len(dataset.fold_sizes) or None,
            excluded=excluded,
            excluded_tested=None if excluded else 0,
            fingerprint_0_1=environment.get("dataset_fingerprint"),
        ),
        recipe_of(folder),
        settings,
    )


def dataset_of(folder: Path, settings: Mapping[str, Any]) -> Dataset:
    """Return what was published about a run's dataset, or about the subset that it uses."""
    module = plugins.beside(folder / SETTINGS).load("datasets", settings["dataset"])
    subset = settings.get("subset")
    return module.DATASET if subset is None else of_subset(module.DATASET, subset)


def of_file(source: Source, folds: Sequence[int] | None) -> Conditions:
    """Return the conditions of another system's score on a dataset.

    Its training data are not known; but where the index knows the audio of the lists, equal audio
    on both sides of a fold raises AscError, as it does in training.
    """
    splits = [s for s in source.listing.splits if folds is None or s.fold in folds]
    files = dict.fromkeys(file for split in splits for file in (*split.train, *split.test))
    entries = indexed({file: source.path(file) for file in files})
    audio = audio_digests(entries)
    numbers = {split.fold for split in splits}
    require_no_shared_audio(source.dataset.name, source.listing, source.audio_root, audio, numbers)
    scored = conditions.of_lists(source.dataset, source.listing, folds, trained=False)
    n_repeated = repeated(source.listing, audio, numbers)
    return replace(scored, audio_compared=len(audio) == len(files), repeated=n_repeated)


def of_model(
    model: models.Model,
    source: Source,
    folds: Sequence[int] | None,
    full: Source | None,
    entries: Mapping[str, Entry],
) -> Conditions:
    """Return the conditions of a model's score on a dataset.

    full: Of the model's own dataset, the lists with what its recipe excludes; else None. entries:
    Of the tested files.
    """
    is_own = full is not None
    scored = conditions.of_lists(source.dataset, source.listing, folds, trained=is_own)
    if full is not None:
        scored = conditions.with_exclusions(
            scored, full.listing, model.card["recipe"].get("exclude", ())
        )
    if recorded := model.card.get("conditions"):
        trained = conditions.read(recorded)
        scored = replace(
            scored,
            recipe=trained.recipe,
            changed=trained.changed,
            seed=trained.seed,
            outside_data=trained.outside_data,
        )
    else:
        scored = _with_settings(scored, model.card["name"], model.card["recipe"])
    n_repeated = repeated(source.listing, audio_digests(entries), {f.fold for f in scored.folds})
    return replace(scored, audio_compared=True, repeated=n_repeated)


def _with_settings(scored: Conditions, name: str, settings: Mapping[str, Any]) -> Conditions:
    """Add the settings' differences from the shipped recipe of this name, and the seed."""
    seed = (settings.get("training") or {}).get("seed")
    if name not in plugins.recipe_names():
        return replace(scored, seed=seed)
    try:
        own_settings = recipes.from_settings(name, dict(settings)).settings  # defaults filled in
    except AscError:  # keys that this version does not know; compared as they are
        own_settings = dict(settings)
    return replace(
        scored, recipe=name, changed=changes(own_settings, recipes.load(name).settings), seed=seed
    )
