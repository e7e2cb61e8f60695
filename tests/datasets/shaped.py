"""Trees shaped like published datasets, with a moment of audio in each file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import soundfile

from asc_cli.datasets import litis
from asc_cli.datasets._synthetic.scenes import SCENES, record
from asc_cli.datasets._synthetic.textures import SAMPLE_RATE


def one_sound(path: Path) -> bytes:
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 2205), 22_050)
    contents = path.read_bytes()
    path.unlink()
    return contents


def make_litis(root: Path) -> Path:
    """3026 recordings and 20 splits of the published sizes, drawn per scene."""
    (root / "data_rouen").mkdir(parents=True)
    contents = one_sound(root / "sound.wav")
    names = [f"{scene}{n}.wav" for scene, size in litis.SIZES.items() for n in range(1, size + 1)]
    for name in names:
        (root / "data_rouen" / name).write_bytes(contents)
    lines = [f"{name} {number}" for number, name in enumerate(names, start=1)]
    lines[7] = lines[7].replace(" ", "\t")  # as in the published list
    (root / "relation_wav_examples.txt").write_text("\n".join(lines) + "\n")
    rng = np.random.default_rng(0)
    learn, test = [], []
    for _ in range(20):
        order = rng.permutation(len(names)) + 1
        learn.append(" ".join(f"{n:.7e}" for n in order[:2419]))
        test.append("\t".join(f"{n:.7e}" for n in order[2419:]))
    (root / "fold3026-matrices_Learn.txt").write_text("\n".join(learn) + "\n")
    (root / "fold3026-matrices_Test.txt").write_text("\n".join(test) + "\n")
    return root


def make_tut2016(root: Path, lists: Path) -> Path:
    """The real lists over a moment of audio."""
    (root / "audio").mkdir(parents=True)
    contents = one_sound(root / "sound.wav")
    shutil.copy(lists / "meta.txt", root)
    shutil.copytree(lists / "evaluation_setup", root / "evaluation_setup")
    for line in (lists / "meta.txt").read_text().splitlines():
        (root / line.split("\t")[0]).write_bytes(contents)
    return root


DEVICES = {  # of the phones that a scene is recorded with: gain in dB at 100 Hz, 1, 4 and 12 kHz
    "a": (0, 0, 0, 0),
    "b": (-25, 5, 0, -20),
    "c": (10, -10, 12, -30),
    "s1": (-30, 0, -15, 10),
    "s4": (5, -5, -20, -40),
}
UNSEEN = "s4"  # in the test part alone


def make_phones(root: Path, scenes: int = 4, places: int = 4, seconds: float = 1.0) -> Path:
    """A table of made-up scenes shaped as the TAU mobile sets: each place recorded with several
    devices at other moments, half of the places in the test part, one device there alone."""
    rows = ["file,label,group,device,split"]
    for scene in [*SCENES][:scenes]:
        for place in range(places):
            part = "test" if place % 2 else "train"
            for device, response in DEVICES.items():
                if device == UNSEEN and part == "train":
                    continue
                name = f"{scene.replace('/', '_')}-{place}-{device}.wav"
                sound = record(scene, f"place{place}", device, round(seconds * SAMPLE_RATE), 0)
                soundfile.write(root / name, through(sound[:, 0], response), SAMPLE_RATE)
                rows.append(f"{name},{scene},{scene}{place},{device},{part}")
    (root / "table.csv").write_text("\n".join(rows) + "\n")
    return root / "table.csv"


def through(samples: np.ndarray, response: tuple[float, ...]) -> np.ndarray:
    """What a device with this frequency response records."""
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    db = np.interp(np.log(np.maximum(hz, 1)), np.log([100, 1000, 4000, 12_000]), response)
    filtered = np.fft.irfft(np.fft.rfft(samples) * 10 ** (db / 20), len(samples))
    return 0.5 * filtered / np.abs(filtered).max()
