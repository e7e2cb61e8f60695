"""The golden tests' recordings: 3 scenes × 4 places × 2 takes of a second, the same bytes anywhere.

All is integer arithmetic on numpy's frozen `RandomState` stream and on square waves, so that no
mathematical library, processor or audio library has a say in a sample. Folds 1 and 2 test two
places each.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16_000
SCENES = {"factory": 40, "street": 17, "park": 7}  # scene → half a period in samples
PLACES = 4
TAKES = 2


def make(folder: Path) -> Path:
    """Write recordings.csv and its recordings below a folder; returns the CSV."""
    rows = ["filename,label,group,fold"]
    folder.mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate(SCENES):
        for place in range(PLACES):
            for take in range(TAKES):
                name = f"{scene}_{place}_{take}.wav"
                seed = (number * PLACES + place) * TAKES + take
                write(folder / name, samples(SCENES[scene], place, seed))
                rows.append(f"{name},{scene},{scene}-{place},{1 + place % 2}")
    table = folder / "recordings.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def samples(half_period: int, place: int, seed: int) -> np.ndarray:  # -> (N,) int16
    """A square wave of the scene, louder in some places, in noise that comes and goes."""
    time = np.arange(SAMPLE_RATE)
    wave_ = np.where(time // (half_period + place) % 2, 1, -1) * (250 + 150 * place)
    noise = np.frombuffer(np.random.RandomState(seed).bytes(2 * SAMPLE_RATE), "<i2") // 32
    swell = 1 + time // (1_000 + 300 * (seed % 3)) % 3
    return (wave_ + noise * swell).astype(np.int16)


def write(path: Path, pcm: np.ndarray) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(pcm.astype("<i2").tobytes())
