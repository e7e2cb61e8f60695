"""Files → scores of their stretches of time: decoded, cut and heard, a batch of clips at a time.

Clips of several files share a batch, so that many short files cost no more than one long one; a
long file streams by, so that it needs no more memory than a short one.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from asc_cli.audio import decode
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.prefetch import prefetch, rebatch
from asc_cli.evaluation import aggregate
from asc_cli.features import stream
from asc_cli.frontend import clips
from asc_cli.inference import ensemble
from asc_cli.inference.types import Scored
from asc_cli.registry import models

BATCH_CLIPS = 64


@dataclass(frozen=True)
class Request:
    """What is wanted of each file; small enough to send to a worker."""

    model: models.Model
    fold: int | None = None  # a member alone; None: the average of all
    timeline_s: float | None = None  # length of a stretch; None: the whole recording
    embeddings: bool = False


def score_files(request: Request, paths: Sequence[Path]) -> list[Scored | FileFault]:
    """Each file's scores, or what is wrong with it, in order."""
    model = loaded(request.model, request.fold)
    return score_streams(model, request, [(p, _decode(model, p)) for p in paths])


def score_streams(
    model: ensemble.Loaded, request: Request, sources: Sequence[tuple[Path, Iterable[np.ndarray]]]
) -> list[Scored | FileFault]:
    """The same for sources of samples at the model's rate, each in blocks.

    Meanwhile another thread decodes and analyses what comes next. One thread for torch, which
    parallel.map_unordered sees to, is best: batches are too small for more.
    """
    tallies = [_Tally(path, model, request) for path, _ in sources]
    streams = (blocks for _, blocks in sources)
    with contextlib.closing(_batches(model, tallies, streams)) as batches:
        for batch, lengths, owners in batches:
            if request.embeddings:
                logs, v = ensemble.log_probabilities_and_embeddings(model, batch, lengths)
            else:
                logs, v = ensemble.log_probabilities(model, batch, lengths), None
            added = aggregate.summands(logs, model.aggregate)
            for owner in np.unique(owners):
                mine = owners == owner
                tallies[owner].add(added[mine], None if v is None else v[mine])
    return [tally.fault or tally.conclude() for tally in tallies]


_kept: dict[tuple[str, int | None], ensemble.Loaded] = {}


def loaded(model: models.Model, fold: int | None) -> ensemble.Loaded:
    """The model in this process's memory: a worker loads it once."""
    key = (f"{model.folder} {model.card['created']}", fold)
    if key not in _kept:
        _kept.clear()
        with _no_garbage():
            _kept[key] = ensemble.load(model, fold)
    return _kept[key]


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Python does not look for garbage meanwhile: what torch's import makes stays, all of it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _decode(model: ensemble.Loaded, path: Path) -> Iterator[np.ndarray]:
    return decode.blocks(path, model.feature.sample_rate)


@dataclass
class _Tally:
    """Sums over the clips of one file, stretch by stretch."""

    path: Path
    model: ensemble.Loaded
    request: Request
    samples: int = 0
    clips: int = 0
    fault: FileFault | None = None
    sums: list[np.ndarray] = field(default_factory=list)  # (C,) each
    counts: list[int] = field(default_factory=list)
    embedding: np.ndarray | float = 0.0

    def counted(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self.samples += len(block)
            yield block

    def add(self, added: np.ndarray, embeddings: np.ndarray | None) -> None:
        """The next clips' contributions (b, C), each to the stretch that holds its middle."""
        numbers = self.clips + np.arange(len(added))
        self.clips += len(added)
        stretches = self.stretch_of(numbers)
        for stretch in np.unique(stretches):
            while len(self.sums) <= stretch:
                self.sums.append(np.zeros(added.shape[1]))
                self.counts.append(0)
            inside = stretches == stretch
            self.sums[stretch] += added[inside].sum(axis=0)
            self.counts[stretch] += int(inside.sum())
        if embeddings is not None:
            self.embedding = self.embedding + embeddings.sum(axis=0, dtype=np.float64)

    def stretch_of(self, numbers: np.ndarray) -> np.ndarray:  # (b,) -> (b,)
        if self.request.timeline_s is None:
            return np.zeros(len(numbers), np.int64)
        where, feature = self.model.clip_grid, self.model.feature
        middles = numbers * where.step_frames + where.n_frames / 2
        seconds = middles * feature.framing.hop_samples / feature.sample_rate
        return np.floor(seconds / self.request.timeline_s).astype(np.int64)

    def conclude(self) -> Scored:
        how = self.model.aggregate
        sums, counts = np.array(self.sums), np.array(self.counts)
        seconds = self.samples / self.model.feature.sample_rate
        ends = np.arange(1, len(sums) + 1) * (self.request.timeline_s or seconds)
        ends[-1] = seconds  # what is left of the last clips belongs to the last stretch
        heard = counts > 0  # one that holds no clip's middle belongs to the next, which does
        return Scored(
            self.path,
            seconds,
            aggregate.normalise(sums.sum(axis=0)[None], counts.sum()[None], how)[0],
            ends[heard],
            aggregate.normalise(sums[heard], counts[heard], how),
            np.float32(self.embedding / self.clips) if self.request.embeddings else None,
        )


def _batches(
    model: ensemble.Loaded, tallies: Sequence[_Tally], streams: Iterable[Iterable[np.ndarray]]
) -> Generator[tuple[np.ndarray, ...], None, None]:
    """Batches of clips, made by another thread; a batch may hold clips of several files."""
    return prefetch(rebatch(_clips(model, tallies, streams), BATCH_CLIPS))


def _clips(
    model: ensemble.Loaded, tallies: Sequence[_Tally], streams: Iterable[Iterable[np.ndarray]]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:  # (b, T, F), (b,), (b,)
    """Clips of the files one after another, their lengths and owners; faults go to the tallies."""
    feature = model.feature
    for owner, (tally, blocks) in enumerate(zip(tallies, streams, strict=True)):
        frames = stream(feature.compute, tally.counted(blocks), feature.sample_rate)
        try:
            for batch, lengths in clips.streamed(frames, model.clip_grid, BATCH_CLIPS):
                yield batch, lengths, np.full(len(batch), owner)
        except FileFault as fault:
            tally.fault = fault
        except AscError as fault:
            tally.fault = FileFault(tally.path, str(fault))
