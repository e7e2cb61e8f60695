"""Fill the feature store: compute features of recordings that it does not have."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asc_cli.core import parallel
from asc_cli.core.errors import FileFault
from asc_cli.frontend import remote_features, store
from asc_cli.frontend.feature import StoredFeature, probe, resolve
from asc_cli.frontend.index import Entry, Index
from asc_cli.frontend.variant import resolve as resolve_variant
from asc_cli.protocol.source import Source, open_source
from asc_cli.recipe.load import Recipe, resolved

INDEX_SECONDS = 5.0  # how often hashes are saved, so that a killed run loses little
BATCH_BYTES = 2_000_000  # of audio per batch of a worker, so that small files cost little
BATCH_FILES = 128
SUMMED = ("computed", "reused", "fetched", "wall_seconds")  # over variants
FEW_BATCHES = 8  # computed in this process: faster than starting workers


@dataclass(frozen=True)
class Extraction:
    """The features of a dataset's recordings, in the store.

    Attributes:
        source: The dataset on this machine.
        feature: The feature with all its parameters.
        digests: File → SHA-256 of its bytes, which names its features in the store.
        audio_digests: File → SHA-256 of its decoded samples, the same for the same sound in
            another file.
        computed: How many recordings' features were computed by this call.
        reused: How many were in the store already, or came from the remote.
        failed: Files without features, each with the reason.
        audio_seconds: Length of all recordings that have features.
        wall_seconds: Of this call.
        variants: The feature of each of the recipe's variants of the training recordings.
        test_variants: Of each variant that is scored beside the recordings, for all of them.
        fetched: How many of `reused` came from the remote.
    """

    source: Source
    feature: StoredFeature
    digests: dict[str, str]
    audio_digests: dict[str, str]
    computed: int
    reused: int
    failed: list[FileFault]
    audio_seconds: float
    wall_seconds: float
    variants: tuple[StoredFeature, ...] = ()
    test_variants: tuple[StoredFeature, ...] = ()
    fetched: int = 0

    @property
    def key(self) -> str:
        """The feature's key in the store, and those of its variants."""
        features = (self.feature, *self.variants, *self.test_variants)
        return "-".join(feature.key for feature in features)

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
            "fetched": self.fetched,
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
    note: Callable[[str], None] | None = None,
    download: bool = False,
) -> Extraction:
    """Fill the store with the features of every recording of the recipe's dataset.

    Args:
        recipe: A shipped recipe's name, a path, or a Recipe.
        data: Where the dataset is; the recipe's `data`, or $ASC_DATA/NAME, when None.
        jobs: Worker processes. None: one per processor, and a single one for a few files.
        verify: Read all audio and stored arrays again, compute damaged ones again, fill the remote.
        progress: Called with (done, all) as files are finished.
        note: Called with a sentence on the disk space of variants, before they are computed.
        download: Get what the feature needs from its hub first. Without it nothing is downloaded.

    Returns:
        What was computed and what was there; a file without features is in `failed`.

    Raises:
        AscError: The dataset is not there, or the feature's parameters give no frames.
    """
    recipe = resolved(recipe)
    source = open_source(recipe.dataset, data or recipe.data, recipe.subset, recipe.catalog)
    if download:
        feature_of(recipe, source).download()
    return fill(source, recipe, jobs, verify, progress, note)


def fill(
    source: Source,
    recipe: Recipe,
    jobs: int | None,
    verify: bool,
    progress: Callable[[int, int], None] | None,
    note: Callable[[str], None] | None = None,
) -> Extraction:
    """Extract features for a source that is already open: of all recordings as they are and in
    each variant that is scored beside them, and of those of training in each of its variants."""
    feature = feature_of(recipe, source)
    every = dict.fromkeys(r.file for r in source.listing.recordings)
    training = dict.fromkeys(file for split in source.listing.splits for file in split.train)
    extraction = fill_feature(source, feature, every, jobs, verify, progress)
    variants, test_variants = (
        tuple(
            replace(feature, variant=resolve_variant(settings, recipe.catalog))
            for settings in listed
        )
        for listed in (recipe.variants, recipe.evaluation.variants)
    )
    files = {variant.key: (variant, training) for variant in variants}
    files |= {variant.key: (variant, every) for variant in test_variants}
    if note and (new := [variant for variant, _ in files.values() if not variant.folder.exists()]):
        n_frames = extraction.audio_seconds / feature.hop_seconds
        n_frames = len(every) if feature.framing.of_recording else n_frames
        megabytes = len(new) * n_frames * feature.n_bands * 4 / 1e6
        note(
            f"variants: {len(new)} more of each recording; about {megabytes:.0f} MB of features, "
            "and as much again in packs when they are trained on"
        )
    for variant, listed_files in files.values():
        more = fill_feature(source, variant, listed_files, jobs, verify, progress)
        failed = {str(f): f for f in (*extraction.failed, *more.failed)}
        extraction = replace(
            extraction,
            failed=sorted(failed.values(), key=lambda fault: str(fault.path)),
            **{key: getattr(extraction, key) + getattr(more, key) for key in SUMMED},
        )
    return replace(extraction, variants=variants, test_variants=test_variants)


