"""Features of many recordings as one object of the remote: a bundle.

    features/<feature>-<key>/<hash>-<bytes of the table>     a table, then the frames

The table is JSON: `bands`, and for each recording the SHA-256 of its file, its seconds, the hash of
its decoded audio, the checksum of its frames (that of `frontend/arrays.py`) and how many there are.
The frames follow, float32, one recording after another. The hash is of the table, which so has its
checksum in the object's name, and the frames theirs in the table.

A bundle is written once and never changed. The same recordings may be in several: the next one
serves where one is damaged. Whoever needs features lists the folder once, reads the tables, which
are a hundredth of the frames, and then the bundles that hold what is missing.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import checksums, json_text, parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.remote import THREADS, Remote, configured, in_threads
from asc_cli.core.terminal import note
from asc_cli.frontend import arrays, store
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.index import Entry

BUNDLE_BYTES = 8 << 20  # of frames, from which a bundle is written
BUNDLE_RECORDINGS = 1_000
FLIGHT_BYTES = 64 << 20  # of frames that are read at once
NAME = re.compile(r"([0-9a-f]{32})-([1-9][0-9]{0,6})")
Stamp = tuple[int, int, int, int]  # of a file, see `frontend/index.py`
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


def folder_of(feature: StoredFeature) -> str:
    return f"features/{feature.name}-{feature.key}"


def tables(remote: Remote, feature: StoredFeature) -> dict[str, list[Row]]:
    """Return where the remote has the features of each recording, by its digest."""
    names = [name for name in remote.names(folder_of(feature)) if NAME.fullmatch(name)]
    where: dict[str, list[Row]] = defaultdict(list)
    for rows in in_threads(lambda name: _table(remote, feature, name), names):
        for row in rows:
            where[row.digest].append(row)
    return where


def fetch(
    feature: StoredFeature,
    batches: Iterable[dict[str, Path]],
    jobs: int | None,
    progress: Callable[[int], None],
) -> dict[str, Entry]:
    """Store the features that the remote has of these files; return the entries of the files.

    progress: Called with the number of recordings that were stored so far.
    """
    remote, where = configured(), dict[str, list[Row]]()
    if remote is None:
        return {}
    with remote.optional():
        where = tables(remote, feature)
    if not where:
        return {}
    stored = store.Stored(feature)
    hashed: list[tuple[str, Path, tuple[str, Stamp]]] = []
    for some in parallel.map_unordered(_digests, [(batch,) for batch in batches], jobs):
        hashed += some
    missing = {digest for _, _, (digest, _) in hashed if digest not in stored}
    pending = {digest: where[digest] for digest in sorted(missing) if digest in where}
    rows: dict[str, Row] = {}
    with remote.optional():
        _store(remote, stored, pending, rows, progress)
    entries = {
        name: (path, Entry(*stamp, digest, rows[digest].seconds, rows[digest].audio_digest))
        for name, path, (digest, stamp) in hashed
        if digest in rows
    }
    return {name: entry for name, (path, entry) in entries.items() if entry.describes(path)}


def _store(
    remote: Remote,
    stored: store.Stored,
    pending: dict[str, list[Row]],
    rows: dict[str, Row],
    progress: Callable[[int], None],
) -> None:
    """Store what the remote has of each pending digest, and note in `rows` which row served."""
    n_damaged = 0
    while pending:
        for group in _groups([candidates[0] for candidates in pending.values()]):
            frames = _read(remote, stored.feature, group)
            store.save(stored, {row.digest: values for row, values in frames})
            rows.update({row.digest: row for row, _ in frames})
            progress(len(rows))
        n_damaged += sum(digest not in rows for digest in pending)
        pending = {d: others[1:] for d, others in pending.items() if d not in rows and others[1:]}
    if n_damaged:
        note(
            f"asc: remote {remote.address}: features of {n_damaged} recordings differ from their "
            "checksum, or are missing; they are not used"
        )


class Upload:
    """Features on their way to the remote, if there is one, while others are being computed."""

    def __init__(self, feature: StoredFeature) -> None:
        self._feature = feature
        self._stored: store.Stored | None = None
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="remote")
        self._waiting: dict[str, Entry] = {}
        self._n_bytes = 0.0
        self._running: set[Future[None]] = set()

    def add(self, entries: Iterable[Entry]) -> None:
        """Send features that were stored; in bundles, so that some wait for others."""
        for entry in entries:
            self._waiting[entry.digest] = entry
            n_frames = self._n_frames(entry)
            self._n_bytes += 4 * n_frames * self._feature.n_bands
            if self._n_bytes >= BUNDLE_BYTES or len(self._waiting) >= BUNDLE_RECORDINGS:
                self._send()

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Send the rest and wait until all have arrived; not after an error, such as Ctrl-C."""
        if kind is None:
            self._send()
            for done in wait(self._running).done:
                done.result()  # raises what is no matter of the remote
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _n_frames(self, entry: Entry) -> float:
        one = self._feature.framing.of_recording
        return 1.0 if one else entry.seconds / self._feature.hop_seconds

    def _send(self) -> None:
        entries, self._waiting, self._n_bytes = [*self._waiting.values()], {}, 0.0
        remote = configured()
        if not entries or remote is None or remote.read_only:
            return
        self._stored = self._stored or store.Stored(self._feature)
        self._stored.refresh()
        recordings = []
        for entry in entries:
            with contextlib.suppress(AscError):  # removed, or damaged, since: --verify tells
                recordings.append((entry, self._stored.load(entry.digest)))
        table, frames = bundled(self._feature, recordings)
        name = f"{folder_of(self._feature)}/{checksums.of_bytes(table)[:32]}-{len(table)}"
        while len(self._running) >= THREADS:
            self._running = wait(self._running, return_when="FIRST_COMPLETED").not_done
        self._running.add(self._pool.submit(_put, remote, name, b"".join((table, *frames))))


