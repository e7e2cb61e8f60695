"""ESC-50: 50 environmental sounds × 40 clips of 5 s, 5 folds that share no source recording.

<root>/audio/1-100032-A-0.wav                 <fold>-<source>-<take>-<class>
<root>/meta/esc50.csv                         filename,fold,target,category,esc10,src_file,take
"""

from __future__ import annotations

from pathlib import Path

from asc_cli.datasets import Archive, Baseline, Dataset, Listing, Recording
from asc_cli.datasets._formats import folds as _folds
from asc_cli.datasets._formats import lists

DATASET = Dataset(
    name="esc50",
    title="ESC-50: Dataset for Environmental Sound Classification",
    labels=(  # in the order of the set's own class numbers
        *("dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow"),
        *("rain", "sea_waves", "crackling_fire", "crickets", "chirping_birds"),
        *("water_drops", "wind", "pouring_water", "toilet_flush", "thunderstorm"),
        *("crying_baby", "sneezing", "clapping", "breathing", "coughing"),
        *("footsteps", "laughing", "brushing_teeth", "snoring", "drinking_sipping"),
        *("door_wood_knock", "mouse_click", "keyboard_typing", "door_wood_creaks", "can_opening"),
        *("washing_machine", "vacuum_cleaner", "clock_alarm", "clock_tick", "glass_breaking"),
        *("helicopter", "chainsaw", "siren", "car_horn", "engine"),
        *("train", "church_bells", "airplane", "fireworks", "hand_saw"),
    ),
    sample_rate=44_100,
    homepage="https://github.com/karolpiczak/ESC-50",
    licence="CC BY-NC 3.0",
    citation=(
        "K. J. Piczak: ESC: Dataset for Environmental Sound Classification. "
        "ACM Multimedia 2015, 1015-1018."
    ),
    obtain=(
        "asc datasets download esc50, or clone the ESC-50 repository: audio/ and meta/esc50.csv "
        "lie in its root."
    ),
    metric="accuracy, averaged over the 5 folds",
    headline="accuracy",
    recordings=2000,
    shares_with=("esc10",),
    fold_sizes=((1600, 400),) * 5,
    scene_sizes=(40,) * 50,
    archives=(Archive("https://github.com/karolpiczak/ESC-50/archive/master.zip"),),
    baselines=(
        Baseline(
            "accuracy",
            0.443,
            "Piczak, ACM Multimedia 2015, results: random forest on MFCC and zero crossings",
            chosen_on="nothing",
        ),
    ),
)


def read(root: Path) -> Listing:
    """Read meta/esc50.csv. The group of a clip is the recording it was cut from."""
    path = root / "meta" / "esc50.csv"
    recordings, folds = [], []
    for line, row in lists.records(path, ("filename", "fold", "category", "src_file"), ","):
        file = lists.file_name("audio/" + row["filename"], path, line)
        recordings.append(Recording(file, row["category"], group=row["src_file"]))
        folds.append((file, _folds.number(path, file, row["fold"])))
    return Listing(DATASET.labels, tuple(recordings), _folds.leave_one_fold_out(folds))
