"""Hashes of decoded audio: the same for the same sound, whatever file it is in.

What is hashed are the samples that a model gets: mono float32, at the file's own rate, before
resampling. Bytes after the audio, tags, a lossless format, a second equal channel and another rate
in the header change nothing; lossy coding, gain and a cut do.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from asc_cli.audio.decode import BLOCK_SECONDS, mono, open_sound, read_frames, require_end

EXCERPT_SAMPLES = 22_050  # from the middle of a file


class SampleHash:
    """The hash of samples that come in blocks."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, samples: np.ndarray) -> None:
        """Add a block of mono samples (n,)."""
        self._hash.update((samples + np.float32(0)).tobytes())  # -0.0 becomes 0.0

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def excerpt(path: Path) -> tuple[int, str]:
    """Return the length and a hash of EXCERPT_SAMPLES from the middle, which is fast.

    Raises FileFault for a file that cannot be read.
    """
    digest = SampleHash()
    with open_sound(path) as sound:
        require_end(sound, path)
        sound.seek(max(0, (sound.frames - EXCERPT_SAMPLES) // 2))
        digest.update(mono(read_frames(sound, EXCERPT_SAMPLES, path)))
        return sound.frames, digest.hexdigest()


def content(path: Path) -> str:
    """Return the hash of all samples as decoded, without tags.

    Raises FileFault for a file that cannot be read.
    """
    digest = SampleHash()
    with open_sound(path) as sound:
        while len(block := read_frames(sound, int(BLOCK_SECONDS * sound.samplerate), path)):
            digest.update(mono(block))
    return digest.hexdigest()