def _put(remote: Remote, name: str, contents: bytes) -> None:
    with remote.optional():
        remote.write(name, contents)


def bundled(
    feature: StoredFeature, recordings: list[tuple[Entry, np.ndarray]]
) -> tuple[bytes, list[bytes]]:
    """Return the table of a bundle, and the frames of each recording."""
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
    return table, [np.ascontiguousarray(frames, "<f4").tobytes() for _, frames in recordings]


def _table(remote: Remote, feature: StoredFeature, name: str) -> list[Row]:
    """Return the rows of a bundle; none of one that is damaged."""
    digits, size = name.split("-")
    contents = remote.read(f"{folder_of(feature)}/{name}", 0, int(size)) or b""
    try:
        if checksums.of_bytes(contents)[:32] != digits:
            raise ValueError("it differs from the checksum in its name")
        return [*_rows(name, json.loads(contents), feature.n_bands)]
    except (ValueError, TypeError, KeyError, RecursionError) as fault:
        note(f"asc: remote {remote.address}: {name} is not used, its table is damaged ({fault})")
        return []


def _rows(name: str, table: Any, n_bands: int) -> Iterator[Row]:
    first = int(name.split("-")[1])
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


def _groups(rows: list[Row]) -> Iterator[list[list[Row]]]:
    """Yield what is read at once: rows of some bundles, FLIGHT_BYTES together or a single one."""
    of_bundle: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of_bundle[row.bundle].append(row)
    group: list[list[Row]] = []
    n_bytes = 0
    for own in of_bundle.values():
        size = max(row.end for row in own) - min(row.first for row in own)
        if group and n_bytes + size > FLIGHT_BYTES:
            yield group
            group, n_bytes = [], 0
        group.append(own)
        n_bytes += size
    if group:
        yield group


def _read(
    remote: Remote, feature: StoredFeature, group: list[list[Row]]
) -> list[tuple[Row, np.ndarray]]:
    """Return the frames of rows whose checksum they equal; those until the remote ended."""

    def read(rows: list[Row]) -> list[tuple[Row, np.ndarray]]:
        first, end = min(row.first for row in rows), max(row.end for row in rows)
        contents = remote.read(f"{folder_of(feature)}/{rows[0].bundle}", first, end) or b""
        cut = [(row, contents[row.first - first : row.end - first]) for row in rows]
        return [
            (row, frames)
            for row, part in cut
            if len(part) == row.end - row.first
            for frames in [np.frombuffer(part, "<f4").reshape(row.n_frames, row.n_bands)]
            if arrays.checksum(feature, row.digest, frames) == row.checksum
        ]

    return [pair for pairs in in_threads(read, group) for pair in pairs]


def _digests(paths: dict[str, Path]) -> list[tuple[str, Path, tuple[str, Stamp]]]:
    """Hash files in a worker; those that cannot be read are left out, to be named later."""
    results = []
    for name, path in paths.items():
        try:
            results.append((name, path, store.identified(path)))
        except (FileFault, OSError):
            continue
    return results
