"""A pack: the frames of many recordings in one file, with a table of their positions.

    frames.npy   (N, F) float32: the recordings, one after another
    table.npy    per recording: digest, first frame, number of frames, CRC-32 of its frames
    pack.json    what was packed; SHA-256 of the table

A pack is written under a temporary name and renamed when it is complete. It is never changed after
that (a process would be killed by a mapped file that shrinks): other contents have another name.

Checksums. When a pack is opened, its table is checked against the SHA-256, frames.npy against its
length. A recording's frames are checked against their CRC-32 before they are used
(`require_intact`): opening a pack of 15 GB reads none of them.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import uuid
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np

from asc_cli.core import atomic, json_text
from asc_cli.core.errors import AscError

ROW = np.dtype([("digest", "S64"), ("first", "<i8"), ("n_frames", "<i8"), ("crc32", "<u4")])
TEMPORARY = ".tmp-"


@dataclass(frozen=True)
class Pack:
    """An opened pack."""

    folder: Path
    frames: np.ndarray  # (N, F) float32, mapped, read-only
    table: np.ndarray  # (n,) of ROW

    @functools.cached_property
    def row_of(self) -> dict[str, int]:
        """Digest of a recording → its row in the table."""
        return {digest.decode(): row for row, digest in enumerate(self.table["digest"].tolist())}

    def rows(self, digests: Sequence[str]) -> np.ndarray:  # -> (n,)
        """Return the row of each recording. Raises AscError if one is not in the pack."""
        try:
            return np.array([self.row_of[digest] for digest in digests], np.int64)
        except KeyError as fault:
            raise _unusable(self.folder, f"recording {fault} is not in it") from fault

    def recording(self, row: int) -> np.ndarray:  # -> (T, F)
        first = int(self.table["first"][row])
        return self.frames[first : first + int(self.table["n_frames"][row])]

    def damaged(self, rows: Iterable[int]) -> int:
        """Return how many of these recordings have frames that differ from their CRC-32."""
        sums = self.table["crc32"]
        return sum(zlib.crc32(self.recording(r).data) != sums[r] for r in rows)

    def require_intact(self, rows: Sequence[int] | np.ndarray) -> None:
        """Raise AscError if frames of these recordings are damaged."""
        if n := self.damaged(rows):
            raise _unusable(self.folder, f"{n} of {len(rows)} recordings differ from their CRC-32")


def name_of(digests: Sequence[str]) -> str:
    """Return the name of a pack of these recordings: a hash of their digests, in this order."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]


def load(folder: Path, feature: dict[str, Any] | None = None) -> Pack:
    """Open a pack. Raises AscError when it is incomplete or damaged, or not of `feature`, a
    feature's description."""
    table = load_table(folder, feature)
    try:
        frames = read_array(folder / "frames.npy", mapped=True)
    except (OSError, ValueError) as fault:
        raise _unusable(folder, str(fault)) from fault
    if frames.dtype != np.float32 or frames.ndim != 2 or len(frames) != table["n_frames"].sum():
        raise _unusable(
            folder, f"frames.npy, {frames.dtype}, {frames.shape}, does not match table.npy"
        )
    return Pack(folder, np.asarray(frames), table)


def load_table(folder: Path, feature: dict[str, Any] | None = None) -> np.ndarray:  # -> (n,) of ROW
    """Load only the table of a pack. Raises AscError when it is damaged, or of another feature."""
    try:
        table = read_array(folder / "table.npy")
        about = atomic.read_json(folder / "pack.json", table_sha256=str)
    except (OSError, ValueError) as fault:
        raise _unusable(folder, str(fault)) from fault
    if table.dtype != ROW or table.ndim != 1:
        raise _unusable(folder, f"table.npy is {table.dtype}, {table.shape}")
    if hashlib.sha256(table.tobytes()).hexdigest() != about["table_sha256"]:
        raise _unusable(folder, "table.npy differs from its SHA-256")
    if feature and about.get("feature", feature) != json.loads(json_text.dumps(feature)):
        raise _unusable(folder, "it is of another feature")
    return table


def read_array(path: Path, mapped: bool = False) -> np.ndarray:
    """Load an .npy file. Raises OSError, or ValueError for invalid contents."""
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (EOFError, SyntaxError, TokenError, TypeError, OverflowError, MemoryError) as fault:
        raise ValueError(f"{path.name} is no array: {fault}") from fault


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an .npy file. Raises OSError with the system's reason, where np.save raises its own."""
    contents = np.ascontiguousarray(array)
    with path.open("wb") as out:
        np.lib.format.write_array_header_1_0(
            out, np.lib.format.header_data_from_array_1_0(contents)
        )
        out.write(contents.tobytes() if contents.dtype.fields else contents.data)


def write(
    target: Path, recordings: Iterable[tuple[str, np.ndarray]], about: dict[str, Any]
) -> None:
    """Write digests and frames (T, F) as a pack; an existing pack is kept.

    Raises AscError, and leaves nothing, when the recordings do not have equally many bands.
    """
    temporary = target.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    temporary.mkdir(parents=True)
    try:
        with atomic.naming(target):
            _write(temporary, recordings, about)
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was quicker: its pack is the same
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove(folder: Path) -> None:
    """Remove a pack; processes that have mapped it can still read it."""
    trash = folder.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    folder.rename(trash)  # so that no process opens a half-removed pack
    shutil.rmtree(trash)


def is_intact(folder: Path, feature: dict[str, Any] | None = None) -> bool:
    """Return whether a pack is of this feature and all its frames match their checksums."""
    try:
        pack = load(folder, feature)
    except AscError:
        return False
    return pack.damaged(range(len(pack.table))) == 0


def _write(
    folder: Path, recordings: Iterable[tuple[str, np.ndarray]], about: dict[str, Any]
) -> None:
    rows: list[tuple[str, int, int, int]] = []
    position, n_bands = 0, None
    with (folder / "frames.npy").open("wb") as out:
        for digest, values in recordings:
            frames = np.ascontiguousarray(values, np.float32)
            if n_bands is None:
                n_bands = frames.shape[1]
                _header(out, 0, n_bands)  # numpy gives it the length of the final one
            elif frames.shape[1] != n_bands:
                raise AscError(
                    f"features of {digest}: {frames.shape[1]} bands where the others have "
                    f"{n_bands}; run asc features again with --verify"
                )
            out.write(frames.data)
            rows.append((digest, position, len(frames), zlib.crc32(frames.data)))
            position += len(frames)
        if n_bands is not None:
            out.seek(0)
            _header(out, position, n_bands)
    table = np.array(rows, ROW)
    write_array(folder / "table.npy", table)
    checksum = hashlib.sha256(table.tobytes()).hexdigest()
    counts = {"recordings": len(rows), "frames": position}
    atomic.write_json(
        folder / "pack.json", {**about, **counts, "table_sha256": checksum}, sync=False
    )


def _header(out: BinaryIO, n_frames: int, n_bands: int) -> None:
    about = {"descr": "<f4", "fortran_order": False, "shape": (n_frames, n_bands)}
    np.lib.format.write_array_header_1_0(out, about)


def _unusable(folder: Path, reason: str) -> AscError:
    return AscError(
        f"pack {folder}: cannot be used ({reason}). Run asc features with --verify, which removes "
        "it; it is written again when needed"
    )
