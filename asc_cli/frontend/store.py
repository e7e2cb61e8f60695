"""The feature store: content-addressed, like git's objects.

    features/<feature>-<key>/feature.json       what the key stands for
    features/<feature>-<key>/ab/cdef….npy       (T, F) float32, named by the audio file's hash
    features/index/<folder's hash>.json         (size, mtime, ctime) of files → hash of their bytes

The key is the hash of the feature's name, all its parameters, its VERSION and how audio is
decoded; so nothing stale is ever served. Everything is written under a temporary name and
renamed: any number of processes may fill one store, and a killed one leaves nothing half-written.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.audio import decode as audio
from asc_cli.core import atomic as files
from asc_cli.core import paths as home
from asc_cli.core import plugins as catalog
from asc_cli.core.errors import AscError, FileFault
from asc_cli.features import stream

RACY_NS = 2_000_000_000  # a file changed less than this before it was hashed may change unseen


@dataclass(frozen=True)
class Feature:
    """A feature with every parameter resolved."""

    name: str
    sample_rate: int  # Hz
    parameters: dict[str, Any]
    version: int
    root: Path  # the store's folder: workers elsewhere need not know $ASC_HOME

    @functools.cached_property
    def key(self) -> str:
        whole = json.dumps(self.description(), sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    def description(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.version,
            "parameters": self.parameters,
            "audio": {"sample_rate": self.sample_rate, "decoding": audio.DECODING},
        }

    def folder(self) -> Path:
        return self.root / f"{self.name}-{self.key}"

    def object(self, digest: str) -> Path:
        return self.folder() / digest[:2] / f"{digest[2:]}.npy"


@dataclass(frozen=True)
class Entry:
    """What the index remembers of an audio file."""

    size: int
    mtime_ns: int
    ctime_ns: int
    digest: str  # SHA-256 of the file's bytes
    seconds: float

    def describes(self, path: Path) -> bool:
        """False too when the file cannot be looked at: then reading it says why."""
        try:
            now = path.stat()
        except OSError:
            return False
        return (self.size, self.mtime_ns, self.ctime_ns) == _stamp(now)


def resolve(name: str, sample_rate: int, given: dict[str, Any]) -> Feature:
    """A feature with its defaults filled in from its `extract`."""
    defaults = {p.name: p.default for p in catalog.parameters("features", name)}
    version = catalog.version(name)
    return Feature(name, sample_rate, {**defaults, **given}, version, home.features())


def probe(feature: Feature) -> None:
    """Raise AscError if these parameters give no frames, whatever the audio."""
    module = catalog.load("features", feature.name)
    try:
        framing = module.framing(feature.sample_rate, **feature.parameters)
        silence = np.zeros(framing.frame_samples, np.float32)
        frames = module.extract(silence, feature.sample_rate, **feature.parameters)
    except (ValueError, TypeError, ArithmeticError) as fault:
        raise AscError(
            f"features: {feature.name} cannot be computed with {feature.parameters} at "
            f"{feature.sample_rate} Hz ({fault})"
        ) from fault
    if frames.ndim != 2 or 0 in frames.shape or not np.isfinite(frames).all():
        raise AscError(
            f"features: {feature.name} gives no bands with {feature.parameters} at "
            f"{feature.sample_rate} Hz"
        )


def ensure(feature: Feature, path: Path, verify: bool = False) -> tuple[Entry, bool]:
    """Hash a file and see that its features are in the store; True if they were computed now.

    With `verify`, an array that is there is read whole too, and computed again if it is damaged.
    Raises FileFault for a file without features.
    """
    entry = _hash(path)
    target = feature.object(entry.digest)
    if target.exists() and not (verify and _damaged(target)):
        return entry, False
    frames = compute(feature, path)
    if not entry.describes(path):
        raise FileFault(path, "changed while it was being read; run the command again")
    with files.replacing(target) as temporary:
        np.save(temporary, frames)
    return entry, True


def digest(path: Path) -> str | None:
    """SHA-256 of a file's bytes, which names its features; None if it cannot be read."""
    try:
        return _digest(path)[0]
    except OSError:
        return None


def compute(feature: Feature, path: Path) -> np.ndarray:  # -> (T, F)
    """The features of one file, past the store. Raises FileFault."""
    module = catalog.load("features", feature.name)
    blocks = audio.blocks(path, feature.sample_rate)
    try:
        return np.concatenate(list(stream(module, blocks, feature.sample_rate, feature.parameters)))
    except FileFault:
        raise
    except AscError as fault:
        raise FileFault(path, str(fault)) from fault


def load(feature: Feature, digest: str) -> np.ndarray:  # -> (T, F)
    """Stored features, mapped into memory."""
    try:
        return np.load(feature.object(digest), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as fault:
        raise AscError(
            f"feature store: {feature.object(digest)} cannot be read ({fault}); "
            "run asc features again with --verify"
        ) from fault


def describe(feature: Feature) -> None:
    """Write feature.json, so that a person can tell what a folder of the store holds."""
    target = feature.folder() / "feature.json"
    if not target.exists():
        files.write_json(target, feature.description())


class Index:
    """Remembers which bytes a path held, so that a second run does not read the audio again.

    One JSON file per folder of audio. Two processes may write it at once: the last one wins, and
    what it did not know is hashed again. The stamp holds ctime besides mtime, because copying
    with preserved times restores the mtime of other contents.
    """

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, Entry]] = {}

    def get(self, path: Path) -> Entry | None:
        """The entry of a path, if the file still is what it was."""
        entry = self._folder(path.parent).get(path.name)
        return entry if entry and entry.describes(path) else None

    def put(self, entries: Iterable[tuple[Path, Entry]]) -> None:
        """Remember entries; those of files changed a moment ago are not to be trusted."""
        trusted_before_ns = time.time_ns() - RACY_NS
        by_folder: dict[Path, dict[str, Entry]] = {}
        for path, entry in entries:
            if max(entry.mtime_ns, entry.ctime_ns) < trusted_before_ns:
                by_folder.setdefault(path.parent, {})[path.name] = entry
        for folder, new in by_folder.items():
            merged = {**_read_index(folder), **new}
            self._folders[folder] = merged
            rows = {name: list(vars(entry).values()) for name, entry in sorted(merged.items())}
            files.write_json(_index_file(folder), {"folder": str(folder), "files": rows})

    def _folder(self, folder: Path) -> dict[str, Entry]:
        if folder not in self._folders:
            self._folders[folder] = _read_index(folder)
        return self._folders[folder]


def _index_file(folder: Path) -> Path:
    return home.features() / "index" / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()}.json"


def _read_index(folder: Path) -> dict[str, Entry]:
    try:
        rows = files.read_json(_index_file(folder))["files"]
        return {name: Entry(*row) for name, row in rows.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):  # damaged: it only costs hashing again
        return {}


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _hash(path: Path) -> Entry:
    seconds = audio.inspect(path).seconds
    name, before = _digest(path)
    return Entry(*_stamp(before), name, seconds)


def _digest(path: Path) -> tuple[str, os.stat_result]:
    """The hash of a file's bytes, and what it was when reading began."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest(), before


def _damaged(target: Path) -> bool:
    try:
        frames = np.load(target, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return True
    return not (frames.ndim == 2 and len(frames) and np.isfinite(frames).all())
