"""What features by encoders from outside share: hashes of files, and windows.

A recording is encoded a window at a time, so that a long one needs no more memory than a short one,
and one window never changes the bits of another. Frames of a window follow one another; a clip
embedding is one frame of each window.

N samples, W samples of a window, T frames, D numbers of an embedding.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.features import Feature, Framing, stream

PIECE_BYTES = 1 << 22
SHORTEST_S = 0.025  # of a recording; one that is shorter is refused, as elsewhere


def encoded(feature: Feature, samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the frames (T, D) of a recording (N,), window by window."""
    return np.concatenate(list(stream(feature, [samples], sample_rate)))


def framing(
    sample_rate: int,
    window: int,
    n_frames: int,
    hop: int,
    frame_samples: int | None = None,
    shortest: int | None = None,
) -> Framing:
    """Return the framing of windows.

    Args:
        sample_rate: Samples per second, Hz.
        window: W.
        n_frames: Frames of a window.
        hop: Samples from one frame to the next.
        frame_samples: Samples below which a recording has no frame; the hop when None, and then a
            shorter recording has one.
        shortest: Samples of the shortest recording that has one; SHORTEST_S when None.
    """
    smallest = max(1, round(SHORTEST_S * sample_rate), shortest or 0)
    return Framing(
        frame_samples or hop,
        hop,
        padded_from_samples=0 if frame_samples else min(hop, smallest),
        window_samples=window,
        window_frames=n_frames,
    )


def clip_framing(
    sample_rate: int, window: int, hop_s: float | None, reach: int | None = None
) -> Framing:
    """Return the framing of an embedding of each window. Raises AscError for a hop that is no
    window's. reach: Samples of the shortest recording, where that is more than SHORTEST_S."""
    hop = window if hop_s is None else round(hop_s * sample_rate)
    if not 1 <= hop <= window:
        raise AscError(
            f"features.hop_s = {hop_s}: more than 0 and at most the window, "
            f"{window / sample_rate:g} s, was expected"
        )
    return framing(sample_rate, window, 1, hop, shortest=reach)


def contents(paths: Iterable[Path]) -> str:
    """Return a hash of files' names and contents, 16 hexadecimal digits. Raises AscError."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.name} {sha256(path)}\n".encode())
    return digest.hexdigest()[:16]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read again where its size or time changed. Raises AscError."""
    try:
        stat = path.stat()
        return _sha256(path, stat.st_size, stat.st_mtime_ns)
    except OSError as fault:
        raise AscError(f"features: {path} cannot be read ({fault.strerror})") from fault


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
