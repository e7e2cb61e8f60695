"""ESC-10: 10 environmental sounds × 40 clips of 5 s, 5 folds that share no source recording."""

from __future__ import annotations

from pathlib import Path

from asc_cli.core import csv_text
from asc_cli.core.errors import AscError
from asc_cli.datasets import Archive, Baseline, Dataset, Listing, Recording
from asc_cli.datasets._formats import folds as _folds

DATASET = Dataset(
    name="esc10",
    title="ESC-10: Dataset for Environmental Sound Classification",
    labels=(
        "Dog bark",
        "Rain",
        "Sea waves",
        "Baby cry",
        "Clock tick",
        "Person sneeze",
        "Helicopter",
        "Chainsaw",
        "Rooster",
        "Fire crackling",
    ),
    sample_rate=44_100,
    homepage="https://github.com/karoldvl/ESC-10",
    licence="CC BY 3.0",
    citation=(
        "K. J. Piczak: ESC: Dataset for Environmental Sound Classification. "
        "ACM Multimedia 2015, 1015-1018."
    ),
    obtain=(
        "asc datasets download esc10, or clone the ESC-10 repository: ten folders named "
        "'001 - Dog bark' to '010 - Fire crackling' lie in its root."
    ),
    metric="accuracy, averaged over the 5 folds",
    headline="accuracy",
    recordings=400,
    shares_with=("esc50",),
    fold_sizes=((320, 80),) * 5,
    scene_sizes=(40,) * 10,
    archives=(Archive("https://github.com/karoldvl/ESC-10/archive/master.zip"),),
    baselines=(
        Baseline(
            "accuracy",
            0.727,
            "Piczak, ACM Multimedia 2015, results: random forest on MFCC and zero crossings",
            chosen_on="nothing",
        ),
    ),
)


def read(root: Path) -> Listing:
    """Read every recording in the numbered folders; 1-100032-A.ogg is <fold>-<source>-<take>."""
    files = sorted(path for path in root.glob("[0-9]* - */*") if path.name[0] not in "._")
    if not files:
        raise AscError(f"{root}: no folders such as '001 - Dog bark' here; {DATASET.obtain}")
    folds: dict[str, int] = {}
    recordings = []
    for path in files:
        file = path.relative_to(root).as_posix()
        try:
            fold, source, _take = path.stem.split("-")
            folds[file] = csv_text.whole_number(fold)
        except ValueError:
            raise AscError(f"{path}: the name is not <fold>-<source>-<take>") from None
        recordings.append(Recording(file, path.parent.name.split(" - ", 1)[1], group=source))
    splits = _folds.leave_one_fold_out(list(folds.items()))
    return Listing(DATASET.labels, tuple(recordings), splits)
