"""The index of audio files: the hash of each path, so that a second run reads no audio.

    features/index/<folder's hash>.rows     one row a file, appended; the last row of a name counts

    ["a.wav", size, mtime_ns, ctime_ns, inode, "SHA-256 of its bytes", seconds, audio digest] crc32

One file per folder of audio. Rows are appended and never changed, so that writing costs the new
rows alone. Every row ends in its own checksum: a row that a killed process, or two writers on a
network folder, left damaged is skipped, and one file is hashed again. A file in which most rows
are outdated is rewritten. What FFmpeg decodes has its version behind the name, after a NUL.

The stamp (size, mtime, ctime, inode) holds ctime, because copying with preserved times restores
the mtime of other contents, and the inode, because a renamed file keeps both; not the device
number, which differs between the hosts of one network folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

from asc_cli.audio import media
from asc_cli.core import atomic, json_text, paths

RACY_NS = 2_000_000_000  # a file changed less than this before it was hashed may change unnoticed
ROW_TYPES: tuple[Any, ...] = (
    str,
    int,
    int,
    int,
    (int, NoneType),
    str,
    (int, float),
    (str, NoneType),
)
OUTDATED_ROWS = 1000  # so many outdated rows, and a file is rewritten


@dataclass(frozen=True)
class Entry:
    """A row of the index: an audio file's stamp and hash."""

    size: int  # bytes
    mtime_ns: int
    ctime_ns: int
    inode: int | None  # None: from an index of version 0.1, which had none: hashed again
    digest: str  # SHA-256 of the file's bytes
    seconds: float
    audio_digest: str | None = None  # hash of the decoded samples, where it was computed

    def describes(self, path: Path) -> bool:
        """Return whether the file at `path` is unchanged since it was hashed.

        False too when the file cannot be opened, as reading it raises the reason; and for a row of
        version 0.1, without an inode: two folders that changed places have equal times.
        """
        return self.inode is not None and self.may_describe(path)

    def may_describe(self, path: Path) -> bool:
        """Return whether the file at `path` may be unchanged; a row of 0.1 cannot tell more."""
        try:
            now = os.stat(path)
        except OSError:
            return False
        inode = now.st_ino if self.inode is None else self.inode
        return (self.size, self.mtime_ns, self.ctime_ns, inode) == stamp(now)


def stamp(stat: os.stat_result) -> tuple[int, int, int, int]:
    """Return what identifies a file's state: size, mtime, ctime, inode."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


class Index:
    """The index of audio folders; each is read once, on first use."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, Entry]] = {}

    def get(self, path: Path) -> Entry | None:
        """Return the entry of a path if the file is unchanged."""
        entry = self._folder(path.parent).get(path.name)
        return entry if entry and entry.describes(path) else None

    def put(self, entries: Iterable[tuple[Path, Entry]]) -> None:
        """Add entries, without those of files that changed within the last RACY_NS."""
        entries = list(entries)
        if not entries:
            return
        stable_before_ns = _disk_time_ns() - RACY_NS
        by_folder: dict[Path, dict[str, Entry]] = {}
        for path, entry in entries:
            if max(entry.mtime_ns, entry.ctime_ns) < stable_before_ns:
                by_folder.setdefault(path.parent, {})[path.name] = entry
        for folder, new in by_folder.items():
            self._folder(folder).update(new)
            append(folder, new)

    def _folder(self, folder: Path) -> dict[str, Entry]:
        if folder not in self._folders:
            self._folders[folder] = read(folder)
        return self._folders[folder]


def _disk_time_ns() -> float:
    """Return the time of the store's disk, which several hosts may share, in nanoseconds."""
    folder = paths.features() / "index"
    folder.mkdir(parents=True, exist_ok=True)
    return 1e9 * atomic.disk_time(folder)


