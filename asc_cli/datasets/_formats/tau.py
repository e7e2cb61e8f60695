"""What the TAU Urban Acoustic Scenes sets share: labels, licence, lists.

    <root>/meta.csv                               filename, scene_label, identifier, source_label
    <root>/evaluation_setup/fold1_train.csv       filename, scene_label
    <root>/evaluation_setup/fold1_evaluate.csv    the same; or fold1_test.csv: filename only

All with a header and TABs. Names are scene-city-location-segment[-part]-device.wav; the location,
city-location, is what train and test must not share. Without meta.csv, the fold's lists and the
names say the same about the files that the protocol uses.
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
LICENCE = "Tampere University's own terms, non-commercial (LICENSE in the set)"


def read(root: Path, train: Path | None = None, only_listed: bool = False) -> Listing:
    """Fold 1 of a TAU set. train: another list to train on; only_listed: leave out of the
    recordings those that no list of the fold names."""
    setup = root / "evaluation_setup"
    train = train or setup / "fold1_train.csv"
    evaluate = setup / "fold1_evaluate.csv"
    listed = _labelled(train)
    tested = _labelled(evaluate) if evaluate.exists() else []
    test = [file for file, _ in tested] or _named(setup / "fold1_test.csv")
    known = _recordings(root, [*listed, *tested])
    if only_listed:
        used = {file for file, _ in listed} | set(test)
        known = [recording for recording in known if recording.file in used]
    labels = {recording.file: recording.label for recording in known}
    conflicts = tuple(
        (file, f"{where.name} says {label}, meta.csv {labels[file]}")
        for where, rows in ((train, listed), (evaluate, tested))
        for file, label in rows
        if labels.get(file, label) != label
    )
    split = Split(1, tuple(file for file, _ in listed), tuple(test))
    return Listing(LABELS, tuple(known), (split,), conflicts)


def location(file: str) -> str:
    """ "audio/airport-lisbon-1000-40000-a.wav" was recorded at lisbon-1000."""
    return "-".join(Path(file).stem.split("-")[1:3])


def device(file: str) -> str:
    """ "audio/airport-lisbon-1000-40000-s1.wav" was recorded with device s1."""
    return Path(file).stem.rpartition("-")[2]


def _recordings(root: Path, listed: list[tuple[str, str]]) -> list[Recording]:
    meta = root / "meta.csv"
    if not meta.exists():
        rows = dict(listed).items()
        return [Recording(file, label, location(file), device(file)) for file, label in rows]
    return [
        Recording(
            file := lists.slashes(row["filename"]),
            row["scene_label"],
            row["identifier"] or location(file),
            row["source_label"] or device(file),
        )
        for row in lists.records(
            meta, ("filename", "scene_label", "identifier", "source_label"), "\t"
        )
    ]


def _labelled(path: Path) -> list[tuple[str, str]]:
    rows = lists.records(path, ("filename", "scene_label"), "\t")
    return [(lists.slashes(row["filename"]), row["scene_label"]) for row in rows]


def _named(path: Path) -> list[str]:
    return [lists.slashes(row["filename"]) for row in lists.records(path, ("filename",), "\t")]