def fill_feature(
    source: Source,
    feature: StoredFeature,
    files: dict[str, None],
    jobs: int | None,
    verify: bool,
    progress: Callable[[int, int], None] | None,
) -> Extraction:
    """Extract one feature, in a variant or not, of these files."""
    started = time.monotonic()
    store.describe(feature, source.dataset.name, source.audio_root)
    if verify:
        store.remove_damaged_packs(feature)
    failed = [FileFault(file, "no file has NUL in its name") for file in files if "\0" in file]
    paths = {file: source.path(file) for file in files if "\0" not in file}
    index = Index()
    entries = {} if verify else _in_store(feature, paths, index)
    todo = {name: path for name, path in paths.items() if name not in entries}
    if todo:
        probe(feature)
    fetched = {} if verify or not todo else _from_remote(feature, todo, jobs, progress)
    index.put((paths[name], entry) for name, entry in fetched.items())
    entries |= fetched
    todo = {name: path for name, path in todo.items() if name not in fetched}
    reused, computed = len(entries), 0
    new_entries: list[tuple[Path, Entry]] = []
    changed: set[str] = set()  # recordings computed now
    written = time.monotonic()
    tasks = [(feature, batch, verify) for batch in batches(todo)]
    with remote_features.Upload(feature, unless_there=verify) as upload:
        for outcomes in parallel.map_unordered(_ensure, tasks, _jobs(jobs, tasks)):
            for name, outcome, new in outcomes:
                if isinstance(outcome, FileFault):
                    failed.append(outcome)
                    continue
                entries[name] = outcome
                if new:
                    changed.add(outcome.digest)
                new_entries.append((paths[name], outcome))
                computed, reused = computed + new, reused + (not new)
            upload.add(e for _, e, new in outcomes if isinstance(e, Entry) and (new or verify))
            if time.monotonic() - written > INDEX_SECONDS:
                index.put(new_entries)
                new_entries, written = [], time.monotonic()
            if progress:
                progress(len(entries) + len(failed), len(paths))
        index.put(new_entries)
    if verify:
        store.remove_packs_of(feature, changed)
    in_order = {name: entries[name] for name in paths if name in entries}
    return Extraction(
        source,
        feature,
        {name: entry.digest for name, entry in in_order.items()},
        {name: entry.audio_digest for name, entry in in_order.items() if entry.audio_digest},
        computed,
        reused,
        sorted(failed, key=lambda fault: str(fault.path)),
        sum(entry.seconds for entry in entries.values()),
        time.monotonic() - started,
        fetched=len(fetched),
    )


def _in_store(feature: StoredFeature, paths: dict[str, Path], index: Index) -> dict[str, Entry]:
    """Return the entries of recordings that are unchanged and have stored features."""
    entries, stored = {}, store.Stored(feature)
    for name, path in paths.items():
        entry = index.get(path)
        if entry and entry.audio_digest and entry.digest in stored:
            entries[name] = entry
    return entries


def _from_remote(
    feature: StoredFeature,
    paths: dict[str, Path],
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Entry]:
    """Return the entries of recordings whose features came from the remote, if there is one."""

    def counted(done: int) -> None:
        if progress:
            progress(done, len(paths))

    tasks = [*batches(paths)]
    return remote_features.fetch(feature, tasks, _jobs(jobs, tasks), counted)


def _jobs(jobs: int | None, tasks: Sized) -> int | None:
    return 1 if jobs is None and len(tasks) <= FEW_BATCHES else jobs


def batches(paths: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """Yield batches for workers: one large file, or many small ones."""
    batch: dict[str, Path] = {}
    n_bytes = 0
    for name, path in paths.items():
        with contextlib.suppress(OSError):  # opening it raises the reason
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
    """Process a batch in a worker: name, entry or fault, and whether computed now, per file."""
    outcomes = store.ensure(_stored(feature), paths.values(), verify)
    return [
        (name, FileFault(name, outcome.reason), False)
        if isinstance(outcome, FileFault)
        else (name, *outcome)
        for name, outcome in zip(paths, outcomes, strict=True)
    ]


_last: dict[Path, store.Stored] = {}


def _stored(feature: StoredFeature) -> store.Stored:
    """Return the store's contents, read once by each worker process."""
    if feature.folder not in _last:
        _last.clear()
        _last[feature.folder] = store.Stored(feature)
    return _last[feature.folder]


def feature_of(recipe: Recipe, source: Source) -> StoredFeature:
    """Return the recipe's feature, resolved; at the dataset's rate unless it sets one."""
    parameters = {k: v for k, v in recipe.features.items() if k not in ("name", "sample_rate")}
    rate = recipe.features["sample_rate"] or source.dataset.sample_rate
    return resolve(recipe.features["name"], rate, parameters, recipe.catalog)
