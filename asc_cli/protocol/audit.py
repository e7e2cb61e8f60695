"""The audit of a dataset's copy against its protocol.

Counts are as published; every listed file exists; nothing is listed twice; every label is known;
train and test share neither a file nor a group (location, source recording).
"""

from __future__ import annotations

import os
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset, Listing, Split


@dataclass(frozen=True)
class Finding:
    """One violation of the protocol, or a remark.

    Attributes:
        check: Which part of the protocol it is about.
        where: The list, fold or file.
        what: What is wrong.
        broken: True for a violation, False for a remark.
    """

    check: str
    where: str
    what: str
    broken: bool = True


def audit(dataset: Dataset, listing: Listing, audio_root: Path) -> list[Finding]:
    """Return every protocol violation of a dataset's copy; empty when it matches."""
    return [
        *_counts(dataset, listing),
        *_missing(listing, audio_root),
        *_inconsistencies(listing),
        *_untrained(listing),
    ]


def remarks(listing: Listing) -> list[Finding]:
    """Return remarks on what cannot be checked."""
    if not listing.splits:
        what = "nothing to test on: no fold, no split; asc datasets split writes a CSV with folds"
        return [Finding("no folds", "recordings", what, False)]
    findings = [one] if (one := _one_scene(listing)) else []
    if not any(recording.group for recording in listing.recordings):
        what = "no groups (places, sources) are given, so leaks by group cannot be seen"
        findings.append(Finding("no groups", "recordings", what, False))
    return findings


def require(dataset: Dataset, listing: Listing, root: Path | None = None) -> None:
    """Raise AscError if results on these lists would be invalid.

    Leaks, unknown labels, files listed twice, and splits with nothing to train or to
    test on, or with a scene that is tested and never trained, stop it; a count that differs from
    the published one does not, so that a subset can be used. root: Of a table of your own, the CSV
    or the folder, for the message that names the command which adds folds.
    """
    if not listing.splits:
        remedy = "add a column fold (1, 2, …) or split (train, test)"
        if dataset.name == "table" and root is not None:
            command = f"asc datasets split {shlex.quote(str(root))}"
            remedy = f"write a CSV with folds, and train on it: {command}"
        raise AscError(
            f"{dataset.name}: its lists name no folds, so there is nothing to test on; {remedy}"
        )
    one = _one_scene(listing)
    _require_none(
        dataset, [*_inconsistencies(listing), *_untrained(listing), *([one] if one else [])]
    )


def require_consistent(dataset: Dataset, listing: Listing) -> None:
    """Like `require`, for testing only: lists may have no folds and no training part."""
    _require_none(dataset, _inconsistencies(listing))


def _inconsistencies(listing: Listing) -> list[Finding]:
    leaks = [finding for split in listing.splits for finding in _leaks(listing, split)]
    untested = [
        Finding("nothing to test on", f"fold {split.fold}", "no recordings to test on")
        for split in listing.splits
        if not split.test
    ]
    return [
        *_duplicates(listing),
        *_labels(listing),
        *_lookalikes(listing),
        *_unlisted(listing),
        *leaks,
        *untested,
    ]


def _require_none(dataset: Dataset, broken: list[Finding]) -> None:
    if broken:
        first = broken[0]
        count = "1 protocol violation" if len(broken) == 1 else f"{len(broken)} protocol violations"
        raise AscError(
            f"{dataset.name}: {count}, the first: "
            f"{first.where}: {first.what}. See all with: asc datasets check {dataset.name}"
            + (" --data PATH" if dataset.name == "table" else "")
        )


def seen_devices(listing: Listing) -> dict[int, frozenset[str]]:
    """Return per fold the recording devices of its training part; {} if none are known."""
    return _seen(listing, {r.file: r.recording_device for r in listing.recordings})


def seen_cities(dataset: Dataset, listing: Listing) -> dict[int, frozenset[str]]:
    """Return per fold the cities of its training part; {} if none are known."""
    return _seen(listing, {r.file: dataset.city(r.group) for r in listing.recordings})


def _seen(listing: Listing, name_of: Mapping[str, str]) -> dict[int, frozenset[str]]:
    if not any(name_of.values()):
        return {}
    return {
        split.fold: frozenset(name_of[file] for file in split.train) - {""}
        for split in listing.splits
    }


def _counts(dataset: Dataset, listing: Listing) -> Iterator[Finding]:
    def differs(where: str, got: object, expected: object) -> Finding:
        return Finding("counts", where, f"{got} where {expected} were published")

    n = len({recording.file for recording in listing.recordings})
    if dataset.recordings is not None and n != dataset.recordings:
        yield differs("recordings", n, dataset.recordings)
    n_unlabelled = len(set(listing.unlabelled))
    if n_unlabelled != dataset.unlabelled:
        yield differs("recordings without a label", n_unlabelled, dataset.unlabelled)
    if dataset.scene_sizes:
        sizes = Counter(recording.label for recording in listing.recordings)
        for label, expected in zip(dataset.labels, dataset.scene_sizes, strict=True):
            if sizes[label] != expected:
                yield differs(f"scene {label}", sizes[label], expected)
    if not dataset.fold_sizes:
        return
    if len(listing.splits) != len(dataset.fold_sizes):
        yield differs("folds", len(listing.splits), len(dataset.fold_sizes))
    for split, (train, test) in zip(listing.splits, dataset.fold_sizes, strict=False):
        n_train, n_test = len(set(split.train)), len(set(split.test))
        if train is None and n_test != test:
            yield differs(f"fold {split.fold}", f"{n_test} test", test)
        if train is not None and (n_train, n_test) != (train, test):
            yield differs(f"fold {split.fold}", f"{n_train}/{n_test} train/test", f"{train}/{test}")


