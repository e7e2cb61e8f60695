"""Hashes of decoded audio, independent of containers and tags."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from asc_cli.audio.decode import block_frames, open_sound, read_frames, require_end, seek


def excerpt(path: Path) -> tuple[int, int, int, str]:
    """Return length, rate, channels and a hash of a second from the middle, which is fast.

    A file in which one cannot go to a frame is read up to there. Raises FileFault for a file that
    cannot be read.
    """
    with open_sound(path) as sound:
        require_end(sound, path)
        start = max(0, (sound.frames - sound.samplerate) // 2)
        if sound.seekable():
            seek(sound, start, path)
        else:
            _skip(sound, start, path)
        samples = read_frames(sound, sound.samplerate, path, start)
        digest = hashlib.sha256(samples.tobytes()).hexdigest()
        return sound.frames, sound.samplerate, sound.channels, digest


def content(path: Path) -> str:
    """Return the hash of all samples as decoded, at the file's own rate, without tags.

    Raises FileFault for a file that cannot be read.
    """
    digest, position = hashlib.sha256(), 0
    with open_sound(path) as sound:
        while len(block := read_frames(sound, block_frames(sound), path, position)):
            position += len(block)
            digest.update(block.tobytes())
    return digest.hexdigest()


def _skip(sound: Any, n_frames: int, path: Path) -> None:
    """Read and drop frames, as many as there are."""
    done = 0
    while len(block := read_frames(sound, min(block_frames(sound), n_frames - done), path, done)):
        done += len(block)
