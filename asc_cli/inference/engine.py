"""Batched inference: decode, extract features, cut clips, score, aggregate per segment.

Clips of several files share a batch, so that many short files cost no more than one long one; a
long file is streamed, so that it needs no more memory than a short one.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from asc_cli.audio import decode
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.prefetch import prefetch, rebatch
from asc_cli.evaluation import aggregate
from asc_cli.features import stream
from asc_cli.frontend import clips
from asc_cli.inference import ensemble
from asc_cli.inference.segments import NOT_FINITE as NOT_FINITE
from asc_cli.inference.segments import Request as Request
from asc_cli.inference.segments import SegmentAccumulator, average
from asc_cli.inference.types import Scored

BATCH_CLIPS = 64
Blocks = Callable[[int], Iterable[np.ndarray]]  # sample rate, Hz → blocks of samples at that rate


def score(
    model: ensemble.Loaded | ensemble.LoadedEnsemble,
    request: Request,
    sources: Sequence[tuple[Path, Blocks]],
) -> list[Scored | FileFault]:
    """Return the scores of each source of samples, or its fault, in order.

    A source is a path and its samples at any rate, as `decoded` gives them; each system of an
    ensemble reads them at its own, and their probabilities are averaged with its weights.

    Another thread decodes and extracts features ahead. One thread for torch, which
    parallel.map_unordered sets, is best: batches are too small for more.
    """
    parts = []
    for system in model.systems:
        accumulators = [SegmentAccumulator(path, system, request) for path, _ in sources]
        streams = (blocks(system.feature.sample_rate) for _, blocks in sources)
        _add_scores(system, accumulators, _clips(system, accumulators, streams))
        parts.append(accumulators)
    return [average(own, model.weights) for own in zip(*parts, strict=True)]


def _add_scores(
    model: ensemble.Loaded,
    accumulators: Sequence[SegmentAccumulator],
    clips_of_files: Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    """Add the summands of clips, as `_clips` yields them, to their owners' sums."""
    batches = rebatch(clips_of_files, BATCH_CLIPS)  # of several files' clips
    with contextlib.closing(prefetch(batches)) as prefetched:
        for batch, lengths, numbers, owners in prefetched:
            embed = accumulators[0].request.embeddings
            described: list[np.ndarray] | None = [] if model.unknown else None
            logs, v = ensemble.log_probabilities(model, batch, lengths, embed, described)
            added = aggregate.summands(logs, model.aggregate)
            for owner in np.unique(owners):
                own = owners == owner
                accumulators[owner].add(added[own], numbers[own], None if v is None else v[own])
                if described:
                    accumulators[owner].describe(np.hstack(described)[own], numbers[own])


Key = tuple[str, int | None, str | None, str, bool]
_loaded_models: dict[Key, ensemble.Loaded | ensemble.LoadedEnsemble] = {}


def loaded(request: Request) -> ensemble.Loaded | ensemble.LoadedEnsemble:
    """Return the request's model, loaded once per process."""
    model, fold, device = request.model, request.fold, request.device
    key = (f"{model.folder} {model.card['created']}", fold, device, request.engine, request.unknown)
    if key not in _loaded_models:
        _loaded_models.clear()
        _loaded_models[key] = ensemble.load_systems(
            model, fold, device, request.engine, request.unknown
        )
    return _loaded_models[key]


def decoded(paths: Sequence[Path], longest_s: float = math.inf) -> list[tuple[Path, Blocks]]:
    """Return the sources of files; each is opened when its samples are read, and a FileFault if it
    is longer than so many seconds."""
    if longest_s == math.inf:
        return [(path, functools.partial(decode.blocks, path)) for path in paths]
    return [(path, functools.partial(_within, path, longest_s)) for path in paths]


def _within(path: Path, longest_s: float, rate: int) -> Iterator[np.ndarray]:
    n_samples = 0
    for block in decode.blocks(path, rate):
        n_samples += len(block)
        if n_samples > longest_s * rate:
            raise FileFault(path, f"is longer than {longest_s:g} s, the limit here")
        yield block


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
