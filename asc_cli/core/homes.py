"""Parts of a home that travel between machines: its paths in pickled tasks, and its files."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from asc_cli.core import paths

PIECE_BYTES = 16 << 20  # of a file, in one message: what bounds the memory of a transfer
INLINE_BYTES = 4 << 20  # a file that is shorter goes along with the message that names it
SENT = ("packs", "logits", "models")  # rooms of a home in which nothing changes once it is there
LIVE = ("runs", "tuning")  # rooms with what a task resumes from
CLIENT = "\0home"  # stands for the client's home in the text of an error


class Stamp(NamedTuple):
    """What changes with a file."""

    modified_ns: int
    inode: int
    n_bytes: int


@dataclass(frozen=True)
class File:
    """A file of a home.

    Attributes:
        path: Relative to the home, with "/" between the parts.
        n_bytes: Its length.
        sha256: Of its contents.
        contents: What it holds, of a short one; None where it is fetched in pieces.
    """

    path: str
    n_bytes: int
    sha256: str
    contents: bytes | None = None


@dataclass(frozen=True)
class Pickled:
    """A pickled value.

    Attributes:
        contents: The bytes.
        named: The paths of the home in it, relative to the home.
        others: The other paths.
    """

    contents: bytes
    named: tuple[str, ...]
    others: tuple[str, ...]


class _Pickler(pickle.Pickler):
    def __init__(self, out: io.BytesIO, home: Path) -> None:
        super().__init__(out, protocol=pickle.HIGHEST_PROTOCOL)
        self.home, self.data = home, paths.data()
        self.named: dict[str, None] = {}
        self.others: dict[str, None] = {}

    def persistent_id(self, value: Any) -> str | None:
        if not isinstance(value, PurePath):
            return None
        if self.home in value.parents and self.data not in value.parents:
            relative = value.relative_to(self.home).as_posix()
            self.named[relative] = None
            return relative
        self.others[str(value)] = None
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, source: io.BytesIO, home: Path) -> None:
        super().__init__(source)
        self.home = home

    def persistent_load(self, relative: str) -> Path:
        return self.home / relative


def pickled(value: Any, home: Path) -> Pickled:
    """Pickle a value with the paths of a home relative to it. Recordings in the home's datasets
    folder are not of the home: they are read where they are."""
    out = io.BytesIO()
    pickler = _Pickler(out, home)
    pickler.dump(value)
    return Pickled(out.getvalue(), tuple(pickler.named), tuple(pickler.others))


def unpickled(contents: bytes, home: Path) -> Any:
    """Return what was pickled, with the paths of a home in this one."""
    return _Unpickler(io.BytesIO(contents), home).load()


def is_live(path: str) -> bool:
    """Return whether a path of a home is of what a task resumes from."""
    return path.split("/")[0] in LIVE


def is_input(path: str) -> bool:
    """Return whether a path of a home that a task names is sent to a worker."""
    return "/" in path and path.split("/")[0] in (*SENT, *LIVE)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's contents."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def described(home: Path, path: str) -> File:
    """Return a file of a home, with its contents if it is short."""
    file = home / path
    if (n_bytes := file.stat().st_size) > INLINE_BYTES:
        return File(path, n_bytes, sha256(file))
    contents = file.read_bytes()
    return File(path, len(contents), hashlib.sha256(contents).hexdigest(), contents)


def stamps(home: Path, within: Sequence[str] = ("",)) -> dict[str, Stamp]:
    """Return the stamp of each file in these folders of a home, in the order of writing; no locks
    and no temporary files, whose names begin with a dot."""
    every: dict[str, Stamp] = {}
    for folder in within:
        for parent, folders, names in os.walk(home / folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(parent, name)
                with contextlib.suppress(FileNotFoundError):  # removed in this moment
                    about = path.stat()
                    if not name.startswith("."):
                        stamp = Stamp(about.st_mtime_ns, about.st_ino, about.st_size)
                        every[path.relative_to(home).as_posix()] = stamp
    return dict(sorted(every.items(), key=lambda each: each[1]))


def written(home: Path, before: Mapping[str, Stamp]) -> tuple[File, ...]:
    """Return the files that were written since `before`, in the order of writing; short ones, whose
    contents go along, are removed."""
    new = [path for path, stamp in stamps(home).items() if before.get(path) != stamp]
    files = tuple(described(home, path) for path in new)
    for file in files:
        if file.contents is not None:
            (home / file.path).unlink()
    return files


def link(source: Path, target: Path) -> None:
    """Let a file be at a second place too, as a link or, where there are none, as a copy."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
