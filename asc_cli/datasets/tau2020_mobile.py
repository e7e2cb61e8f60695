"""TAU Urban Acoustic Scenes 2020 Mobile, development set (DCASE 2020 Task 1A): nine devices.

Devices a, b, c, s1, s2, s3 are trained and tested on; s4, s5, s6 are tested on only.
"""

from __future__ import annotations

from asc_cli.datasets import Baseline, Challenge, Dataset
from asc_cli.datasets._formats import evaluation_set, tau, zenodo

DATASET = Dataset(
    name="tau2020_mobile",
    title="TAU Urban Acoustic Scenes 2020 Mobile, development set (DCASE 2020 Task 1A)",
    labels=tau.LABELS,
    sample_rate=44_100,
    homepage="https://zenodo.org/records/3819968",
    licence=tau.LICENCE,
    citation=(
        "T. Heittola, A. Mesaros, T. Virtanen: Acoustic scene classification in DCASE 2020 "
        "Challenge: generalization across devices and low complexity solutions. "
        "DCASE Workshop 2020, 56-60."
    ),
    obtain=(
        "asc datasets download tau2020_mobile, or by hand: all zip parts of Zenodo record 3819968, "
        "unpacked into one folder, so that audio/, evaluation_setup/ and meta.csv lie side by side."
    ),
    metric="class-wise (macro) accuracy on the test part of fold 1; log loss, per device besides",
    headline="macro_accuracy",
    recordings=23_040,
    shares_with=("tut2018", "tut2018_mobile", "tau2019", "tau2022_mobile"),
    fold_sizes=((13_965, 2970),),
    archives=zenodo.archives(
        3819968,
        "TAU-urban-acoustic-scenes-2020-mobile-development",
        {
            "meta": "6eae9db553ce48e4ea246e34e50a3cf5",
            "doc": "175f40dc3fec144347abad4d2962b7ae",
            "audio.1": "b1e85b8a908d3d6a6ab73268f385d5c8",
            "audio.2": "4310a13cc2943d6ce3f70eba7ba4c784",
            "audio.3": "ed38956c4246abb56190c1e9b602b7b8",
            "audio.4": "97ab8560056b6816808dedc044dcc023",
            "audio.5": "b50f5e0bfed33cd8e52cb3e7f815c6cb",
            "audio.6": "fbf856a3a86fff7520549c899dc94372",
            "audio.7": "0dbffe7b6e45564da649378723284062",
            "audio.8": "bb6f77832bf0bd9f786f965beb251b2e",
            "audio.9": "a65596a5372eab10c78e08a0de797c9e",
            "audio.10": "2ad595819ffa1d56d2de4c7ed43205a6",
            "audio.11": "0ad29f7040a4e6a22cfd639b3a6738e5",
            "audio.12": "e5f4400c6b9697295fab4cf507155a2f",
            "audio.13": "8855ab9f9896422746ab4c5d89d8da2f",
            "audio.14": "092ad744452cd3e7de78f988a3d13020",
            "audio.15": "4b5eb85f6592aebf846088d9df76b420",
            "audio.16": "2e0a89723e58a3836be019e6996ae460",
        },
    ),
    city_in_group=True,
    device_groups=tau.DEVICE_GROUPS,
    challenge=Challenge(
        "DCASE 2020 Task 1A",
        "the validator, toni-heittola/dcase2020_task1_submission_validator",
        header=True,
        probabilities=True,
    ),
    baselines=(
        *(
            Baseline(
                metric,
                value,
                "DCASE 2020 Task 1A baseline (OpenL3, MLP), its README",
                chosen_on="training",
                outside_data="OpenL3 embeddings",
                address="https://github.com/toni-heittola/dcase2020_task1_baseline",
            )
            for metric, value in (("macro_accuracy", 0.541), ("log_loss", 1.365))
        ),
    ),
)
read = tau.read
read_evaluation = evaluation_set.read
