"""LITIS Rouen: 19 scenes, 3026 recordings of 30 s, 20 published train/test splits."""

from __future__ import annotations

import re
from pathlib import Path

from asc_cli.core.errors import AscError
from asc_cli.datasets import Baseline, Dataset, Listing, Recording, Split
from asc_cli.datasets._formats import lists

SIZES = {
    "avion": 23,
    "bus": 192,
    "busystreet": 143,
    "cafe": 120,
    "car": 243,
    "hall": 88,
    "hallgare": 269,
    "kidgame": 145,
    "market": 276,
    "metro-paris": 139,
    "metro-rouen": 249,
    "poolhall": 155,
    "quietstreet": 90,
    "restaurant": 133,
    "ruepietonne": 122,
    "shop": 203,
    "train-ter": 164,
    "train-tgv": 147,
    "tubestation": 125,
}

DATASET = Dataset(
    name="litis",
    title="LITIS Rouen audio scene dataset",
    labels=tuple(SIZES),
    sample_rate=22_050,
    homepage="https://sites.google.com/site/alainrakotomamonjy/home/audio-scene",
    licence="none stated; for research, ask the authors",
    citation=(
        "A. Rakotomamonjy, G. Gasso: Histogram of gradients of time-frequency representations "
        "for audio scene classification. IEEE/ACM TASLP 23(1), 142-153, 2015."
    ),
    obtain=(
        "By hand: 1. Open the homepage and ask for the audio scene dataset as it says. 2. Put the "
        "recordings (bus1.wav, …) into data_rouen/. 3. Beside that folder, put "
        "relation_wav_examples.txt, fold3026-matrices_Learn.txt and fold3026-matrices_Test.txt "
        "(or fold3026-matrices_v7.mat instead of the two). 4. asc datasets check litis --data PATH."
    ),
    metric="accuracy, averaged over the 20 splits",
    headline="accuracy",
    recordings=3026,
    fold_sizes=((2419, 607),) * 20,
    scene_sizes=tuple(SIZES.values()),
    baselines=(
        Baseline(
            "accuracy",
            0.946,
            "Bisot et al., IEEE/ACM TASLP 25(6), 2017: sparse NMF, error 5.4 % as quoted in "
            "Table 1 of Zhang, Zhang, Wu",
            chosen_on="nothing",
        ),
    ),
)


def read(root: Path) -> Listing:
    """Read the recordings and the 20 splits; locations are not published."""
    rows = [_relation(root, line) for line in lists.lines(root / "relation_wav_examples.txt")]
    recordings = tuple(Recording(file, scene(file)) for file, _ in rows)
    files = {number: file for file, number in rows}
    train, test = _matrices(root)
    splits = tuple(
        Split(fold, _files(train_ids, files), _files(test_ids, files))
        for fold, (train_ids, test_ids) in enumerate(zip(train, test, strict=True), start=1)
    )
    return Listing(DATASET.labels, recordings, splits)


def scene(file: str) -> str:
    """ "data_rouen/metro_rouen12.wav" is metro-rouen: the name up to its first digit."""
    return re.split(r"\d", Path(file).stem)[0].rstrip("-_ ").replace("_", "-")


def _relation(root: Path, line: str) -> tuple[str, int]:
    path, _, number = line.rpartition("\t") if "\t" in line else line.rpartition(" ")
    name = path.strip().replace("\\", "/").rpartition("/")[2]
    try:
        return f"data_rouen/{name}", int(float(number))
    except (ValueError, OverflowError):
        raise AscError(
            f"{root / 'relation_wav_examples.txt'}: {line!r} is not '<file name> <id>'"
        ) from None


def _files(numbers: list[int], files: dict[int, str]) -> tuple[str, ...]:
    """Return the files of the ids; an unlisted id is kept, so that the audit reports it."""
    return tuple(files.get(number, f"data_rouen/id {number} is in no list") for number in numbers)


def _matrices(root: Path) -> tuple[list[list[int]], list[list[int]]]:
    """Return the ids of training and test recordings, a list per split."""
    learn = root / "fold3026-matrices_Learn.txt"
    matlab = root / "fold3026-matrices_v7.mat"
    if learn.exists() or not matlab.exists():
        return _text(learn), _text(root / "fold3026-matrices_Test.txt")
    import scipy.io
    from scipy.io.matlab import MatReadError

    try:
        variables = scipy.io.loadmat(matlab, variable_names=["indiceMa", "indiceMt"])
        train, test = variables["indiceMa"], variables["indiceMt"]
    except (MatReadError, ValueError, KeyError, NotImplementedError, OSError) as fault:
        raise AscError(
            f"{matlab}: cannot be read as MATLAB variables indiceMa and indiceMt ({fault})"
        ) from fault
    return train.astype(int).tolist(), test.astype(int).tolist()


def _text(path: Path) -> list[list[int]]:
    try:
        return [[int(float(number)) for number in line.split()] for line in lists.lines(path)]
    except (ValueError, OverflowError) as fault:
        raise AscError(f"{path}: ids were expected, separated by white space ({fault})") from None