def append(folder: Path, entries: dict[str, Entry]) -> None:
    """Append rows to a folder's index in one write; convert an old index first."""
    path = index_file(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        entries = {**_read_json(folder), **entries}
        rows = [_row(["folder", os.fspath(folder)]), *_rows(entries)]
    else:
        rows = ["", *_rows(entries)]  # a new line first: the last row there may be cut
    with path.open("ab", buffering=0) as out:
        out.write("\n".join([*rows, ""]).encode("ascii"))
    _json_file(folder).unlink(missing_ok=True)


def read(folder: Path) -> dict[str, Entry]:
    """Return the entries of a folder; {} if there are none or all are damaged."""
    try:
        contents = index_file(folder).read_bytes()
    except FileNotFoundError:
        return _read_json(folder)
    rows = _valid_rows(contents)
    entries = {
        name: Entry(*row[1:])
        for row in rows
        if _is_entry(row)
        for name in [row[0].partition("\0")[0]]
        if _row_name(name) == row[0]
    }
    if len(rows) > 2 * len(entries) + OUTDATED_ROWS:
        text = "\n".join([_row(["folder", os.fspath(folder)]), *_rows(entries), ""])
        atomic.write_text(index_file(folder), text)
    return entries


def folders() -> dict[Path, dict[str, Entry]]:
    """Return every indexed folder of audio with its entries."""
    indexed: dict[Path, dict[str, Entry]] = {}
    root = paths.features() / "index"
    for path in sorted([*root.glob("*.rows"), *root.glob("*.json")]):
        if path.suffix == ".json":
            folder = _json(path).get("folder")
        else:
            with path.open("rb") as file:
                first = _valid_rows(file.readline())
            folder = first[0][1] if first and _is_folder(first[0]) else None
        if isinstance(folder, str):
            indexed[Path(folder)] = read(Path(folder))
    return indexed


def _is_entry(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) == len(ROW_TYPES)
        and all(isinstance(value, kind) for value, kind in zip(row, ROW_TYPES, strict=True))
    )


def _is_folder(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 2 and all(isinstance(each, str) for each in row)


def index_file(folder: Path) -> Path:
    return paths.features() / "index" / f"{_name(folder)}.rows"


def _name(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()


def _rows(entries: dict[str, Entry]) -> list[str]:
    return [_row([_row_name(name), *vars(entry).values()]) for name, entry in entries.items()]


def _row_name(name: str) -> str:
    """Return what a file is called in its row: what FFmpeg decodes, with its version, so that the
    row counts as long as that does not change."""
    return f"{name}\0{media.version()}" if media.is_media(Path(name)) else name


def _row(values: list[Any]) -> str:
    text = json_text.dumps(values)  # ASCII: bytes of a name that are no UTF-8 are escaped
    return f"{text} {zlib.crc32(text.encode('ascii')):08x}"


def _valid_rows(contents: bytes) -> list[Any]:
    """Return the rows whose checksum is correct."""
    valid = [
        line[:-9]
        for line in contents.split(b"\n")
        if len(line) > 9 and b"%08x" % zlib.crc32(line[:-9]) == line[-8:]
    ]
    try:
        return json.loads(b"[" + b",".join(valid) + b"]")
    except ValueError:  # no version writes that: the files are hashed again
        return []


# -- the format of version 0.1: one JSON file per folder, without inodes -------------------------


def _json_file(folder: Path) -> Path:
    return paths.features() / "index" / f"{_name(folder)}.json"


def _read_json(folder: Path) -> dict[str, Entry]:
    rows = _json(_json_file(folder)).get("files", {})
    try:
        old = {
            name: [name, size, mtime_ns, ctime_ns, None, digest, seconds, None]
            for name, (size, mtime_ns, ctime_ns, digest, seconds) in rows.items()
        }
        return {name: Entry(*row[1:]) for name, row in old.items() if _is_entry(row)}
    except (ValueError, TypeError, AttributeError):  # damaged: the files are hashed again
        return {}


def _json(path: Path) -> dict[str, Any]:
    try:
        value = atomic.read_json(path)
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
