"""TUT Urban Acoustic Scenes 2018, development set (DCASE 2018 Task 1A): 6 cities, one device."""

from __future__ import annotations

from asc_cli.datasets import Baseline, Dataset
from asc_cli.datasets._formats import tau

DATASET = Dataset(
    name="tut2018",
    title="TUT Urban Acoustic Scenes 2018, development set (DCASE 2018 Task 1A)",
    labels=tau.LABELS,
    sample_rate=48_000,
    homepage="https://zenodo.org/records/1228142",
    licence=tau.LICENCE,
    citation=(
        "A. Mesaros, T. Heittola, T. Virtanen: A multi-device dataset for urban acoustic scene "
        "classification. DCASE Workshop 2018, 9-13."
    ),
    obtain=(
        "By hand: all zip parts of Zenodo record 1228142, unpacked into one folder, so that "
        "audio/, evaluation_setup/ and meta.csv lie side by side."
    ),
    metric="class-wise (macro) accuracy on the test part of fold 1",
    headline="macro_accuracy",
    recordings=8_640,
    shares_with=("tau2019", "tau2020_mobile", "tau2022_mobile"),
    fold_sizes=((6122, 2518),),
    baselines=(
        Baseline(
            "macro_accuracy",
            0.597,
            "DCASE 2018 Task 1A baseline (log mel, CNN), 59.7 ± 0.7",
            chosen_on="training",
            address="https://github.com/DCASE-REPO/dcase2018_baseline",
        ),
    ),
)
read = tau.read
