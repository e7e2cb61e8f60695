"""DCASE 2013 scenes, public part: 10 scenes × 10 binaural recordings of 30 s from London.

<root>/scenes_stereo/bus01.wav                <scene><number>; the folder may be left out

Scenes and format are those of the task's page, dcase.community/challenge2013; the archive, its
checksum and the form of the names those of dcase_util (dcase_util/datasets/dcase2013.py).

The folds of the challenge were not published where we could read them, and dcase_util draws some
of its own. Ours are others: fold k tests on the recordings 2k-1 and 2k of each scene. Where the
recordings were made is not published, so a place may be on both sides.
"""

from __future__ import annotations

import re
from pathlib import Path

from asc_cli.core.errors import AscError
from asc_cli.datasets import Archive, Baseline, Dataset, Listing, Recording
from asc_cli.datasets._formats import folds as _folds

NAME = re.compile(r"([a-z]+)(\d\d)")
IN_FOLD = 2  # recordings of each scene that a fold tests

DATASET = Dataset(
    name="dcase2013",
    title="DCASE 2013 acoustic scenes, public dataset",
    labels=(
        "bus",
        "busystreet",
        "office",
        "openairmarket",
        "park",
        "quietstreet",
        "restaurant",
        "supermarket",
        "tube",
        "tubestation",
    ),
    sample_rate=44_100,
    homepage="https://archive.org/details/dcase2013_scene_classification",
    licence="not read; see the homepage",
    citation=(
        "D. Giannoulis, E. Benetos, D. Stowell, M. D. Plumbley: IEEE AASP CASA Challenge - Public "
        "Dataset for Scene Classification Task."
    ),
    obtain=(
        "asc datasets download dcase2013, or by hand: scenes_stereo.zip of the homepage, unpacked, "
        "so that scenes_stereo/bus01.wav and so on lie there."
    ),
    metric=(
        "accuracy, averaged over 5 folds; the challenge's folds could not be read, so these are "
        "ours and not official: fold k tests on recordings 2k-1 and 2k of each scene"
    ),
    headline="accuracy",
    recordings=100,
    fold_sizes=((80, 20),) * 5,
    scene_sizes=(10,) * 10,
    archives=(
        Archive(
            "https://archive.org/download/dcase2013_scene_classification/scenes_stereo.zip",
            "abdefde136d84de33b0f20a0f13a6b97",
            strip=0,
        ),
    ),
    baselines=(
        Baseline(
            "accuracy",
            0.55,
            "DCASE 2013 baseline, the challenge's results: 55.0 (45.2-64.8)",
            tested_on="the challenge's private part, 100 other recordings, in folds of its own",
        ),
    ),
)


def read(root: Path) -> Listing:
    """Read every recording of scenes_stereo/; our folds go by the numbers in the names."""
    folder = root / "scenes_stereo" if (root / "scenes_stereo").is_dir() else root
    paths = sorted(path for path in folder.glob("*.wav") if path.name[0] != ".")
    if not paths:
        raise AscError(f"{root}: no recordings such as bus01.wav here; {DATASET.obtain}")
    recordings, folds = [], []
    for path in paths:
        if not (name := NAME.fullmatch(path.stem)) or int(name[2]) == 0:
            raise AscError(f"{path}: the name is not <scene><two digits>")
        file = path.relative_to(root).as_posix()
        recordings.append(Recording(file, name[1]))
        folds.append((file, (int(name[2]) - 1) // IN_FOLD + 1))
    return Listing(DATASET.labels, tuple(recordings), _folds.leave_one_fold_out(folds))
