"""TUT Urban Acoustic Scenes 2018, development set (DCASE 2018 Task 1A): 6 cities, one device.

The archives' checksums are those of dcase_util (dcase_util/datasets/tut.py).
"""

from __future__ import annotations

from asc_cli.datasets import Baseline, Challenge, Dataset
from asc_cli.datasets._formats import evaluation_set, tau, zenodo

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
        "asc datasets download tut2018, or by hand: all zip parts of Zenodo record 1228142, "
        "unpacked into one folder, so that audio/, evaluation_setup/ and meta.csv lie side by side."
    ),
    metric="class-wise (macro) accuracy on the test part of fold 1",
    headline="macro_accuracy",
    recordings=8_640,
    shares_with=("tau2019", "tau2020_mobile", "tau2022_mobile", "tut2018_mobile"),
    fold_sizes=((6122, 2518),),
    archives=zenodo.archives(
        1228142,
        "TUT-urban-acoustic-scenes-2018-development",
        {
            "doc": "28a4a9c46a6f46709ecc8eece365a3a4",
            "meta": "e196065ee83c07af03a11a310364377d",
            "audio.1": "62f97087c447e29def8716204469bf89",
            "audio.2": "8e569a92025d82bff6b02b956d7c6dc9",
            "audio.3": "00d2020582a4535af5e65322fb2bad56",
            "audio.4": "d691eb4271f83ba6ba9a28797accc497",
            "audio.5": "c4d64b5483b60f85e9fe080b3435a6be",
            "audio.6": "2f0feee78f216697eb19497714d97642",
            "audio.7": "07cfefe80a0731de6819181841239f3a",
            "audio.8": "213f3c012859c2e9dcb74aacc8558458",
            "audio.9": "b724442b09abcb3bd095ebff497cef85",
            "audio.10": "a27a32fa52e283ed8013375b8a16f269",
            "audio.11": "7073a121e825ffef99832507f30d6644",
            "audio.12": "6567aa61db12776568b6267ce122fb18",
            "audio.13": "d00eeb2db0e093d8975521323a96c519",
        },
    ),
    city_in_group=True,
    challenge=Challenge(
        "DCASE 2018 Task 1A",
        "the baseline, DCASE-REPO/dcase2018_baseline, task1/task1a.py",
        header=False,
        probabilities=False,
        homepage="https://zenodo.org/records/1293883",
    ),
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
read_evaluation = evaluation_set.read
