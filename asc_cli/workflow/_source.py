"""A dataset where it lies: what was published, what its lists say, where its audio is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from asc_cli import catalog, home, protocol, store
from asc_cli.datasets import Dataset, Listing
from asc_cli.errors import AscError
from asc_cli.recipe import Recipe


@dataclass(frozen=True)
class Source:
    """A dataset on this machine."""

    dataset: Dataset
    listing: Listing
    root: Path  # where the lists are
    audio_root: Path  # what listed file names are relative to

    def path(self, file: str) -> Path:
        return self.audio_root / file


def open_source(dataset: str, data: Path | None = None) -> Source:
    """Read a dataset's lists. Raises AscError when it, or a list of it, is not there."""
    module = catalog.load("datasets", dataset)
    root = home.dataset_root(dataset, data)
    listing = module.read(root)
    audio_root = module.audio_root(root) if hasattr(module, "audio_root") else root
    return Source(module.DATASET, listing, root, audio_root)


def audit(dataset: str, data: Path | None = None) -> tuple[Source, list[protocol.Finding]]:
    """A dataset and every promise of its protocol that this copy breaks."""
    source = open_source(dataset, data)
    return source, protocol.audit(source.dataset, source.listing, source.audio_root)


def without(source: Source, excluded: tuple[str, ...]) -> Source:
    """The source less the files that a recipe leaves out. Raises AscError for one not in it."""
    files = source.listing.by_file()
    for file in excluded:
        if file not in files:
            raise AscError("exclude: " + catalog.unknown("file", file, [*files][:5]))
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


def feature_of(recipe: Recipe, source: Source) -> store.Feature:
    """The recipe's feature, all parameters resolved; at the dataset's rate unless it names one."""
    given = {k: v for k, v in recipe.features.items() if k not in ("name", "sample_rate")}
    rate = recipe.features["sample_rate"] or source.dataset.sample_rate
    return store.resolve(recipe.features["name"], rate, given)
