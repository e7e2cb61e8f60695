"""CAS 2023, development set (ICME 2024, APSIPA 2025): 10 scenes of Chinese cities, 10 s each.

<root>/metadata/APSIPA2025_GC_ASC_dev_metadata.csv    filename,location,record_time,scene_label
<root>/ICME2024_GC_ASC_dev/<filename>.wav             44.1 kHz in the challenges' baselines

A row without a scene_label is a recording of the unlabelled part, 6960 of 8700. Files, folders,
scenes and cities are those of the baselines (github.com/JishengBai/ICME2024ASC and
APSIPA2025GC-ASC); the sizes are in the first one's training log.

The challenges test on an evaluation set with unseen cities (Zenodo record 10820626), and publish no
folds of this set. Ours, which are not official: 5, stratified by scene; what was recorded in one
city at one time is in one fold. ICME 2024's own list (ICME2024_ASC_dev_label.csv) names neither
city nor time, so folds cannot be made of it.

Of the evaluation set, as ICME 2024 has it:

<root>/metadata/ICME2024_ASC_eval.csv                 filename,scene_label; the label is empty
<root>/ICME2024_GC_ASC_eval/<filename>.wav
"""

from __future__ import annotations

from pathlib import Path

from asc_cli.datasets import Baseline, Challenge, Dataset, Listing, Recording, Unlabelled
from asc_cli.datasets._formats import folds as _folds
from asc_cli.datasets._formats import lists
from asc_cli.datasets._formats.stratified import assign

METADATA = "metadata/APSIPA2025_GC_ASC_dev_metadata.csv"
EVALUATION_LIST = "metadata/ICME2024_ASC_eval.csv"
COLUMNS = ("filename", "location", "record_time", "scene_label")
FOLDS = 5
EVALUATION = "the evaluation set, which has cities that are not in this one"

DATASET = Dataset(
    name="cas2023",
    title="Chinese Acoustic Scenes 2023, development set (ICME 2024, APSIPA 2025)",
    labels=(  # in the order of the baselines' class numbers
        "Bus",
        "Airport",
        "Metro",
        "Restaurant",
        "Shopping mall",
        "Public square",
        "Urban park",
        "Traffic street",
        "Construction site",
        "Bar",
    ),
    sample_rate=44_100,
    homepage="https://zenodo.org/records/10616533",
    licence="not read; see the homepage",
    citation=(
        "J. Bai et al.: Description on IEEE ICME 2024 Grand Challenge: Semi-supervised Acoustic "
        "Scene Classification under Domain Shift. arXiv:2402.02694, 2024."
    ),
    obtain=(
        "By hand: ICME2024_GC_ASC_dev.zip of Zenodo record 10616533, unpacked, so that "
        "ICME2024_GC_ASC_dev/*.wav lie there, and the folder metadata/ of the repository "
        "JishengBai/APSIPA2025GC-ASC beside it. Its checksum could not be read."
    ),
    metric=(
        "class-wise (macro) accuracy; the challenges test on their evaluation set, and the 5 folds "
        "of this set are ours, not official"
    ),
    headline="macro_accuracy",
    recordings=1740,
    unlabelled=6960,
    city_in_group=True,
    challenge=Challenge(
        "ICME 2024 Grand Challenge",
        "the baseline, JishengBai/ICME2024ASC, test.py",
        header=True,
        probabilities=False,
        delimiter=",",
        homepage="https://zenodo.org/records/10820626",
    ),
    baselines=(
        Baseline(
            "macro_accuracy",
            0.59,
            "ICME 2024 baseline, arXiv:2402.02694",
            tested_on=EVALUATION,
            outside_data="TAU Urban 2020 Mobile",
            address="https://arxiv.org/abs/2402.02694",
        ),
    ),
)


def read(root: Path) -> Listing:
    """Read the challenge's list. A recording's group is its city and time, as in Xi'an-2023-…."""
    path = root / METADATA
    recordings, unlabelled = [], []
    for line, row in lists.records(path, COLUMNS, ","):
        file = lists.file_name(f"ICME2024_GC_ASC_dev/{row['filename']}.wav", path, line)
        if row["scene_label"]:
            session = f"{row['location']}-{row['record_time']}"
            recordings.append(Recording(file, row["scene_label"], group=session))
        else:
            unlabelled.append(file)
    fold_of = assign(recordings, {r.file: r.group for r in recordings}, FOLDS)
    splits = _folds.leave_one_fold_out([(r.file, fold_of[r.file]) for r in recordings])
    return Listing(DATASET.labels, tuple(recordings), splits, unlabelled=tuple(unlabelled))


def read_evaluation(root: Path) -> tuple[Unlabelled, ...]:
    """Read the list of the evaluation set, which names recordings without their ending."""
    path = root / EVALUATION_LIST
    names = [(line, row["filename"]) for line, row in lists.records(path, ("filename",), ",")]
    return tuple(
        Unlabelled(lists.file_name(f"ICME2024_GC_ASC_eval/{name}.wav", path, line), name)
        for line, name in names
    )
