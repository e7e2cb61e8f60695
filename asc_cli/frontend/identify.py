"""Identify recordings by the hashes of their bytes and of their decoded samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from asc_cli.core import parallel
from asc_cli.core.errors import FileFault
from asc_cli.frontend import store
from asc_cli.frontend.fill import FEW_BATCHES, batches
from asc_cli.frontend.index import Entry, Index


def indexed(paths: Mapping[str, Path]) -> dict[str, Entry]:
    """Return the entries of unchanged files that the index has; no audio is read."""
    index = Index()
    entries = {name: index.get(path) for name, path in paths.items()}
    return {name: entry for name, entry in entries.items() if entry and entry.audio_digest}


def audio_digests(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Return the hash of the decoded samples of each file."""
    return {name: e.audio_digest for name, e in entries.items() if e.audio_digest is not None}


def identify(
    paths: Mapping[str, Path],
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Entry]:
    """Return the entries of files, of which those that the index lacks are decoded.

    A file that cannot be read is left out. progress: Called with (done, all) as files are decoded.
    """
    entries = indexed(paths)
    others = {k: path for k, path in paths.items() if k not in entries and "\0" not in k}
    tasks = [(batch,) for batch in batches(others)]
    if jobs is None and len(tasks) <= FEW_BATCHES:
        jobs = 1
    new: dict[str, Entry] = {}
    for outcome in parallel.map_unordered(_identify, tasks, jobs):
        new |= outcome
        if progress:
            progress(len(new), len(others))
    Index().put((paths[name], entry) for name, entry in new.items())
    return {**entries, **new}


def _identify(paths: dict[str, Path]) -> dict[str, Entry]:
    entries = {}
    for name, path in paths.items():
        try:
            entries[name] = store.entry(path)
        except FileFault:  # decoding it for a prediction raises the reason
            continue
    return entries
