"""Datasets: one file each. A dataset is data (DATASET) plus one parser (read): a `DatasetModule`.

    DATASET: Dataset                what was published about it
    read(root) -> Listing           what the lists under `root` say, as they say it
                                    read(root, subset) where the dataset has subsets

Readers judge nothing: a file listed twice or a label that is not known stays in the Listing, for
`protocol.audit` to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Archive:
    """One published file of a dataset.

    Attributes:
        url: Where it is published.
        md5: Its published checksum, 32 hexadecimal digits; None where none is published.
        into: Folder under the dataset's root that it is unpacked, or put, into.
        strip: Leading folders inside the archive that are left out.
    """

    url: str
    md5: str | None = None
    into: str = ""
    strip: int = 1

    @property
    def file(self) -> str:
        """The last part of the URL's path: the name that the file is stored under."""
        return self.url.partition("?")[0].rpartition("/")[2]


@dataclass(frozen=True)
class Baseline:
    """The organisers' own figure, which is printed beside ours.

    Attributes:
        metric: A key of our metrics that is computed the same way.
        value: From 0 to 1; log_loss in nats.
        source: Where the figure was published, word for word.
        subset: The published subset that it was trained on, in per cent; None: on all.
        tested_on: What it was tested on, where that is not the test part of the folds here: such
            a figure does not compare with ours. "": the test part.
        chosen_on: What its epoch was chosen on: "nothing" (the last, or there are none), "training"
            (a part of the training recordings), "test" (its own test fold), "not stated".
        outside_data: What it learned from beside the dataset; "": nothing.
        address: Where the source is found; "": the source says it in words.
        devices: The name of the group of devices whose figure it is; "": all devices.
    """

    metric: str
    value: float
    source: str
    subset: int | None = None
    tested_on: str = ""
    chosen_on: str = "not stated"
    outside_data: str = ""
    address: str = ""
    devices: str = ""


@dataclass(frozen=True)
class Challenge:
    """The file of predictions that a challenge takes of its evaluation set.

    Attributes:
        title: The challenge.
        form_read: Where the form of its file was read.
        header: Whether the file begins with the names of its columns.
        probabilities: Whether a probability for each scene follows the label.
        delimiter: What stands between columns.
        homepage: URL of the evaluation set; "" where it could not be read.
    """

    title: str
    form_read: str
    header: bool
    probabilities: bool
    delimiter: str = "\t"
    homepage: str = ""


@dataclass(frozen=True)
class Dataset:
    """The published facts about a dataset.

    Attributes:
        name: The name of the dataset's file.
        title: The full name, as the authors write it.
        labels: C scenes. Their order is the class index; empty: taken from the data.
        sample_rate: Hz, as published; features are computed at this rate unless a recipe names
            another.
        homepage: URL of the dataset's page.
        licence: The licence of the audio.
        citation: How the authors ask to be cited.
        obtain: How to get it and where its files go, for a person.
        metric: The official metric, in words.
        headline: The same as a key of the metrics: accuracy, macro_accuracy, …
        recordings: How many there are; None where that is up to the user.
        fold_sizes: (training files, test files) of each fold; None: not known.
        scene_sizes: Recordings of each label, where published.
        subsets: Published subsets of the training part: (per cent, training files).
        shares_with: Names of datasets that have recordings in common with this one.
        archives: What `asc datasets download` gets; empty: to be fetched by hand.
        baselines: Published figures to compare with.
        unlabelled: How many recordings were published without a label.
        device_groups: (name, devices) of each group of recording devices that the organisers
            report together.
        city_in_group: Whether a recording's group begins with its city and a hyphen.
        challenge: The challenge that takes predictions of an evaluation set of this dataset; None:
            there is none, or the form of its file could not be read.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    sample_rate: int
    homepage: str
    licence: str
    citation: str
    obtain: str
    metric: str
    headline: str
    recordings: int | None = None
    fold_sizes: tuple[tuple[int | None, int], ...] = ()
    scene_sizes: tuple[int, ...] = ()
    subsets: tuple[tuple[int, int | None], ...] = ()
    shares_with: tuple[str, ...] = ()
    archives: tuple[Archive, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    unlabelled: int = 0
    device_groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    city_in_group: bool = False
    challenge: Challenge | None = None

    def city(self, group: str) -> str:
        """Return the city of a group.

        Args:
            group: A recording's group, as "lisbon-1000".

        Returns:
            The city; "" where the dataset's groups do not name it.
        """
        return group.partition("-")[0] if self.city_in_group else ""

    def described(self) -> dict[str, str]:
        """Return what a model's card has of it.

        Returns:
            Name, title, licence and citation.
        """
        return {key: getattr(self, key) for key in ("name", "title", "licence", "citation")}


@dataclass(frozen=True)
class Recording:
    """One recording as the dataset's lists describe it.

    Attributes:
        file: Path relative to the folder that holds the audio, with "/".
        label: Its scene.
        group: What must not be split between training and test, as a location or a source file;
            "": not known.
        recording_device: The device of the recording (a, b, s1, …); "": not known.
    """

    file: str
    label: str
    group: str = ""
    recording_device: str = ""


@dataclass(frozen=True)
class Unlabelled:
    """One recording of an evaluation set.

    Attributes:
        file: Path relative to the set's folder, with "/".
        name: How the set's list names it.
        recording_device: The device of the recording; "": not known.
    """

    file: str
    name: str
    recording_device: str = ""


@dataclass(frozen=True)
class Split:
    """One fold: the files to train and to test on.

    Attributes:
        fold: Its number, from 1.
        train: Files of the training part.
        test: Files of the test part.
        validation: Those files of the training part that are published for validation.
    """

    fold: int
    train: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """All that a dataset's lists say.

    Attributes:
        labels: C scenes, in the order of the class index.
        recordings: Every row of the lists, in their order; a file listed twice is there twice.
        splits: The folds.
        conflicts: (file, what two lists say differently of it).
        unlabelled: Files that have no label, and are in no fold.
    """

    labels: tuple[str, ...]
    recordings: tuple[Recording, ...]
    splits: tuple[Split, ...]
    conflicts: tuple[tuple[str, str], ...] = ()
    unlabelled: tuple[str, ...] = ()

    def by_file(self) -> dict[str, Recording]:
        """Return the recordings by their file names; of a file listed twice, the last row.

        Returns:
            File → recording.
        """
        return {recording.file: recording for recording in self.recordings}


class DatasetModule(Protocol):
    """The interface of a dataset's file.

    Attributes:
        DATASET: What was published about it.

    A file may also have

        audio_root(root) -> Path     where files are listed relative to another folder than `root`
        read(root, subset)           where the dataset publishes subsets, in per cent
        make(root, …)                where `asc datasets make` writes the dataset itself
        read_evaluation(root)        where DATASET has a challenge: the evaluation set's list, as a
                                     tuple of Unlabelled
        STREAMED = True              where it is a stream of shards with many labels a video, as
                                     datasets/yt8m.py describes
    """

    DATASET: Dataset

    def read(self, root: Path) -> Listing:
        """Read the lists, as they are, without judging them.

        Args:
            root: The dataset's folder.

        Returns:
            Labels, recordings and folds, with whatever faults the lists have; `protocol.audit`
            finds those.

        Raises:
            AscError: A list is not there, or a line of it cannot be read; the text names the file
                and the line.
        """
        ...
