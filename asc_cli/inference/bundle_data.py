"""What a bundle states of its data: scenes, numbers, lists, labels and audio of a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset
from asc_cli.evaluation.predictions import Predictions
from asc_cli.frontend.identify import identify
from asc_cli.inference.bundle_checks import STATED, Check, checked, few
from asc_cli.protocol.fingerprint import fingerprint, fingerprint_0_1
from asc_cli.protocol.source import Source, exclude, open_source

Counting = Callable[[int, int], None]


def scenes(dataset: Dataset, rows: Predictions) -> Check:
    """Compare the scenes of the predictions with the dataset's."""
    if not dataset.labels:
        return Check("scenes", STATED, f"{dataset.name} has no scenes of its own to compare with")
    return checked(
        "scenes",
        rows.scenes == dataset.labels,
        f"the {len(rows.scenes)} scenes are those of {dataset.title}, in their order",
        f"the scenes are not those of {dataset.title}",
    )


def sizes(dataset: Dataset, n_excluded: int, rows: Predictions) -> Check:
    """Compare numbers of recordings with the published ones, which asc has of each dataset."""
    if not dataset.fold_sizes:
        text = f"the numbers of recordings of {dataset.name} are not published"
        return Check("sizes", STATED, text)
    published_sizes = {n: test for n, (_, test) in enumerate(dataset.fold_sizes, start=1)}
    counted = Counter(rows.folds.tolist())
    unlike = [
        f"fold {fold} tests {n} recordings, not {published_sizes.get(fold, 'any')}"
        for fold, n in sorted(counted.items())
        if n != published_sizes.get(fold)
    ]
    labels = dict(zip(rows.files, rows.labels.tolist(), strict=True))
    if dataset.scene_sizes and len(labels) == dataset.recordings:
        by_scene = Counter(labels.values())
        sizes = tuple(by_scene[n] for n in range(len(rows.scenes)))
        if sizes != dataset.scene_sizes:
            unlike.append("the scenes have other numbers of recordings than published")
    n_folds = len(dataset.fold_sizes)
    if unlike and n_excluded:
        text = f"{n_excluded} recording(s) are left out by the recipe: {few(unlike)}"
        return Check("sizes", STATED, text)
    return checked(
        "sizes",
        not unlike,
        f"each of the {len(counted)} tested fold(s), of {n_folds}, has as many recordings as "
        "published",
        few(unlike),
    )


def protocol(
    settings: Mapping[str, Any],
    environment: Mapping[str, Any],
    rows: Predictions,
    data: Path | None,
    jobs: int | None,
    progress: Counting | None,
) -> Iterator[Check]:
    """Compare lists, labels and audio with the dataset's, if it is on this machine."""
    name, subset = settings["dataset"], settings.get("subset")
    try:
        source = open_source(name, data, subset)
        files = source.listing.by_file()
        source = exclude(source, tuple(f for f in settings.get("exclude", ()) if f in files))
    except AscError as fault:
        if data is not None:
            raise
        reason = str(fault).partition("\n")[0].partition(". ")[0]
        text = f"lists, labels and audio were not compared ({reason}); --data PATH says where it is"
        yield Check("lists", STATED, text)
        return
    yield _lists(source, environment)
    yield _labels(source, rows)
    yield _audio(source, environment, jobs, progress)


def _lists(source: Source, environment: Mapping[str, Any]) -> Check:
    stated = environment.get("lists_fingerprint")
    if not isinstance(stated, str):
        return Check("lists", STATED, "the fingerprint of the lists is not recorded")
    return checked(
        "lists",
        stated == fingerprint(source.listing, {}),
        f"labels, groups and folds, with the training parts, are those at {source.root}",
        f"the lists differ from those at {source.root}",
    )


def _labels(source: Source, rows: Predictions) -> Check:
    """Compare which recordings each fold tests, and their labels."""
    labels = {file: recording.label for file, recording in source.listing.by_file().items()}
    listed = {split.fold: {*split.test} for split in source.listing.splits}
    unlike = []
    for fold in sorted({*rows.folds.tolist()}):
        own = {file for file, n in zip(rows.files, rows.folds.tolist(), strict=True) if n == fold}
        if own != listed.get(fold, set(labels) if not listed else set()):
            unlike.append(f"fold {fold} tests other recordings")
    wrong = [
        file
        for file, label in zip(rows.files, rows.labels.tolist(), strict=True)
        if labels.get(file, rows.scenes[label]) != rows.scenes[label]
    ]
    if wrong:
        unlike.append(f"{len(wrong)} label(s) are others, such as that of {wrong[0][:80]}")
    return checked(
        "labels",
        not unlike,
        "each fold's predictions are of exactly the recordings that the lists test, with their "
        "labels",
        few(unlike),
    )


def _audio(
    source: Source, environment: Mapping[str, Any], jobs: int | None, progress: Counting | None
) -> Check:
    listing = source.listing
    files = dict.fromkeys(recording.file for recording in listing.recordings)
    entries = identify({file: source.path(file) for file in files}, jobs, progress)
    if missing := [file for file in files if file not in entries]:
        text = f"{len(missing)} recording(s) cannot be read here, such as {missing[0][:80]}"
        return Check("audio", STATED, text)
    digests = {file: entry.digest for file, entry in entries.items()}
    prints = (fingerprint(listing, digests), fingerprint_0_1(listing, digests))
    return checked(
        "audio",
        environment.get("dataset_fingerprint") in prints,
        f"the audio of all {len(files)} recordings is, byte for byte, that at {source.audio_root}",
        f"the audio, or the lists, differ from those at {source.audio_root}",
    )
