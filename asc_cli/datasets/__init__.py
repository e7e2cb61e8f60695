"""Datasets: one file each. A dataset is data (DATASET) plus one parser (read).

    DATASET: Dataset                what was published about it
    read(root) -> Listing           what the lists under `root` say, as they say it
                                    read(root, subset) where the dataset has subsets

Readers judge nothing: a file listed twice or a label that is not known stays in the Listing, for
`protocol.audit` to find.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """One published file of a dataset."""

    url: str
    md5: str | None = None  # as published; None where nothing is
    into: str = ""  # folder under the root that it is unpacked, or put, into
    strip: int = 1  # leading folders of an archive that are left out

    @property
    def file(self) -> str:
        return self.url.partition("?")[0].rpartition("/")[2]


@dataclass(frozen=True)
class Baseline:
    """The organisers' own figure, to be printed beside ours."""

    metric: str  # a key of our metrics that is computed the same way
    value: float  # in [0, 1]; log_loss in nats
    source: str  # where the figure stands, word for word
    subset: int | None = None  # trained on this published subset, in per cent; None: on all


@dataclass(frozen=True)
class Dataset:
    """What was published about a dataset."""

    name: str
    title: str
    labels: tuple[str, ...]  # their order is the class index; empty: taken from the data
    sample_rate: int  # Hz, as published; features are computed at this rate unless told otherwise
    homepage: str
    licence: str
    citation: str
    obtain: str  # how to get it and where its files go, for a person
    metric: str  # the official metric, in words
    headline: str  # the same as a key of the metrics: accuracy, macro_accuracy, …
    recordings: int | None = None  # how many there are; None where that is up to the user
    fold_sizes: tuple[tuple[int | None, int], ...] = ()  # (train, test) of each; None: not known
    scene_sizes: tuple[int, ...] = ()  # recordings per label, where published
    subsets: tuple[tuple[int, int | None], ...] = ()  # published: (per cent, training files)
    shares_with: tuple[str, ...] = ()  # datasets that have recordings in common with it
    archives: tuple[Archive, ...] = ()  # what `asc datasets download` gets; (): by hand
    baselines: tuple[Baseline, ...] = ()


@dataclass(frozen=True)
class Recording:
    """One recording as the dataset's lists describe it."""

    file: str  # relative to the root, with "/"
    label: str
    group: str = ""  # what must not be split between train and test: location, source; "" unknown
    device: str = ""


@dataclass(frozen=True)
class Split:
    """One fold: the files to train and to test on."""

    fold: int  # from 1
    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Listing:
    """All that a dataset's lists say."""

    labels: tuple[str, ...]
    recordings: tuple[Recording, ...]
    splits: tuple[Split, ...]
    conflicts: tuple[tuple[str, str], ...] = ()  # (file, what two lists say differently)

    def by_file(self) -> dict[str, Recording]:
        return {recording.file: recording for recording in self.recordings}
