"""Live sound: a microphone (extra `mic`), or raw PCM that another program writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from asc_cli.core import installation
from asc_cli.core.errors import AscError, FileFault

BLOCK_SECONDS = 0.25
ENCODINGS = {"s16le": ("<i2", 1 << 15), "s32le": ("<i4", 1 << 31), "f32le": ("<f4", 1)}


def pcm(
    source: IO[bytes], sample_rate: int, channels: int, encoding: str
) -> Iterator[np.ndarray]:  # each (n, channels)
    """Yield blocks of float samples as they arrive. Raises AscError for an unknown encoding, and
    FileFault at the first sample that is NaN or Inf: every later result would be invalid.
    """
    if encoding not in ENCODINGS:
        raise AscError(f"--encoding {encoding}: one of {', '.join(ENCODINGS)} was expected")
    return _pcm(source, max(1, int(BLOCK_SECONDS * sample_rate)), channels, *ENCODINGS[encoding])


def _pcm(
    source: IO[bytes], size: int, channels: int, kind: str, full_scale: int
) -> Iterator[np.ndarray]:
    frame_bytes = channels * np.dtype(kind).itemsize
    position = 0
    while data := source.read(size * frame_bytes):
        n_bytes = len(data) - len(data) % frame_bytes  # the end may be cut within a frame
        samples = np.frombuffer(data[:n_bytes], kind).reshape(-1, channels)
        if not np.isfinite(samples).all():
            raise FileFault(
                "stdin",
                f"holds NaN or Inf among its samples {position} to {position + len(samples)}; "
                "is --encoding right, and does the sender write numbers?",
            )
        position += len(samples)
        yield (samples / full_scale).astype(np.float32)


def blocks(sample_rate: int, channels: int) -> Iterator[np.ndarray]:  # each (n, channels)
    """Yield blocks of the default microphone. Raises AscError without the extra or a microphone."""
    try:
        import sounddevice
    except (ImportError, OSError) as fault:  # OSError: the PortAudio library is missing
        raise AscError(installation.needs_extra("the microphone", "mic", fault)) from fault
    return _recorded(sounddevice, sample_rate, channels)


def _recorded(sounddevice: Any, sample_rate: int, channels: int) -> Iterator[np.ndarray]:
    try:
        size = int(BLOCK_SECONDS * sample_rate)
        with sounddevice.InputStream(sample_rate, size, channels=channels) as stream:
            while True:
                yield stream.read(size)[0].copy()
    except sounddevice.PortAudioError as fault:
        raise FileFault("microphone", f"{fault}; asc listen - reads PCM from a pipe") from fault
