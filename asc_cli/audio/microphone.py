"""Live sound: a microphone (extra `mic`), or raw PCM that another program writes."""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
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


def recorded(
    blocks: Iterable[np.ndarray], path: Path, sample_rate: int
) -> Iterator[np.ndarray]:  # each (n,) or (n, channels)
    """Yield blocks as they are, and write them to a new file, which is complete whenever they end.

    path: Its suffix says the format, as .wav (up to 4 GB) or .flac.

    Raises AscError where there is such a file, or it cannot be written.
    """
    if path.exists():
        raise AscError(f"--record {path}: is there already; give another name")
    return _recorded_to(blocks, path, sample_rate)


def _recorded_to(
    blocks: Iterable[np.ndarray], path: Path, sample_rate: int
) -> Iterator[np.ndarray]:
    import soundfile

    file = None
    try:
        for block in blocks:
            try:
                if file is None:
                    channels = 1 if block.ndim == 1 else block.shape[1]
                    file = soundfile.SoundFile(path, "w", sample_rate, channels)
                file.write(block)
            except (OSError, TypeError, ValueError, soundfile.LibsndfileError) as fault:
                reason = _why_unwritable(path, fault, block.nbytes)
                raise FileFault(f"--record {path}", f"cannot be written ({reason})") from fault
            yield block
    finally:
        if file is not None:
            file.close()


def _why_unwritable(path: Path, fault: Exception, n_bytes: int) -> str:
    """Return the reason in words, where libsndfile says "System error" alone."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    if shutil.disk_usage(path.parent).free < n_bytes:
        return os.strerror(errno.ENOSPC)
    return str(fault).rpartition(": ")[2]


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
        # the callback runs in a thread of PortAudio's: nothing is lost while a clip is classified
        waiting: queue.SimpleQueue[np.ndarray] = queue.SimpleQueue()
        with sounddevice.InputStream(
            sample_rate,
            size,
            channels=channels,
            callback=lambda samples, *_: waiting.put(samples.copy()),
        ) as stream:
            while stream.active or not waiting.empty():
                with contextlib.suppress(queue.Empty):
                    yield waiting.get(timeout=1.0)
            raise FileFault("microphone", "it was taken away")
    except sounddevice.PortAudioError as fault:
        raise FileFault("microphone", f"{fault}; asc listen - reads PCM from a pipe") from fault
