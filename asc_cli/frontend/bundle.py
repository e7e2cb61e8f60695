"""A bundle: the features of many recordings as one object of the remote.

    <hash>-<bytes of the table>     the object's name
    a table, then the frames        its contents

The table is JSON: `bands`, and for each recording the SHA-256 of its file, its seconds, the hash of
its decoded audio, the checksum of its frames (that of `frontend/arrays.py`) and how many there are.
The frames follow, float32, one recording after another. The hash is of the table, which so has its
checksum in the object's name, and the frames theirs in the table.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from asc_cli.core import checksums, json_text
from asc_cli.frontend import arrays
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.index import Entry

NAME = re.compile(r"([0-9a-f]{32})-([1-9][0-9]{0,6})")
DIGEST, CHECKSUM = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class Row:
    """The features of a recording in a bundle."""

    bundle: str
    first: int  # byte
    digest: str
    seconds: float
    audio_digest: str
    checksum: str
    n_frames: int
    n_bands: int

    @property
    def end(self) -> int:
        return self.first + 4 * self.n_frames * self.n_bands


def written(
    feature: StoredFeature, recordings: list[tuple[Entry, np.ndarray]]
) -> tuple[str, bytes]:
    """Return the name and the contents of a bundle of these recordings."""
    rows = [
        [
            entry.digest,
            entry.seconds,
            entry.audio_digest,
            arrays.checksum(feature, entry.digest, frames),
            len(frames),
        ]
        for entry, frames in recordings
    ]
    table = json_text.dumps({"bands": feature.n_bands, "recordings": rows}).encode()
    frames = [np.ascontiguousarray(frames, "<f4").tobytes() for _, frames in recordings]
    return f"{checksums.of_bytes(table)[:32]}-{len(table)}", b"".join((table, *frames))


def table_bytes(name: str) -> int:
    """Return how many bytes of a bundle are its table."""
    return int(name.split("-")[1])


def rows_of(name: str, table: bytes, n_bands: int) -> list[Row]:
    """Return the rows of a bundle's table. Raises ValueError for one that is damaged."""
    if checksums.of_bytes(table)[:32] != name.split("-")[0]:
        raise ValueError("it differs from the checksum in its name")
    try:
        return [*_rows(name, json.loads(table), n_bands)]
    except (TypeError, KeyError, RecursionError) as fault:
        raise ValueError(f"it is no table: {fault}") from fault


def intact(
    feature: StoredFeature, rows: Iterable[Row], contents: bytes, first: int
) -> list[tuple[Row, np.ndarray]]:
    """Return the frames of those rows whose checksum they equal.

    Args:
        feature: Of the bundle.
        rows: What is in `contents`.
        contents: A part of the bundle.
        first: Where that part begins, in bytes.
    """
    cut = [(row, contents[row.first - first : row.end - first]) for row in rows]
    return [
        (row, frames)
        for row, part in cut
        if len(part) == row.end - row.first
        for frames in [np.frombuffer(part, "<f4").reshape(row.n_frames, row.n_bands)]
        if arrays.checksum(feature, row.digest, frames) == row.checksum
    ]


def _rows(name: str, table: Any, n_bands: int) -> Iterator[Row]:
    first = table_bytes(name)
    if table["bands"] != n_bands:
        raise ValueError(f"{table['bands']} bands, not {n_bands}")
    for digest, seconds, audio_digest, checksum, n_frames in table["recordings"]:
        hashes = DIGEST.fullmatch(digest) and DIGEST.fullmatch(audio_digest)
        counts = isinstance(n_frames, int) and n_frames >= 1 and 0 <= seconds < math.inf
        if not (hashes and CHECKSUM.fullmatch(checksum) and counts):
            raise ValueError("a row is not of a recording")
        row = Row(name, first, digest, seconds, audio_digest, checksum, n_frames, n_bands)
        first = row.end
        yield row
