"""Labels, licence and lists of the TAU Urban Acoustic Scenes sets.

    <root>/meta.csv                               filename, scene_label, identifier, source_label
    <root>/evaluation_setup/fold1_train.csv       filename, scene_label
    <root>/evaluation_setup/fold1_evaluate.csv    the same; or fold1_test.csv: filename only

All with a header and TABs; in 2018 the fold's lists are .txt files without a header. Names are
scene-city-location-segment[-part]-device.wav; the location, city-location, is what train and test
must not share. Without meta.csv, the same is read from the fold's lists and the file names.
"""

from __future__ import annotations

from pathlib import Path

from asc_cli.datasets import Listing, Recording, Split
from asc_cli.datasets._formats import lists

LABELS = (
    "airport",
    "bus",
    "metro",
    "metro_station",
    "park",
    "public_square",
    "shopping_mall",
    "street_pedestrian",
    "street_traffic",
    "tram",
)
DEVICE_GROUPS = (  # of the mobile sets of 2020 and 2022; s4 to s6 are in the test part alone
    ("real", ("a", "b", "c")),
    ("seen simulated", ("s1", "s2", "s3")),
    ("unseen simulated", ("s4", "s5", "s6")),
)
LICENCE = "Tampere University's own terms, non-commercial (LICENSE in the set)"


def read(root: Path, train: Path | None = None, only_listed: bool = False) -> Listing:
    """Read fold 1 of a TAU set.

    train: another training list. only_listed: leave out recordings that are in neither list.
    """
    setup = root / "evaluation_setup"
    suffix = ".txt" if (setup / "fold1_train.txt").exists() else ".csv"
    train = train or setup / f"fold1_train{suffix}"
    evaluate = setup / f"fold1_evaluate{suffix}"
    train_rows = _labelled(train)
    tested = _labelled(evaluate) if evaluate.exists() else []
    test = [file for file, _ in tested] or _file_names(setup / f"fold1_test{suffix}")
    recordings = _recordings(root, [*train_rows, *tested])
    if only_listed:
        used = {file for file, _ in train_rows} | set(test)
        recordings = [recording for recording in recordings if recording.file in used]
    labels = {recording.file: recording.label for recording in recordings}
    conflicts = tuple(
        (file, f"{list_path.name} says {label}, meta.csv {labels[file]}")
        for list_path, rows in ((train, train_rows), (evaluate, tested))
        for file, label in rows
        if labels.get(file, label) != label
    )
    split = Split(1, tuple(file for file, _ in train_rows), tuple(test))
    return Listing(LABELS, tuple(recordings), (split,), conflicts)


def location(file: str) -> str:
    """ "audio/airport-lisbon-1000-40000-a.wav" was recorded at lisbon-1000."""
    return "-".join(Path(file).stem.split("-")[1:3])


def recording_device(file: str) -> str:
    """ "audio/airport-lisbon-1000-40000-s1.wav" was recorded with device s1."""
    return Path(file).stem.rpartition("-")[2]


def _recordings(root: Path, labelled: list[tuple[str, str]]) -> list[Recording]:
    meta = root / "meta.csv"
    if not meta.exists():
        rows = dict(labelled).items()
        return [
            Recording(file, label, location(file), recording_device(file)) for file, label in rows
        ]
    return [
        Recording(
            file := lists.file_name(row["filename"], meta, line),
            row["scene_label"],
            row["identifier"] or location(file),
            row["source_label"] or recording_device(file),
        )
        for line, row in lists.records(
            meta, ("filename", "scene_label", "identifier", "source_label"), "\t"
        )
    ]


def _labelled(path: Path) -> list[tuple[str, str]]:
    if path.suffix == ".txt":
        return [
            (lists.file_name(file, path, line), label)
            for line, (file, label, *_) in lists.rows(path, 2)
        ]
    rows = lists.records(path, ("filename", "scene_label"), "\t")
    return [
        (lists.file_name(row["filename"], path, line), row["scene_label"]) for line, row in rows
    ]


def _file_names(path: Path) -> list[str]:
    if path.suffix == ".txt":
        return [lists.file_name(fields[0], path, line) for line, fields in lists.rows(path, 1)]
    rows = lists.records(path, ("filename",), "\t")
    return [lists.file_name(row["filename"], path, line) for line, row in rows]