def _missing(listing: Listing, audio_root: Path) -> Iterator[Finding]:
    for file in _listed(listing):
        if not os.path.isfile(audio_root / file):
            yield Finding("missing file", file, "listed, but missing")


def _listed(listing: Listing) -> Iterator[str]:
    """Yield every file as often as it is listed, with a label or without."""
    yield from (recording.file for recording in listing.recordings)
    yield from listing.unlabelled


def _duplicates(listing: Listing) -> Iterator[Finding]:
    lists: list[tuple[str, Iterable[str]]] = [("recordings", _listed(listing))]
    for split in listing.splits:
        lists += [
            (f"fold {split.fold} train", split.train),
            (f"fold {split.fold} test", split.test),
        ]
    for where, listed in lists:
        for file, times in Counter(listed).items():
            if times > 1:
                yield Finding("listed twice", where, f"{file} is listed {times} times")


def _labels(listing: Listing) -> Iterator[Finding]:
    labels = set(listing.labels)
    for recording in listing.recordings:
        if recording.label not in labels:
            yield Finding("unknown label", recording.file, f"label {recording.label!r}")
    for file, what in listing.conflicts:
        yield Finding("labels differ", file, what)


def _lookalikes(listing: Listing) -> Iterator[Finding]:
    """Yield labels, groups and devices that differ by nothing that can be seen."""
    kinds = {
        "label": {recording.label for recording in listing.recordings},
        "group": {recording.group for recording in listing.recordings},
        "device": {recording.recording_device for recording in listing.recordings},
    }
    for kind, names in kinds.items():
        looks: dict[str, str] = {}
        for name in sorted(names):
            if (other := looks.setdefault(_visible(name), name)) != name:
                what = f"{other!a} and {name!a} look alike; write them the same way"
                yield Finding("names look alike", f"{kind} {other}", what)


def _visible(name: str) -> str:
    """Return a name as it is seen: composed, without invisible characters, with plain blanks."""
    shown = (c for c in name if not unicodedata.category(c).startswith("C"))
    return " ".join(unicodedata.normalize("NFC", "".join(shown)).split())


def _unlisted(listing: Listing) -> Iterator[Finding]:
    files = {recording.file for recording in listing.recordings}
    for split in listing.splits:
        for part, listed in (("train", split.train), ("test", split.test)):
            for file in listed:
                if file not in files:
                    yield Finding(
                        "not in the set", f"fold {split.fold} {part}", f"{file} has no label"
                    )


def _leaks(listing: Listing, split: Split) -> Iterator[Finding]:
    where = f"fold {split.fold}"
    shared = set(split.train) & set(split.test)
    for file in sorted(shared):
        yield Finding("leak by file", where, f"{file} is in train and in test")
    groups = {r.file: r.group for r in listing.recordings if r.group}
    tested = {groups[file] for file in split.test if file in groups}
    leaking = Counter(groups[file] for file in split.train if groups.get(file) in tested)
    for group, n in sorted(leaking.items()):
        yield Finding("leak by group", where, f"{group} is tested on, and {n} of its files train")
    validated = {*split.validation}
    for file in sorted(validated - {*split.train}):
        yield Finding(
            "not in the set", f"{where} validation", f"{file} is not in its training part"
        )
    fitted = {groups[file] for file in split.train if file in groups and file not in validated}
    for group in sorted(fitted & {groups[file] for file in validated if file in groups}):
        what = f"{group} is in the published validation part, and in the rest of training"
        yield Finding("leak by group", f"{where} validation", what)


def _one_scene(listing: Listing) -> Finding | None:
    if len(scenes := {recording.label for recording in listing.recordings}) != 1:
        return None
    what = f"all are {next(iter(scenes))!r}: there is nothing to classify"
    return Finding("one scene", "recordings", what, False)


def _untrained(listing: Listing) -> Iterator[Finding]:
    """Yield splits without training recordings, or with scenes that are only tested."""
    scene = {recording.file: recording.label for recording in listing.recordings}
    for split in listing.splits:
        where = f"fold {split.fold}"
        if not split.train:
            what = "no recordings to train on; two folds (1, 2, …), or both of split (train, test)"
            yield Finding("nothing to train on", where, what)
            continue
        trained = {scene.get(file) for file in split.train}
        tested = Counter(scene[file] for file in split.test if file in scene)
        for label in sorted(tested.keys() - trained):
            what = f"scene {label!r} is tested ({tested[label]} recordings) and never trained"
            yield Finding("scene not trained", where, what)
