"""UrbanSound8K: 10 city sounds, 8732 slices of up to 4 s, 10 published folds, never reshuffled.

<root>/audio/fold1/101415-3-0-2.wav           <source>-<class>-<occurrence>-<slice>
<root>/metadata/UrbanSound8K.csv              slice_file_name,fsID,start,end,salience,fold,…
"""

from __future__ import annotations

from pathlib import Path

from asc_cli.datasets import Archive, Baseline, Dataset, Listing, Recording
from asc_cli.datasets._formats import folds as _folds
from asc_cli.datasets._formats import lists

SIZES = {  # in the order of the set's own class numbers
    "air_conditioner": 1000,
    "car_horn": 429,
    "children_playing": 1000,
    "dog_bark": 1000,
    "drilling": 1000,
    "engine_idling": 1000,
    "gun_shot": 374,
    "jackhammer": 1000,
    "siren": 929,
    "street_music": 1000,
}
FOLD_SIZES = (873, 888, 925, 990, 936, 823, 838, 806, 816, 837)

DATASET = Dataset(
    name="urbansound8k",
    title="UrbanSound8K",
    labels=tuple(SIZES),
    sample_rate=44_100,
    homepage="https://urbansounddataset.weebly.com/urbansound8k.html",
    licence="CC BY-NC 3.0",
    citation=(
        "J. Salamon, C. Jacoby, J. P. Bello: A Dataset and Taxonomy for Urban Sound Research. "
        "ACM Multimedia 2014, 1041-1044."
    ),
    obtain=(
        "asc datasets download urbansound8k, or UrbanSound8K.tar.gz of Zenodo record 1203745: "
        "audio/ and metadata/ lie in the root."
    ),
    metric="accuracy, averaged over the 10 folds",
    headline="accuracy",
    recordings=8732,
    fold_sizes=tuple((8732 - size, size) for size in FOLD_SIZES),
    scene_sizes=tuple(SIZES.values()),
    archives=(
        Archive(
            "https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz",
            "9aa69802bbf37fb986f71ec1483a196e",
        ),
    ),
    baselines=(
        Baseline("accuracy", 0.731, "Piczak, MLSP 2015, results: CNN on log mel, variant LP"),
    ),
)


def read(root: Path) -> Listing:
    """Read metadata/UrbanSound8K.csv. A slice's group is the recording (fsID) it was cut from."""
    path = root / "metadata" / "UrbanSound8K.csv"
    recordings, folds = [], []
    for line, row in lists.records(path, ("slice_file_name", "fsID", "fold", "class"), ","):
        fold = _folds.number(path, row["slice_file_name"], row["fold"])
        file = lists.file_name(f"audio/fold{fold}/{row['slice_file_name']}", path, line)
        recordings.append(Recording(file, row["class"], group=row["fsID"]))
        folds.append((file, fold))
    return Listing(DATASET.labels, tuple(recordings), _folds.leave_one_fold_out(folds))
