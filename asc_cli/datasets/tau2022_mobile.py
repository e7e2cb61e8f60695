"""TAU Urban Acoustic Scenes 2022 Mobile, development set (DCASE 2022-2025 Task 1): 1 s pieces.

    <root>/split_setup/split{5,10,25,50,100}.csv    DCASE 2024/25's nested training lists

The recordings of the 2020 set, cut in ten. A subset keeps the test part of fold 1 and trains on
its list; recordings in neither list are left out.
"""

from __future__ import annotations

from pathlib import Path

from asc_cli.datasets import Archive, Baseline, Challenge, Dataset, Listing
from asc_cli.datasets._formats import evaluation_set, tau, zenodo

SPLITS = "https://github.com/CPJKU/dcase2024_task1_baseline/releases/download/files"
SUBSETS = ((5, 6980), (10, 13_960), (25, 34_900), (50, 69_800), (100, None))  # 100 is about 139 620

DATASET = Dataset(
    name="tau2022_mobile",
    title="TAU Urban Acoustic Scenes 2022 Mobile, development set (DCASE 2022-2025 Task 1)",
    labels=tau.LABELS,
    sample_rate=44_100,
    homepage="https://zenodo.org/records/6337421",
    licence=tau.LICENCE,
    citation=(
        "I. Martín-Morató, F. Paissan, A. Ancilotto, T. Heittola, A. Mesaros, E. Farella, "
        "A. Brutti, T. Virtanen: Low-complexity acoustic scene classification in DCASE 2022 "
        "Challenge. DCASE Workshop 2022. Subsets: F. Schmid et al., arXiv:2405.10018."
    ),
    obtain=(
        "asc datasets download tau2022_mobile, or by hand: all zip parts of Zenodo record 6337421, "
        "unpacked into one folder, so that audio/, evaluation_setup/ and meta.csv lie side by "
        f"side; the subsets' lists ({SPLITS}/split5.csv, …) go into split_setup/ there."
    ),
    metric=(
        "class-wise (macro) accuracy on the test part of fold 1, as DCASE 2024/25 rank; log loss "
        "(DCASE 2022) and per device besides"
    ),
    headline="macro_accuracy",
    recordings=230_350,
    shares_with=("tut2018", "tut2018_mobile", "tau2019", "tau2020_mobile"),
    fold_sizes=((None, 29_680),),
    subsets=SUBSETS,
    archives=(
        *zenodo.archives(
            6337421,
            "TAU-urban-acoustic-scenes-2022-mobile-development",
            {
                "meta": "419b6ff6570f1030730352dc80cd8d15",
                "doc": "9c4f610bdb5d3e3e72a17d393a26452a",
                "audio.1": "8be14bdbd844481dce059ab31fbd2239",
                "audio.2": "e821abda49b069248bb75eab39df7575",
                "audio.3": "9c7897f78bb42ca0008936daddf3f8f3",
                "audio.4": "53ec3e37c0fc0be75f53c5abbc5300b8",
                "audio.5": "528422c33c5d10263203d2c61cb1f3be",
                "audio.6": "4759a9465c903e13e57d5e82e791fc28",
                "audio.7": "6d545fc83a55a17856a9ccc1ac9aff6b",
                "audio.8": "3a2916a9b5d3f43cc7a22a62b180b0d9",
                "audio.9": "071f664c86639ad730f7be4e3c39d886",
                "audio.10": "e0839d019e9b77ecbcbb0eff85965530",
                "audio.11": "fc60f1c83726be3963ae14fbcb95eeb4",
                "audio.12": "02246547f86c0a814dc63ec65d7033bb",
                "audio.13": "88ae9ef884665140d1572d8061725e00",
                "audio.14": "c3f400d74ae90e5190dc518cde43de47",
                "audio.15": "85594c6fe4f91c10aa2a410f748103b8",
                "audio.16": "6e2df8438c69f6789414aeba8cbad9d8",
            },
        ),
        *(Archive(f"{SPLITS}/split{percent}.csv", into="split_setup") for percent, _ in SUBSETS),
    ),
    city_in_group=True,
    device_groups=tau.DEVICE_GROUPS,
    challenge=Challenge(
        "DCASE 2024 and 2025 Task 1",
        "the validator, toni-heittola/dcase2024_task1_submission_validator",
        header=True,
        probabilities=True,
    ),
    baselines=(
        *(
            Baseline(
                metric,
                value,
                "DCASE 2022 Task 1 baseline, its README",
                chosen_on="training",
                address="https://github.com/marmoi/dcase2022_task1_baseline",
            )
            for metric, value in (("macro_accuracy", 0.429), ("log_loss", 1.575))
        ),
        *(
            Baseline(
                "macro_accuracy",
                value,
                "DCASE 2024 Task 1 baseline, its README",
                percent,
                chosen_on="nothing",
                address="https://github.com/CPJKU/dcase2024_task1_baseline",
            )
            for percent, value in (
                (5, 0.4240),
                (10, 0.4529),
                (25, 0.5029),
                (50, 0.5319),
                (100, 0.5699),
            )
        ),
        *(
            Baseline("macro_accuracy", value, f"DCASE 2025 Task 1 baseline, {what}, its README", 25)
            for value, what in ((0.5072, "general model"), (0.5189, "device-specific models"))
        ),
    ),
)
read_evaluation = evaluation_set.read


def read(root: Path, subset: int = 100) -> Listing:
    """Read fold 1, or one of the subsets. The full training list is in evaluation_setup/."""
    if subset == 100:
        return tau.read(root)
    name = f"split{subset}.csv"
    places = [root / "split_setup" / name, root / "evaluation_setup" / name, root / name]
    file = next((path for path in places if path.exists()), places[0])
    return tau.read(root, train=file, only_listed=True)
