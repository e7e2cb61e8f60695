"""TUT Acoustic Scenes 2016, development set (DCASE 2016 Task 1): 15 scenes, 4 folds by location."""

from __future__ import annotations

from pathlib import Path

from asc_cli.datasets import Baseline, Challenge, Dataset, Listing, Recording, Split
from asc_cli.datasets._formats import evaluation_set, lists, zenodo

DATASET = Dataset(
    name="tut2016",
    title="TUT Acoustic Scenes 2016, development set (DCASE 2016 Task 1)",
    labels=(
        "beach",
        "bus",
        "cafe/restaurant",
        "car",
        "city_center",
        "forest_path",
        "grocery_store",
        "home",
        "library",
        "metro_station",
        "office",
        "park",
        "residential_area",
        "train",
        "tram",
    ),
    sample_rate=44_100,
    homepage="https://zenodo.org/records/45739",
    licence="Tampere University of Technology's own terms, non-commercial (EULA.pdf in the set)",
    citation=(
        "A. Mesaros, T. Heittola, T. Virtanen: TUT database for acoustic scene classification "
        "and sound event detection. EUSIPCO 2016, 1128-1132."
    ),
    obtain=(
        "asc datasets download tut2016, or by hand: all zip parts of Zenodo record 45739, "
        "unpacked into one folder, so that audio/, evaluation_setup/ and meta.txt lie side by side."
    ),
    metric="class-wise accuracy, averaged over the matrix of folds × scenes",
    headline="fold_class_accuracy",
    recordings=1170,
    shares_with=("tut2017",),
    fold_sizes=((880, 290), (880, 290), (872, 298), (878, 292)),
    scene_sizes=(78,) * 15,
    archives=zenodo.archives(
        45739,
        "TUT-acoustic-scenes-2016-development",
        {
            "meta": "779b33da2ebbf8bde494b3c981827251",
            "error": "a0d3e0d81b0a36ece87d0f3a9124a386",
            "doc": "f94ad46eb36325d9fbce5d60f7fc9926",
            "audio.1": "e39546e65f2e72517b6335aaf0c8323d",
            "audio.2": "d36cf3253e2c041f68e937a3fe804807",
            "audio.3": "0393a9620ab882b1c26d884eccdcffdd",
            "audio.4": "fb3e4e0cd7ea82120ec07031dee558ce",
            "audio.5": "a19cf600b33c8f88f6ad607bafd74057",
            "audio.6": "591aad3219d1155342572cc1f6af5680",
            "audio.7": "9e6c1897789e6bce13ac69c6caedb7ab",
            "audio.8": "c4718354f48fcc9dfc7305f6cd8325c8",
        },
    ),
    challenge=Challenge(
        "DCASE 2016 Task 1",
        "dcase.community/challenge2016/submission",
        header=False,
        probabilities=False,
        homepage="https://zenodo.org/records/165995",
    ),
    baselines=(
        Baseline(
            "fold_class_accuracy",
            0.726,
            "DCASE 2016 Task 1 baseline (MFCC, GMM), by the abstract of 'Experiments on the DCASE "
            "Challenge 2016'; the README of its Python code states another figure",
            chosen_on="nothing",
        ),
    ),
)
read_evaluation = evaluation_set.read


def read(root: Path) -> Listing:
    """Read meta.txt and the four published folds. The group of a recording is its location.

    TUT 2017 has the same lists; its third column repeats the location.
    """
    meta = root / "meta.txt"
    recordings = tuple(
        Recording(file := lists.file_name(row[0], meta, line), row[1], group=location(file))
        for line, row in lists.rows(meta, columns=2)
    )
    labels = {recording.file: recording.label for recording in recordings}
    conflicts: list[tuple[str, str]] = []
    splits = tuple(_split(root, fold, labels, conflicts) for fold in (1, 2, 3, 4))
    return Listing(DATASET.labels, recordings, splits, tuple(conflicts))


def location(file: str) -> str:
    """ "audio/b010_0_30.wav" was recorded at location b010."""
    return Path(file).name.split("_")[0]


def _split(
    root: Path, fold: int, labels: dict[str, str], conflicts: list[tuple[str, str]]
) -> Split:
    setup = root / "evaluation_setup"
    evaluate = setup / f"fold{fold}_evaluate.txt"
    train = _files(setup / f"fold{fold}_train.txt", labels, conflicts)
    if evaluate.exists():
        return Split(fold, train, _files(evaluate, labels, conflicts))
    unlabelled = setup / f"fold{fold}_test.txt"
    test = lists.rows(unlabelled, columns=1)
    return Split(
        fold, train, tuple(lists.file_name(row[0], unlabelled, line) for line, row in test)
    )


def _files(path: Path, labels: dict[str, str], conflicts: list[tuple[str, str]]) -> tuple[str, ...]:
    """Return the files of one fold's list; labels that differ from meta.txt's go into
    `conflicts`."""
    rows = [
        (lists.file_name(row[0], path, line), row[1]) for line, row in lists.rows(path, columns=2)
    ]
    for file, label in rows:
        if labels.get(file, label) != label:
            conflicts.append((file, f"{path.name} says {label}, meta.txt {labels[file]}"))
    return tuple(file for file, _ in rows)
