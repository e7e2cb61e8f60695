"""TAU Urban Acoustic Scenes 2019, development set (DCASE 2019 Task 1A): 10 cities, one device."""

from __future__ import annotations

from asc_cli.datasets import Baseline, Challenge, Dataset
from asc_cli.datasets._formats import evaluation_set, tau, zenodo

DATASET = Dataset(
    name="tau2019",
    title="TAU Urban Acoustic Scenes 2019, development set (DCASE 2019 Task 1A)",
    labels=tau.LABELS,
    sample_rate=48_000,
    homepage="https://zenodo.org/records/2589280",
    licence=tau.LICENCE,
    citation=(
        "A. Mesaros, T. Heittola, T. Virtanen: A multi-device dataset for urban acoustic scene "
        "classification. DCASE Workshop 2018, 9-13."
    ),
    obtain=(
        "asc datasets download tau2019, or by hand: all zip parts of Zenodo record 2589280, "
        "unpacked into one folder, so that audio/, evaluation_setup/ and meta.csv lie side by side."
    ),
    metric="class-wise (macro) accuracy on the test part of fold 1",
    headline="macro_accuracy",
    recordings=14_400,
    shares_with=("tut2018", "tut2018_mobile", "tau2020_mobile", "tau2022_mobile"),
    fold_sizes=((9185, 4185),),
    scene_sizes=(1440,) * 10,
    archives=zenodo.archives(
        2589280,
        "TAU-urban-acoustic-scenes-2019-development",
        {
            "meta": "09782f2097e4735687af73c44919329c",
            "doc": "1f6879544e80da70099a191613e7e51f",
            "audio.1": "aca4ebfd9ed03d5f747d6ba8c24bc728",
            "audio.2": "c4f170408ce77c8c70c532bf268d7be0",
            "audio.3": "c7214a07211f10f3250290d05e72c37e",
            "audio.4": "a6a62110f6699cf4432072acb1dffda6",
            "audio.5": "091a0b6d3c84b8e60e46940aa7d4a8a0",
            "audio.6": "114f4ca13e074391b98a1cfd8140de65",
            "audio.7": "5951dd2968f7a514e2afbe279c4f060d",
            "audio.8": "b0b63dc95b327e1509857c8d8a663cc3",
            "audio.9": "3c32a693a6b111ffb957be3c1dd22e9b",
            "audio.10": "0ffbf60006da520cc761fb74c878b98b",
            "audio.11": "599055d93b4c11057c29be2df54538d4",
            "audio.12": "98b8d162ff3665695c4c910e6c372cc8",
            "audio.13": "a356c08b1a5a21d433eba37ef87587f4",
            "audio.14": "f8969771e7faf7dd471d1cf78b0cf011",
            "audio.15": "4758c4b0fb7484faa632266e78850820",
            "audio.16": "a18acad9ede8ea76574216feb887f0bc",
            "audio.17": "1af7703484632f340da5c33662dc9632",
            "audio.18": "b67402bf3e08f4da394a7c18756c0fd2",
            "audio.19": "035db315f19106eb848b6f9b32bcc47c",
            "audio.20": "9cb28c74911bf8a3eadcf53f50a5b5d6",
            "audio.21": "0e44ed85c88ec036a9725b4dd1dfaea0",
        },
    ),
    city_in_group=True,
    challenge=Challenge(
        "DCASE 2019 Task 1A",
        "the baseline, toni-heittola/dcase2019_task1_baseline, task1a.py",
        header=False,
        probabilities=False,
        homepage="https://zenodo.org/records/3063822",
    ),
    baselines=(
        Baseline(
            "macro_accuracy",
            0.625,
            "DCASE 2019 Task 1A baseline (log mel, CNN), its README",
            chosen_on="training",
            address="https://github.com/toni-heittola/dcase2019_task1_baseline",
        ),
    ),
)
read = tau.read
read_evaluation = evaluation_set.read
