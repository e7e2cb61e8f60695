"""An array of the feature store in a file of its own, with its checksum in the file's name.

    ab/cdef….<checksum>.npy    abcdef… is the SHA-256 of the audio file's bytes
    ab/cdef….npy               of version 0.1: no checksum

The checksum is 16 hexadecimal digits of the SHA-256 of the feature's key, the audio's hash, the
shape and the frames: an array in another's place is found too. File and checksum are one: there is
no moment at which a process could be killed between the two.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from asc_cli.core import atomic, checksums
from asc_cli.core.errors import AscError
from asc_cli.frontend import pack as packs
from asc_cli.frontend.feature import StoredFeature

CHARACTERS = 16


class Arrays:
    """The arrays of a feature that have files of their own; each folder is listed once."""

    def __init__(self, feature: StoredFeature) -> None:
        self.feature = feature
        self._names: dict[str, dict[str, str]] = {}  # first two digits → rest of digest → file
        self._folders: set[str] | None = None  # that there are

    def refresh(self) -> None:
        """Update to what other processes have written or removed."""
        self._names.clear()
        self._folders = None

    def find(self, digest: str) -> Path | None:
        """Return the file of a recording; the one with a checksum if there are two."""
        name = self._folder(digest[:2]).get(digest[2:])
        return None if name is None else self.feature.folder / digest[:2] / name

    def load(self, digest: str) -> np.ndarray:  # -> (T, F)
        """Return a recording's frames. Raises AscError where they are damaged or not there."""
        path = self.find(digest)
        if path is None:
            raise _unusable(self.feature.folder / digest[:2] / f"{digest[2:]}.npy", "missing")
        try:
            frames = packs.read_array(path)
        except (OSError, ValueError) as fault:
            raise _unusable(path, str(fault)) from fault
        expected = checksum_in(path)
        if expected and expected != checksum(self.feature, digest, frames):
            raise _unusable(path, "it differs from its checksum")
        if frames.dtype != np.float32 or frames.ndim != 2 or not len(frames):
            raise _unusable(path, f"{frames.dtype}, {frames.shape}; float32 frames were expected")
        if frames.shape[1] != self.feature.n_bands:
            raise _unusable(path, f"{frames.shape[1]} bands, not {self.feature.n_bands}")
        if not expected and not np.isfinite(frames).all():
            raise _unusable(path, "it is not finite")
        return frames

    def save(self, digest: str, frames: np.ndarray) -> bool:
        """Write a recording's frames, instead of those that are stored; whether they differ.

        They are not forced onto the disk: a power cut costs computing them again.
        """
        folder = self.feature.folder / digest[:2]
        name = f"{digest[2:]}.{checksum(self.feature, digest, frames)}.npy"
        before = self.find(digest)
        with atomic.replacing(folder / name, sync=False) as temporary:
            packs.write_array(temporary, frames)
        self._names.pop(digest[:2], None)
        if self._folders is not None:
            self._folders.add(digest[:2])
        if before is None or before.name == name:
            return True
        different = not _equal(before, frames)
        before.unlink(missing_ok=True)
        return different

    def _folder(self, prefix: str) -> dict[str, str]:
        if self._folders is None:
            folder = self.feature.folder
            self._folders = set(os.listdir(folder)) if folder.is_dir() else set()
        if prefix not in self._folders:
            return {}
        if prefix not in self._names:
            self._names[prefix] = dict(_names(self.feature.folder / prefix))
        return self._names[prefix]


def checksum(feature: StoredFeature, digest: str, frames: np.ndarray) -> str:
    about = f"{feature.key} {digest} {frames.dtype.str} {frames.shape} "
    contents = np.ascontiguousarray(frames).data
    return checksums.of_bytes(about.encode(), contents)[:CHARACTERS]


def checksum_in(path: Path) -> str | None:
    """Return the checksum in a file's name; None for a file of version 0.1."""
    parts = path.name.split(".")
    return parts[1] if len(parts) == 3 and len(parts[1]) == CHARACTERS else None


def _names(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what each array's file is of, and its name; those with a checksum last."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    own = (name for name in names if name.endswith(".npy") and not name.startswith("."))
    yield from ((name.partition(".")[0], name) for name in sorted(own, key=lambda n: (len(n), n)))


def _equal(path: Path, frames: np.ndarray) -> bool:
    try:
        before = packs.read_array(path)
        return before.dtype == frames.dtype and bool(np.array_equal(before, frames))
    except (OSError, ValueError):
        return False


def _unusable(path: Path, reason: str) -> AscError:
    return AscError(
        f"feature store: {path} cannot be used ({reason}); run asc features again with --verify"
    )
