"""Recordings → the feature store."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli.core import parallel
from asc_cli.core.errors import FileFault
from asc_cli.frontend import store
from asc_cli.frontend.feature import StoredFeature, probe, resolve
from asc_cli.frontend.index import Entry, Index
from asc_cli.protocol.source import Source, open_source
from asc_cli.recipe.load import Recipe, resolved

INDEX_SECONDS = 5.0  # how often what was hashed is written down, against a kill
BATCH_BYTES = 2_000_000  # of audio that a worker gets at a time, so that small files cost little
BATCH_FILES = 128
FEW_BATCHES = 8  # so few are computed before worker processes would have started


@dataclass(frozen=True)
class Extraction:
    """The features of a dataset's recordings, in the store.

    Attributes:
        source: The dataset on this machine.
        feature: The feature with all its parameters.
        digests: File → SHA-256 of its bytes, which names its features in the store.
        computed: How many recordings' features were computed by this call.
        reused: How many were in the store already.
        failed: Files without features, each with the reason.
        audio_seconds: Length of all recordings that have features.
        wall_seconds: Of this call.
    """

    source: Source
    feature: StoredFeature
    digests: dict[str, str]
    computed: int
    reused: int
    failed: list[FileFault]
    audio_seconds: float
    wall_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc features --json` prints.

        Returns:
            Names, counts, failed files with their reasons, and seconds.
        """
        return {
            "dataset": self.source.dataset.name,
            "feature": f"{self.feature.name}-{self.feature.key}",
            "recordings": len({r.file for r in self.source.listing.recordings}),
            "computed": self.computed,
            "reused": self.reused,
            "failed": [{"file": str(f.path), "error": f.reason} for f in self.failed],
            "audio_seconds": round(self.audio_seconds, 3),
            "wall_seconds": round(self.wall_seconds, 3),
        }


def extract(
    recipe: Recipe | str | Path,
    *,
    data: Path | None = None,
    jobs: int | None = None,
    verify: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Extraction:
    """Fill the store with the features of every recording of the recipe's dataset.

    Args:
        recipe: A shipped recipe's name, a path, or a Recipe.
        data: Where the dataset is; the recipe's `data`, or $ASC_DATA/NAME, when None.
        jobs: Worker processes. None: one per processor, and a single one for a few files.
        verify: Read all audio and all stored arrays again, and compute damaged ones again.
        progress: Called with (done, all) as files are finished.

    Returns:
        What was computed and what was there. A file without features is in `failed`; the others
        go on.

    Raises:
        AscError: The dataset is not there, or the feature's parameters give no frames.
    """
    recipe = resolved(recipe)
    source = open_source(recipe.dataset, data or recipe.data, recipe.subset)
    return fill(source, recipe, jobs, verify, progress)


def fill(
    source: Source,
    recipe: Recipe,
    jobs: int | None,
    verify: bool,
    progress: Callable[[int, int], None] | None,
) -> Extraction:
    """`extract` for a source that is open already."""
    started = time.monotonic()
    feature = feature_of(recipe, source)
    store.describe(feature, source.dataset.name, source.audio_root)
    if verify:
        store.remove_damaged_packs(feature)
    paths = {r.file: source.path(r.file) for r in source.listing.recordings}
    known = Index()
    entries = {} if verify else _in_store(feature, paths, known)
    todo = {name: path for name, path in paths.items() if name not in entries}
    reused, computed, failed = len(entries), 0, []
    if todo:
        probe(feature)
    fresh: list[tuple[Path, Entry]] = []
    written = time.monotonic()
    tasks = [(feature, batch, verify) for batch in _batches(todo)]
    if jobs is None and len(tasks) <= FEW_BATCHES:
        jobs = 1
    for outcomes in parallel.map_unordered(_ensure, tasks, jobs):
        for name, outcome, new in outcomes:
            if isinstance(outcome, FileFault):
                failed.append(outcome)
                continue
            entries[name] = outcome
            fresh.append((paths[name], outcome))
            computed, reused = computed + new, reused + (not new)
        if time.monotonic() - written > INDEX_SECONDS:
            known.put(fresh)
            fresh, written = [], time.monotonic()
        if progress:
            progress(len(entries) + len(failed), len(paths))
    known.put(fresh)
    return Extraction(
        source,
        feature,
        {name: entries[name].digest for name in paths if name in entries},
        computed,
        reused,
        sorted(failed, key=lambda fault: str(fault.path)),
        sum(entry.seconds for entry in entries.values()),
        time.monotonic() - started,
    )


def _in_store(feature: StoredFeature, paths: dict[str, Path], known: Index) -> dict[str, Entry]:
    """Recordings that are as the index knows them and have features, with their entries."""
    entries, stored = {}, store.Stored(feature)
    for name, path in paths.items():
        entry = known.get(path)
        if entry and entry.digest in stored:
            entries[name] = entry
    return entries


def _batches(paths: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """What a worker gets at a time: one large file, or many small ones."""
    batch: dict[str, Path] = {}
    n_bytes = 0
    for name, path in paths.items():
        with contextlib.suppress(OSError):  # whoever opens it says what is wrong
            n_bytes += os.stat(path).st_size
        batch[name] = path
        if n_bytes >= BATCH_BYTES or len(batch) == BATCH_FILES:
            yield batch
            batch, n_bytes = {}, 0
    if batch:
        yield batch


def _ensure(
    feature: StoredFeature, paths: dict[str, Path], verify: bool
) -> list[tuple[str, Entry | FileFault, bool]]:
    """In a worker process, per file: its name, its entry or what is wrong, whether computed now."""
    outcomes = store.ensure(_stored(feature), paths.values(), verify)
    return [
        (name, FileFault(name, each.reason), False)
        if isinstance(each, FileFault)
        else (name, *each)
        for name, each in zip(paths, outcomes, strict=True)
    ]


_last: dict[Path, store.Stored] = {}


def _stored(feature: StoredFeature) -> store.Stored:
    """What the store holds, read once by each worker process."""
    if feature.folder not in _last:
        _last.clear()
        _last[feature.folder] = store.Stored(feature)
    return _last[feature.folder]


def feature_of(recipe: Recipe, source: Source) -> StoredFeature:
    """The recipe's feature, all parameters resolved; at the dataset's rate unless it names one."""
    given = {k: v for k, v in recipe.features.items() if k not in ("name", "sample_rate")}
    rate = recipe.features["sample_rate"] or source.dataset.sample_rate
    return resolve(recipe.features["name"], rate, given)
