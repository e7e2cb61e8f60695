"""Recordings → the feature store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli import parallel, store
from asc_cli.errors import FileFault
from asc_cli.recipe import Recipe, resolved
from asc_cli.workflow._source import Source, feature_of, open_source

INDEX_SECONDS = 5.0  # how often what was hashed is written down, against a kill


@dataclass(frozen=True)
class Extraction:
    """What became of a dataset's recordings."""

    source: Source
    feature: store.Feature
    digests: dict[str, str]  # file → hash of its bytes, which names its features
    computed: int
    reused: int
    failed: list[FileFault]
    audio_seconds: float
    wall_seconds: float

    def json(self) -> dict[str, Any]:
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

    recipe: a shipped name, a path, or a Recipe. jobs: worker processes, one per processor when
    None. verify: read all audio and all stored
    arrays again. progress(done, all) is called as files are finished. A file that has no features
    is in `failed`, and the others go on. Raises AscError when the dataset is not there.
    """
    recipe = resolved(recipe)
    return fill(
        open_source(recipe.dataset, data or recipe.data, recipe.subset),
        recipe,
        jobs,
        verify,
        progress,
    )


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
    store.describe(feature)
    index = store.Index()
    names = list(dict.fromkeys(r.file for r in source.listing.recordings))
    entries: dict[str, store.Entry] = {}
    for name in () if verify else names:
        entry = index.get(source.path(name))
        if entry and feature.object(entry.digest).exists():
            entries[name] = entry
    reused = len(entries)
    computed, failed, fresh = 0, [], []
    written = time.monotonic()
    todo = [(feature, source.path(name), name, verify) for name in names if name not in entries]
    if todo:
        store.probe(feature)
    for done, (name, outcome, new) in enumerate(parallel.each(_ensure, todo, jobs), start=1):
        if isinstance(outcome, FileFault):
            failed.append(outcome)
        else:
            entries[name] = outcome
            fresh.append((source.path(name), outcome))
            computed, reused = computed + new, reused + (not new)
        if time.monotonic() - written > INDEX_SECONDS:
            index.put(fresh)
            fresh, written = [], time.monotonic()
        if progress:
            progress(len(names) - len(todo) + done, len(names))
    index.put(fresh)
    return Extraction(
        source,
        feature,
        {name: entry.digest for name, entry in entries.items()},
        computed,
        reused,
        sorted(failed, key=lambda fault: str(fault.path)),
        sum(entry.seconds for entry in entries.values()),
        time.monotonic() - started,
    )


def _ensure(
    feature: store.Feature, path: Path, name: str, verify: bool
) -> tuple[str, store.Entry | FileFault, bool]:
    """One file, in a worker process: (its name, its entry or what is wrong, computed now)."""
    try:
        return name, *store.ensure(feature, path, verify)
    except FileFault as fault:
        return name, FileFault(name, fault.reason), False
