"""TUT Acoustic Scenes 2017, development set (DCASE 2017 Task 1): pieces of 10 s, 4 folds.

    <root>/meta.txt                               file<TAB>label<TAB>location
    <root>/evaluation_setup/fold{1..4}_….txt      as TUT 2016

The recordings are those of TUT 2016 cut in three, from the same locations. The form of the
challenge's file could not be read, so there is no `challenge`.
"""

from __future__ import annotations

from dataclasses import replace

from asc_cli.datasets import Baseline, tut2016
from asc_cli.datasets._formats import zenodo

DATASET = replace(
    tut2016.DATASET,
    name="tut2017",
    title="TUT Acoustic Scenes 2017, development set (DCASE 2017 Task 1)",
    homepage="https://zenodo.org/records/400515",
    citation=(
        "A. Mesaros, T. Heittola, T. Virtanen: TUT Acoustic Scenes 2017, Development dataset. "
        "Zenodo, 2017, doi 10.5281/zenodo.400515."
    ),
    obtain=(
        "asc datasets download tut2017, or by hand: all zip parts of Zenodo record 400515, "
        "unpacked into one folder, so that audio/, evaluation_setup/ and meta.txt lie side by side."
    ),
    metric="accuracy of each fold, averaged over the 4 folds",
    headline="accuracy",
    recordings=4680,
    shares_with=("tut2016",),
    fold_sizes=((3510, 1170), (3507, 1173), (3507, 1173), (3510, 1170)),
    scene_sizes=(312,) * 15,
    archives=zenodo.archives(
        400515,
        "TUT-acoustic-scenes-2017-development",
        {
            "meta": "9007fd4772d816590c5db5f5e9568f5d",
            "error": "802c700b021769e52a2c1e3b9c117a1b",
            "doc": "2065495aaf3f1103e795c9899e2af1df",
            "audio.1": "251325a9afaaad0326ad1c57f57d514a",
            "audio.2": "c26861e05147dc319b4250eb103d9d99",
            "audio.3": "a4815775f8a5e629179726ee4cd4f55a",
            "audio.4": "1732b03afe8c53ef8bba80ba14766e57",
            "audio.5": "611be754a0c951185c6ae4b7643c19a0",
            "audio.6": "165a201db800d3ea76fce5a9c2bd97d7",
            "audio.7": "c7d79db84264401c0f8680dcc36013ad",
            "audio.8": "35043f25123439392338c790494c7a19",
            "audio.9": "0805dcf5d8e6871dc9610182b2efb93a",
            "audio.10": "5df83a191295a04e290b125c634e13e7",
        },
    ),
    challenge=None,
    baselines=(
        Baseline("accuracy", 0.748, "DCASE 2017 Task 1 baseline (log mel, MLP), its documentation"),
    ),
)
read = tut2016.read
