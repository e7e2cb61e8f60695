"""Hashes of decoded audio: the same for the same sound, whatever file it is in.

What is hashed are the samples that a model gets: mono float32, at the file's own rate, before
resampling. Bytes after the audio, tags, a lossless format, a second equal channel and another rate
in the header change nothing; lossy coding, gain and a cut do.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.audio.decode import block_frames, mono, open_sound, read_frames, require_end, seek

EXCERPT_SAMPLES = 22_050  # from the middle of a file


class SampleHash:
    """The hash of samples that come in blocks."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, samples: np.ndarray) -> None:
        """Add a block of mono samples (n,)."""
        with np.errstate(all="ignore"):  # NaN is hashed too
            self._hash.update(samples + np.float32(0))  # -0.0 becomes 0.0

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def excerpt(path: Path) -> tuple[int, str]:
    """Return the length and a hash of EXCERPT_SAMPLES from the middle, which is fast.

    A file in which one cannot go to a frame is read up to there. Raises FileFault for a file that
    cannot be read.
    """
    digest = SampleHash()
    with open_sound(path) as sound:
        require_end(sound, path)
        start = max(0, (sound.frames - EXCERPT_SAMPLES) // 2)
        if sound.seekable():
            seek(sound, start, path)
        else:
            _skip(sound, start, path)
        digest.update(mono(read_frames(sound, EXCERPT_SAMPLES, path, start)))
        return sound.frames, digest.hexdigest()


def content(path: Path) -> str:
    """Return the hash of all samples as decoded, without tags.

    Raises FileFault for a file that cannot be read.
    """
    digest, position = SampleHash(), 0
    with open_sound(path) as sound:
        while len(block := read_frames(sound, block_frames(sound), path, position)):
            position += len(block)
            digest.update(mono(block))
    return digest.hexdigest()


def _skip(sound: Any, n_frames: int, path: Path) -> None:
    """Read and drop frames, as many as there are."""
    done = 0
    while len(block := read_frames(sound, min(block_frames(sound), n_frames - done), path, done)):
        done += len(block)
