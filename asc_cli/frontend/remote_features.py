"""Features that homes share over the remote, in bundles (`frontend/bundle.py`).

    features/<feature>-<key>/<bundle>

A bundle is written once and never changed. The same recordings may be in several: the next one
serves where one is damaged. Whoever needs features lists the folder once, reads the tables, which
are a hundredth of the frames, and then the bundles that hold what is missing.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path

import numpy as np

from asc_cli.core import parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.remote import THREADS, Remote, configured, in_background, in_threads
from asc_cli.core.terminal import note
from asc_cli.frontend import bundle, store
from asc_cli.frontend.bundle import Row
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.index import Entry

Stamp = tuple[int, int, int, int]  # of a file, see `frontend/index.py`
BUNDLE_BYTES = 8 << 20  # of frames, from which a bundle is written
BUNDLE_RECORDINGS = 1_000
FLIGHT_BYTES = 64 << 20  # of frames that are read, or sent, at once
QUIET_S = 5.0  # of waiting for the last bundles, after which it is said


def folder_of(feature: StoredFeature) -> str:
    return f"features/{feature.name}-{feature.key}"


def tables(remote: Remote, feature: StoredFeature) -> dict[str, list[Row]]:
    """Return where the remote has the features of each recording, by its digest."""
    names = [name for name in remote.names(folder_of(feature)) if bundle.NAME.fullmatch(name)]
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

    def __init__(self, feature: StoredFeature, unless_there: bool = False) -> None:
        """unless_there: Leave out what the remote has; unless set, nothing of it is there."""
        self._feature = feature
        self._there: set[str] | None = None if unless_there else set()  # None: not read yet
        self._stored: store.Stored | None = None
        self._waiting: dict[str, Entry] = {}
        self._n_bytes = 0.0
        self._running: dict[Future[None], int] = {}  # and bytes

    def add(self, entries: Iterable[Entry]) -> None:
        """Send features that were stored; in bundles, so that some wait for others."""
        for entry in entries:
            self._waiting[entry.digest] = entry
            self._n_bytes += 4 * self._n_frames(entry) * self._feature.n_bands
            if self._n_bytes >= BUNDLE_BYTES or len(self._waiting) >= BUNDLE_RECORDINGS:
                self._send()

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Send the rest and wait until all have arrived; not after an error, such as Ctrl-C."""
        if kind is None:
            self._send()
            if wait(self._running, QUIET_S).not_done:
                note("asc: features are being sent to the remote; Ctrl-C leaves out the rest")
            self._wait("ALL_COMPLETED")

    def _n_frames(self, entry: Entry) -> float:
        one = self._feature.framing.of_recording
        return 1.0 if one else entry.seconds / self._feature.hop_seconds

    def _send(self) -> None:
        entries, self._waiting, self._n_bytes = [*self._waiting.values()], {}, 0.0
        remote = configured()
        if not entries or remote is None or remote.read_only:
            return
        if self._there is None:
            with remote.optional():
                self._there = set(tables(remote, self._feature))
        recordings = self._loaded(e for e in entries if e.digest not in (self._there or ()))
        if not recordings:
            return
        name, contents = bundle.written(self._feature, recordings)
        while len(self._running) >= THREADS or sum(self._running.values()) > FLIGHT_BYTES:
            self._wait("FIRST_COMPLETED")
        path = f"{folder_of(self._feature)}/{name}"
        self._running[in_background(_put, remote, path, contents)] = len(contents)

    def _loaded(self, entries: Iterable[Entry]) -> list[tuple[Entry, np.ndarray]]:
        self._stored = self._stored or store.Stored(self._feature)
        self._stored.refresh()
        recordings = []
        for entry in entries:
            with contextlib.suppress(AscError):  # removed, or damaged, since: --verify tells
                recordings.append((entry, self._stored.load(entry.digest)))
        return recordings

    def _wait(self, until: str) -> None:
        for done in wait(self._running, return_when=until).done:
            del self._running[done]
            done.result()  # raises what is no matter of the remote


def _put(remote: Remote, path: str, contents: bytes) -> None:
    with remote.optional():
        remote.write(path, contents)


def _table(remote: Remote, feature: StoredFeature, name: str) -> list[Row]:
    """Return the rows of a bundle; none of one that is damaged."""
    table = remote.read(f"{folder_of(feature)}/{name}", 0, bundle.table_bytes(name)) or b""
    try:
        return bundle.rows_of(name, table, feature.n_bands)
    except ValueError as fault:
        note(f"asc: remote {remote.address}: {name} is not used, its table is damaged ({fault})")
        return []


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
        return bundle.intact(feature, rows, contents, first)

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
