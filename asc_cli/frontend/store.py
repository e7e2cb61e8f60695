"""The feature store: content-addressed, like git's objects.

    features/<feature>-<key>/feature.json        the feature's parameters
    features/<feature>-<key>/datasets/….json     a dataset whose recordings it was computed for
    features/<feature>-<key>/ab/cdef….….npy      (T, F) float32, named by the audio file's hash
                                                 and its own checksum
    features/<feature>-<key>/short/<contents>/   a pack of many short recordings: a file for each
                                                 would cost more than computing what is in it
    packs/<feature>-<key>-<contents>/            a pack of a dataset's recordings: training
                                                 maps it; all folds and processes share it

The key is the hash of the feature's name, all its parameters, its VERSION and how audio is
decoded; so no outdated feature is ever used. Everything is written under a temporary name and
renamed: any number of processes may fill one store, and a killed one leaves nothing half-written.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from asc_cli.audio import decode, hashing, media
from asc_cli.core import atomic, paths
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.streams import libraries_silenced
from asc_cli.features import stream
from asc_cli.frontend import pack as packs
from asc_cli.frontend import remote_packs
from asc_cli.frontend.arrays import Arrays, checksum_in
from asc_cli.frontend.feature import StoredFeature
from asc_cli.frontend.index import Entry, stamp

SHORT_BYTES = 65_536  # of features; less than that, and a recording shares a pack with others


class Stored:
    """The stored recordings of a feature. The tables of its short recordings are read once."""

    def __init__(self, feature: StoredFeature) -> None:
        self.feature = feature
        self._short = feature.folder / "short"
        self.arrays = Arrays(feature)
        self._packs: set[str] = set()
        self._pack_of: dict[bytes, str] = {}  # digest of a short recording → its pack
        self._opened: packs.Pack | None = None
        self.refresh()

    def refresh(self) -> None:
        """Update to what other processes have written or removed."""
        self.arrays.refresh()
        names = set(os.listdir(self._short)) if self._short.is_dir() else set()
        if self._packs - names:
            self._packs, self._pack_of, self._opened = set(), {}, None
        for name in sorted(names - self._packs):
            if name.startswith(packs.TEMPORARY):
                continue
            self._packs.add(name)
            with contextlib.suppress(AscError):  # damaged: computed again; --verify removes it
                table = packs.load_table(self._short / name)
                self._pack_of.update(dict.fromkeys(table["digest"].tolist(), name))

    def __contains__(self, digest: str) -> bool:
        return digest.encode() in self._pack_of or self.arrays.find(digest) is not None

    def is_intact(self, digest: str) -> bool:
        """Read a recording's features; return whether they equal their checksum.

        False also where they have none: only computing them again can tell.
        """
        try:
            self.load(digest)
        except AscError:
            return False
        file = self.arrays.find(digest)
        return digest.encode() in self._pack_of or (file is not None and bool(checksum_in(file)))

    def load(self, digest: str) -> np.ndarray:  # -> (T, F)
        """A recording's features. Raises AscError when they are not there, or damaged."""
        name = self._pack_of.get(digest.encode())
        if name is None:
            return self.arrays.load(digest)
        if self._opened is None or self._opened.folder.name != name:
            self._opened = packs.load(self._short / name, self.feature.description())
        rows = self._opened.rows([digest])
        self._opened.require_intact(rows)
        return self._opened.recording(rows[0])


def ensure(
    stored: Stored, paths: Iterable[Path], verify: bool = False
) -> list[tuple[Entry, bool] | FileFault]:
    """Hash files and store their features where missing; True if they were computed now.

    With `verify`, a stored array is read completely too, and computed again if it is damaged, or
    has no checksum; of the latter True says that it was another.
    A file without features gives a FileFault.
    """
    outcomes: list[tuple[Entry, bool] | FileFault] = []
    short: dict[str, np.ndarray] = {}
    stored.refresh()
    with libraries_silenced():  # once: turning it on and off for each file takes time
        for path in paths:
            try:
                outcomes.append(_ensure(stored, path, verify, short))
            except FileFault as fault:
                outcomes.append(fault)
    _save_short(stored.feature, short)
    return outcomes


def save(stored: Stored, recordings: Mapping[str, np.ndarray]) -> None:
    """Store frames (T, F) that were computed elsewhere, by the digest of their recording."""
    short = {digest: f for digest, f in recordings.items() if f.nbytes < SHORT_BYTES}
    for digest in recordings.keys() - short.keys():
        stored.arrays.save(digest, recordings[digest])
    _save_short(stored.feature, short)


def identified(path: Path) -> tuple[str, tuple[int, int, int, int]]:
    """Return the hash of a file's bytes, and its stamp. Raises FileFault, or OSError."""
    digest, before = _digest(path)
    return digest, stamp(before)


def entry(path: Path) -> Entry:
    """Return the row of the index for a file. Raises FileFault for one that cannot be read."""
    return _entry(path, *_digest(path))


