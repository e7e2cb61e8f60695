"""A dataset on this machine: its published facts, its lists, the folder of its audio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asc_cli.core import paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset, Listing
from asc_cli.protocol import audit as protocol
from asc_cli.protocol import duplicates


@dataclass(frozen=True)
class Source:
    """A dataset on this machine.

    Attributes:
        dataset: What was published about it.
        listing: Its labels, recordings and folds, as its lists have them.
        root: The folder of the lists; of a table of your own, the file.
        audio_root: The folder that listed file names are relative to.
        catalog: Where the dataset was looked up.
    """

    dataset: Dataset
    listing: Listing
    root: Path
    audio_root: Path
    catalog: plugins.Catalog = plugins.INSTALLED

    def path(self, file: str) -> Path:
        """Return where a listed recording is.

        Args:
            file: Its name, as the lists have it.

        Returns:
            Its path; the file need not exist.
        """
        return self.audio_root / file


def open_source(
    dataset: str,
    data: Path | None = None,
    subset: int | None = None,
    catalog: plugins.Catalog = plugins.INSTALLED,
) -> Source:
    """Read a dataset's lists.

    Args:
        dataset: The dataset's name; `table` for recordings of your own.
        data: Where it is; $ASC_DATA/NAME when None.
        subset: Read the lists of a published subset, in per cent; None: of all.
        catalog: Where the dataset is looked up.

    Returns:
        The dataset with its lists and where its audio is. No audio is read.

    Raises:
        AscError: There is no such dataset, it or one of its lists is not there, or it has no such
            subset.
    """
    module = catalog.load("datasets", dataset)
    published = module.DATASET if subset is None else of_subset(module.DATASET, subset)
    root = paths.dataset_root(dataset, data)
    if not root.exists():
        published = module.DATASET
        raise AscError(
            f"dataset {dataset}: nothing at {root}. {published.obtain} {published.homepage}\n"
            "Put it there, or set its folder: --data PATH, `data:` in the recipe, or ASC_DATA."
        )
    listing = module.read(root) if subset is None else module.read(root, subset)
    audio_root = module.audio_root(root) if hasattr(module, "audio_root") else root
    return Source(published, listing, root, audio_root, catalog)


def audit(
    dataset: str,
    data: Path | None = None,
    subset: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Source, list[protocol.Finding]]:
    """Check a copy of a dataset against its protocol.

    Reads a part of every recording, and all of those that are alike.

    Args:
        dataset: The dataset's name; `table` for recordings of your own.
        data: Where it is; $ASC_DATA/NAME when None.
        subset: Check the lists of a published subset, in per cent; None: of all.
        progress: Called with (done, all) as recordings are read.

    Returns:
        The dataset, and the protocol's violations and remarks; no violation means that the copy
        matches the protocol.

    Raises:
        AscError: There is no such dataset, or it or one of its lists is not there.
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
    """Return whether a copy has every recording that was published.

    Args:
        dataset: The dataset's name.
        root: Where the copy is.

    Returns:
        True if the lists and all listed files are there; no audio is read.
    """
    try:
        source = open_source(dataset, root)
    except (AscError, OSError):  # missing, or other lists
        return False
    findings = protocol.audit(source.dataset, source.listing, source.audio_root)
    return not any(finding.check in ("counts", "missing file") for finding in findings)


def of_subset(dataset: Dataset, percent: int) -> Dataset:
    """Return the dataset with a published subset: the same test part, fewer to train on."""
    sizes = dict(dataset.subsets)
    if percent not in sizes:
        published = ", ".join(map(str, sizes)) or "none"
        raise AscError(f"{dataset.name}: no subset {percent}; published subsets: {published}")
    train = sizes[percent]
    if train is None:  # all of it
        return dataset
    _, test = dataset.fold_sizes[0]
    return replace(dataset, fold_sizes=((train, test),), recordings=train + test)


def exclude(source: Source, excluded: tuple[str, ...]) -> Source:
    """Return the source without files that a recipe excludes. Raises AscError for unknown ones."""
    files = source.listing.by_file()
    for file in excluded:
        if file not in files:
            raise AscError("exclude: " + plugins.unknown("file", file, [*files][:5]))
    names = set(excluded)
    listing = replace(
        source.listing,
        recordings=tuple(r for r in source.listing.recordings if r.file not in names),
        splits=tuple(
            replace(
                split,
                train=tuple(file for file in split.train if file not in names),
                test=tuple(file for file in split.test if file not in names),
                validation=tuple(file for file in split.validation if file not in names),
            )
            for split in source.listing.splits
        ),
    )
    return replace(source, listing=listing)


def chosen_folds(folds: Sequence[int] | None, available: list[int]) -> list[int]:
    """Return folds in their order, all for None. Raises AscError for one that is not available."""
    if folds is None:
        return available
    if unknown := sorted(set(folds) - set(available)):
        raise AscError(
            f"--folds: there is no fold {unknown[0]}; there are {available[0]} to {available[-1]}"
        )
    return sorted(set(folds))
