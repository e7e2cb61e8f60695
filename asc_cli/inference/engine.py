"""Batched inference: decode, extract features, cut clips, score, aggregate per segment.

Clips of several files share a batch, so that many short files cost no more than one long one; a
long file is streamed, so that it needs no more memory than a short one.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator, Sequence
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
NOT_FINITE = (
    "its scores are not finite: its sound, or the model's weights, are far from all that the model "
    "was trained on"
)


@dataclass(frozen=True)
class Request:
    """Options of a prediction; small enough to pickle."""

    model: models.Model
    fold: int | None = None  # one member; None: the average of all
    timeline_s: float | None = None  # length of a segment; None: the whole recording
    embeddings: bool = False
    device: str | None = None  # the recording device, of models with members for devices


def score(
    model: ensemble.Loaded, request: Request, sources: Sequence[tuple[Path, Iterable[np.ndarray]]]
) -> list[Scored | FileFault]:
    """Return the scores of each source of samples, or its fault, in order.

    A source is a path and blocks of samples at the model's rate, as `decoded` gives them. Another
    thread decodes and extracts features ahead. One thread for torch, which
    parallel.map_unordered sets, is best: batches are too small for more.
    """
    accumulators = [SegmentAccumulator(path, model, request) for path, _ in sources]
    streams = (blocks for _, blocks in sources)
    batches = rebatch(_clips(model, accumulators, streams), BATCH_CLIPS)  # of several files' clips
    with contextlib.closing(prefetch(batches)) as prefetched:
        for batch, lengths, numbers, owners in prefetched:
            logs, v = ensemble.log_probabilities(model, batch, lengths, request.embeddings)
            added = aggregate.summands(logs, model.aggregate)
            for owner in np.unique(owners):
                own = owners == owner
                accumulators[owner].add(added[own], numbers[own], None if v is None else v[own])
    return [accumulator.fault or accumulator.result() for accumulator in accumulators]


_loaded_models: dict[tuple[str, int | None, str | None], ensemble.Loaded] = {}


def loaded(request: Request) -> ensemble.Loaded:
    """Return the request's model, loaded once per process."""
    model, fold, device = request.model, request.fold, request.device
    key = (f"{model.folder} {model.card['created']}", fold, device)
    if key not in _loaded_models:
        _loaded_models.clear()
        with gc_disabled():
            _loaded_models[key] = ensemble.load(model, fold, device)
    return _loaded_models[key]


@contextlib.contextmanager
def gc_disabled() -> Iterator[None]:
    """Disable garbage collection: during torch's import it costs about 0.3 s and frees nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def decoded(
    model: ensemble.Loaded, paths: Sequence[Path]
) -> list[tuple[Path, Iterator[np.ndarray]]]:
    """Return the sources of files; each is opened when its samples are read."""
    return [(path, decode.blocks(path, model.feature.sample_rate)) for path in paths]


@dataclass
class SegmentAccumulator:
    """Sums over the clips of one file, per segment."""

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

    def add(self, added: np.ndarray, numbers: np.ndarray, embeddings: np.ndarray | None) -> None:
        """Add summands (b, C) of clips by their numbers (b,), each to the segment that holds the
        clip's middle."""
        self.clips += len(added)
        segments = self.segment_of(numbers)
        for segment in np.unique(segments):
            while len(self.sums) <= segment:
                self.sums.append(np.zeros(added.shape[1]))
                self.counts.append(0)
            inside = segments == segment
            self.sums[segment] += added[inside].sum(axis=0)
            self.counts[segment] += int(inside.sum())
        if embeddings is not None:
            self.embedding = self.embedding + embeddings.sum(axis=0, dtype=np.float64)

    def segment_of(self, numbers: np.ndarray) -> np.ndarray:  # (b,) -> (b,)
        if self.request.timeline_s is None:
            return np.zeros(len(numbers), np.int64)
        grid, feature = self.model.clip_grid, self.model.feature
        middles = numbers * grid.step_frames + grid.n_frames / 2
        seconds = middles * feature.framing.hop_samples / feature.sample_rate
        return np.floor(seconds / self.request.timeline_s).astype(np.int64)

    def result(self) -> Scored | FileFault:
        """Return the recording's scores, or a fault where they are no probabilities."""
        method = self.model.aggregate
        sums, counts = np.array(self.sums), np.array(self.counts)
        seconds = self.samples / self.model.feature.sample_rate
        ends = np.arange(1, len(sums) + 1) * (self.request.timeline_s or seconds)
        ends[-1] = seconds  # the last segment ends with the recording
        non_empty = counts > 0  # a segment without a clip's middle is joined to the next one
        with np.errstate(all="ignore"):
            scores = aggregate.normalise(sums.sum(axis=0)[None], counts.sum()[None], method)[0]
            segments = aggregate.normalise(sums[non_empty], counts[non_empty], method)
            embedding = np.float32(self.embedding / self.clips) if self.request.embeddings else None
        if not np.isfinite(scores).all() or not np.isfinite(segments).all():
            return FileFault(self.path, NOT_FINITE)
        if embedding is not None and not np.isfinite(embedding).all():
            return FileFault(self.path, NOT_FINITE)
        return Scored(self.path, seconds, scores, ends[non_empty], segments, embedding)


def _clips(
    model: ensemble.Loaded,
    accumulators: Sequence[SegmentAccumulator],
    streams: Iterable[Iterable[np.ndarray]],
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:  # (b, T, F), (b,) each
    """Yield clips of the files, their lengths, numbers and owners; faults go to the
    accumulators."""
    feature = model.feature
    for owner, (accumulator, blocks) in enumerate(zip(accumulators, streams, strict=True)):
        try:
            for samples in _versions(model, accumulator.counted(blocks)):
                frames = stream(feature.compute, samples, feature.sample_rate)
                cut = clips.from_stream(frames, model.clip_grid, BATCH_CLIPS)
                for batch, lengths, numbers in clips.numbered(cut, model.clip_grid):
                    yield batch, lengths, numbers, np.full(len(batch), owner)
        except FileFault as fault:
            accumulator.fault = fault
        except AscError as fault:
            accumulator.fault = FileFault(accumulator.path, str(fault))


def _versions(
    model: ensemble.Loaded, blocks: Iterable[np.ndarray]
) -> Iterator[Iterable[np.ndarray]]:
    """Yield the blocks of a recording, then each variant that the model scores beside it, which
    takes all samples at once."""
    if not model.variants:
        yield blocks
        return
    parts = list(blocks)
    yield parts
    samples = np.concatenate([np.zeros(0, np.float32), *parts])
    for variant in model.variants:
        yield [variant.changed(samples, model.feature.sample_rate)]
