"""A dataset where it lies: what was published, what its lists say, where its audio is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from asc_cli.core import paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset, Listing
from asc_cli.protocol import audit as protocol
from asc_cli.protocol import duplicates


@dataclass(frozen=True)
class Source:
    """A dataset on this machine."""

    dataset: Dataset
    listing: Listing
    root: Path  # where the lists are
    audio_root: Path  # what listed file names are relative to

    def path(self, file: str) -> Path:
        return self.audio_root / file


def open_source(dataset: str, data: Path | None = None, subset: int | None = None) -> Source:
    """Read a dataset's lists, or those of one of its published subsets.

    Raises AscError when it, or a list of it, is not there, or there is no such subset.
    """
    module = plugins.load("datasets", dataset)
    published = module.DATASET if subset is None else _subset(module.DATASET, subset)
    root = paths.dataset_root(dataset, data)
    if not root.exists():
        published = module.DATASET
        raise AscError(
            f"dataset {dataset}: nothing at {root}. {published.obtain} {published.homepage}\n"
            "Put it there, or say where it is: --data PATH, `data:` in the recipe, or ASC_DATA."
        )
    listing = module.read(root) if subset is None else module.read(root, subset)
    audio_root = module.audio_root(root) if hasattr(module, "audio_root") else root
    return Source(published, listing, root, audio_root)


def audit(
    dataset: str,
    data: Path | None = None,
    subset: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Source, list[protocol.Finding]]:
    """A dataset and every promise of its protocol that this copy breaks, and remarks.

    Reads a second of every recording, and all of those that are alike; progress(done, all).
    """
    source = open_source(dataset, data, subset)
    listing = source.listing
    return source, [
        *protocol.audit(source.dataset, listing, source.audio_root),
        *duplicates.same_audio(listing, source.audio_root, progress),
        *duplicates.near_names(listing),
        *protocol.remarks(listing),
    ]


def complete(dataset: str, root: Path) -> bool:
    """Whether a copy has every recording that was published, by its lists; no audio is read."""
    try:
        source = open_source(dataset, root)
    except (AscError, OSError):  # nothing there, or not the lists
        return False
    findings = protocol.audit(source.dataset, source.listing, source.audio_root)
    return not any(finding.check in ("counts", "missing file") for finding in findings)


def _subset(dataset: Dataset, percent: int) -> Dataset:
    """What was published about a subset: the same test part, fewer to train on."""
    sizes = dict(dataset.subsets)
    if percent not in sizes:
        known = ", ".join(map(str, sizes)) or "none"
        raise AscError(f"{dataset.name}: no subset {percent}; published subsets: {known}")
    train = sizes[percent]
    if train is None:  # all of it
        return dataset
    _, test = dataset.fold_sizes[0]
    return replace(dataset, fold_sizes=((train, test),), recordings=train + test)


def without(source: Source, excluded: tuple[str, ...]) -> Source:
    """The source less the files that a recipe leaves out. Raises AscError for one not in it."""
    files = source.listing.by_file()
    for file in excluded:
        if file not in files:
            raise AscError("exclude: " + plugins.unknown("file", file, [*files][:5]))
    gone = set(excluded)
    listing = replace(
        source.listing,
        recordings=tuple(r for r in source.listing.recordings if r.file not in gone),
        splits=tuple(
            replace(
                split,
                train=tuple(file for file in split.train if file not in gone),
                test=tuple(file for file in split.test if file not in gone),
            )
            for split in source.listing.splits
        ),
    )
    return replace(source, listing=listing)
