"""TUT Urban Acoustic Scenes 2018 Mobile, development set (DCASE 2018 Task 1B): three devices.

Device a, whose recordings are those of `tut2018` in mono, and few of the devices b and c beside it.
The challenge ranks by b and c alone: the group "b, c" of the devices. Sizes are those of the paper
(arXiv 1807.09840) and of a public reader (github.com/qiuqiangkong/dcase2018_task1); the archives'
checksums those of dcase_util (dcase_util/datasets/tut.py).
"""

from __future__ import annotations

from asc_cli.datasets import Baseline, Challenge, Dataset
from asc_cli.datasets._formats import evaluation_set, tau, zenodo

RANKED = "b, c"

DATASET = Dataset(
    name="tut2018_mobile",
    title="TUT Urban Acoustic Scenes 2018 Mobile, development set (DCASE 2018 Task 1B)",
    labels=tau.LABELS,
    sample_rate=44_100,
    homepage="https://zenodo.org/records/1228235",
    licence=tau.LICENCE,
    citation=(
        "A. Mesaros, T. Heittola, T. Virtanen: A multi-device dataset for urban acoustic scene "
        "classification. DCASE Workshop 2018, 9-13."
    ),
    obtain=(
        "asc datasets download tut2018_mobile, or by hand: all zip parts of Zenodo record 1228235, "
        "unpacked into one folder, so that audio/, evaluation_setup/ and meta.csv lie side by side."
    ),
    metric=(
        "class-wise (macro) accuracy of devices b and c on the test part of fold 1: the line "
        "'all b, c' of the devices; the headline is of all three"
    ),
    headline="macro_accuracy",
    recordings=10_080,
    shares_with=("tut2018", "tau2019", "tau2020_mobile", "tau2022_mobile"),
    fold_sizes=((7202, 2878),),
    archives=zenodo.archives(
        1228235,
        "TUT-urban-acoustic-scenes-2018-mobile-development",
        {
            "doc": "5694e9cdffa11cef8ec270673dc19ba0",
            "meta": "b557b6d5d620aa4f15564ab38f1594d4",
            "audio.1": "d6f2671af84032b97f393354c124517d",
            "audio.2": "db8b3603af5d4e559869a592930a7620",
            "audio.3": "703bf73523a6ad1f40d4923cb8ba3ff0",
            "audio.4": "18af04ab5d6f15a72c66f16bfec0ca07",
            "audio.5": "a579efb032f209a7e77fe22e4808e9ca",
            "audio.6": "c2c56691047b3be3d98cb0ffd6858d9f",
            "audio.7": "e182e5300867f4ed4b580389cc5b931e",
        },
    ),
    city_in_group=True,
    device_groups=((RANKED, ("b", "c")),),
    challenge=Challenge(
        "DCASE 2018 Task 1B",
        "the baseline, DCASE-REPO/dcase2018_baseline, task1/task1a.py",
        header=False,
        probabilities=False,
        homepage="https://zenodo.org/records/1293901",
    ),
    baselines=(
        Baseline(
            "macro_accuracy",
            0.456,
            "DCASE 2018 Task 1B baseline (log mel, CNN), 45.6 ± 3.6",
            devices=RANKED,
        ),
    ),
)
read = tau.read
read_evaluation = evaluation_set.read
