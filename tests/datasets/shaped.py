"""Trees shaped like published datasets, with a moment of audio in each file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import soundfile

from asc_cli.datasets import litis


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