def compute(feature: StoredFeature, path: Path) -> np.ndarray:  # -> (T, F)
    """Compute the features of one file without the store. Raises FileFault."""
    return _compute(feature, path)[0]


def describe(feature: StoredFeature, dataset: str, audio_root: Path) -> None:
    """Write feature.json, and for which dataset the feature was computed."""
    file = feature.folder / "feature.json"
    if not file.exists():
        atomic.write_json(file, feature.description())
    name = hashlib.sha256(os.fsencode(f"{dataset}\n{audio_root}")).hexdigest()[:16]
    used_by = feature.folder / "datasets" / f"{name}.json"
    if not used_by.exists():
        atomic.write_json(used_by, {"dataset": dataset, "audio_root": str(audio_root)})


def pack(
    feature: StoredFeature,
    digests: Sequence[str],  # of different recordings whose features are in the store
    dataset: str,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Return the folder of a pack of these recordings; get it from the remote, or write it, first
    if it is missing."""
    target = paths.packs() / f"{feature.name}-{feature.key}-{packs.name_of(digests)}"
    if not target.is_dir() and not remote_packs.fetch(target, feature.description()):
        stored = Stored(feature)

        def recordings() -> Iterator[tuple[str, np.ndarray]]:
            for done, digest in enumerate(digests, start=1):
                yield digest, stored.load(digest)
                if progress:
                    progress(done, len(digests))

        packs.write(target, recordings(), {"dataset": dataset, "feature": feature.description()})
        remote_packs.put(target)
    return target


def remove_damaged_packs(feature: StoredFeature) -> list[Path]:
    """Check all packs of a feature, short ones too; remove and return the damaged ones."""
    name = f"{feature.name}-{feature.key}"
    folders = [*paths.packs().glob(f"{name}-*"), *(feature.folder / "short").glob("[!.]*")]
    description = feature.description()
    damaged = [folder for folder in folders if not packs.is_intact(folder, description)]
    for folder in damaged:
        packs.remove(folder)
    return damaged


def remove_packs_of(feature: StoredFeature, digests: Iterable[str]) -> None:
    """Remove the packs for training that hold any of these recordings, whose arrays were damaged
    when the packs may have been made of them."""
    changed = {digest.encode() for digest in digests}
    for folder in paths.packs().glob(f"{feature.name}-{feature.key}-*") if changed else ():
        with contextlib.suppress(AscError):  # damaged: `remove_damaged_packs` removed it
            if not changed.isdisjoint(packs.load_table(folder)["digest"].tolist()):
                packs.remove(folder)


def _save_short(feature: StoredFeature, recordings: Mapping[str, np.ndarray]) -> None:
    if recordings:
        target = feature.folder / "short" / packs.name_of([*recordings])
        packs.write(target, recordings.items(), {"feature": feature.description()})


def _ensure(
    stored: Stored, path: Path, verify: bool, short: dict[str, np.ndarray]
) -> tuple[Entry, bool]:
    """Store one file's features: those of a short recording in `short`, others on the disk."""
    feature = stored.feature
    digest, before = _digest(path)
    if digest in short or (digest in stored and (not verify or stored.is_intact(digest))):
        return _entry(path, digest, before), False
    frames, seconds, audio_digest = _compute(feature, path)
    new = _unchanged(Entry(*stamp(before), digest, seconds, audio_digest), path)
    if frames.nbytes < SHORT_BYTES and stored.arrays.find(digest) is None:
        short[digest] = frames
        return new, True
    return new, stored.arrays.save(digest, frames)


def _entry(path: Path, digest: str, before: os.stat_result) -> Entry:
    seconds = decode.inspect(path).seconds
    return _unchanged(Entry(*stamp(before), digest, seconds, hashing.content(path)), path)


def _unchanged(entry: Entry, path: Path) -> Entry:
    if not entry.describes(path):
        raise FileFault(path, "changed while it was being read; run the command again")
    return entry


def _compute(feature: StoredFeature, path: Path) -> tuple[np.ndarray, float, str]:
    """Return the features (T, F), the length in seconds and the hash of the decoded samples."""
    samples_hash = hashing.SampleHash()
    try:
        info, blocks = decode.decode(path, feature.sample_rate, samples_hash.update)
        if feature.variant:  # which needs all samples at once
            samples = np.concatenate(list(blocks))
            blocks = iter([feature.variant.changed(samples, feature.sample_rate)])
        parts = stream(feature.compute, blocks, feature.sample_rate)
        return np.concatenate(list(parts)), info.seconds, samples_hash.hexdigest()
    except FileFault:
        raise
    except AscError as fault:
        raise FileFault(path, str(fault)) from fault


def _digest(path: Path) -> tuple[str, os.stat_result]:
    """Return the hash of a file's bytes, and its stat when reading began. Raises FileFault.

    What FFmpeg decodes, whose versions differ, is hashed with its version.
    """
    digest = hashlib.sha256(media.version().encode() if media.is_media(path) else b"")
    try:
        with path.open("rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError:
        decode.inspect(path)  # raises the reason
        raise
    return digest.hexdigest(), before
