"""Recordings that are the same sound: equal samples, or fingerprints that agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from asc_cli.audio import decode, hashing
from asc_cli.core import parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.streams import libraries_silenced
from asc_cli.frontend import fingerprint
from asc_cli.frontend.fill import FEW_BATCHES, batches


@dataclass(frozen=True)
class Pair:
    """Two recordings of the same sound.

    Attributes:
        first: A recording.
        second: Another.
        kind: "identical": equal samples; "overlap": a part, or all, was coded, cut or amplified.
        offset_s: Where the first begins in the second, seconds.
        seconds: How long the sound is that both hold; None where they are identical.
    """

    first: str
    second: str
    kind: str
    offset_s: float = 0.0
    seconds: float | None = None


class _Sound(NamedTuple):
    digest: str  # of the decoded samples
    words: np.ndarray  # (T,)


def alike(
    paths: Mapping[str, Path],
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Pair], list[FileFault]]:
    """Return the pairs of recordings that are the same sound, and the files that cannot be read.

    Args:
        paths: Recording → its file.
        jobs: Worker processes. None: one per processor, and a single one for a few files.
        progress: Called with (done, all) as files are decoded.
    """
    sounds: dict[str, _Sound] = {}
    failed: list[FileFault] = []
    tasks = [(batch,) for batch in batches(dict(paths))]
    if jobs is None and len(tasks) <= FEW_BATCHES:
        jobs = 1
    for outcomes in parallel.map_unordered(_sounds, tasks, jobs):
        for name, outcome in outcomes.items():
            if isinstance(outcome, FileFault):
                failed.append(FileFault(name, outcome.reason))
            else:
                sounds[name] = outcome
        if progress:
            progress(len(sounds) + len(failed), len(paths))
    in_order = {name: sounds[name] for name in paths if name in sounds}
    return [*_pairs(in_order)], sorted(failed, key=lambda fault: str(fault.path))


def _pairs(sounds: Mapping[str, _Sound]) -> Iterator[Pair]:
    by_digest: dict[str, list[str]] = defaultdict(list)
    for name, sound in sounds.items():
        by_digest[sound.digest].append(name)
    for first, *others in by_digest.values():
        yield from (Pair(first, other, "identical") for other in others)
    different = {names[0]: sounds[names[0]].words for names in by_digest.values()}
    for overlap in fingerprint.overlaps(different):
        first, second = overlap.first, overlap.second
        yield Pair(first, second, "overlap", overlap.offset_s, overlap.seconds)


def _sounds(paths: Mapping[str, Path]) -> dict[str, _Sound | FileFault]:
    """Decode a batch in a worker."""
    outcomes: dict[str, _Sound | FileFault] = {}
    with libraries_silenced():
        for name, path in paths.items():
            try:
                outcomes[name] = _sound(path)
            except FileFault as fault:
                outcomes[name] = fault
    return outcomes


def _sound(path: Path) -> _Sound:
    samples_hash = hashing.SampleHash()
    _, blocks = decode.decode(path, fingerprint.SAMPLE_RATE, samples_hash.update)
    try:
        words = fingerprint.fingerprint(blocks)
    except FileFault:
        raise
    except AscError:  # shorter than a frame: its samples are all that is compared
        words = np.zeros(0, np.uint32)
    return _Sound(samples_hash.hexdigest(), words)
