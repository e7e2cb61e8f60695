"""Hashes of decoded audio, independent of containers and tags."""

from __future__ import annotations

import hashlib
from pathlib import Path

from asc_cli.audio.decode import BLOCK_SECONDS, open_sound, read_frames, require_end


def excerpt(path: Path) -> tuple[int, int, int, str]:
    """Return length, rate, channels and a hash of a second from the middle, which is fast.

    Raises FileFault for a file that cannot be read.
    """
    with open_sound(path) as sound:
        require_end(sound, path)
        sound.seek(max(0, (sound.frames - sound.samplerate) // 2))
        samples = read_frames(sound, sound.samplerate, path)
        digest = hashlib.sha256(samples.tobytes()).hexdigest()
        return sound.frames, sound.samplerate, sound.channels, digest


def content(path: Path) -> str:
    """Return the hash of all samples as decoded, at the file's own rate, without tags.

    Raises FileFault for a file that cannot be read.
    """
    digest = hashlib.sha256()
    with open_sound(path) as sound:
        while len(block := read_frames(sound, int(BLOCK_SECONDS * sound.samplerate), path)):
            digest.update(block.tobytes())
    return digest.hexdigest()
