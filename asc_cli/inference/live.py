"""Classify live sound: the scene of the last seconds, at regular intervals."""

from __future__ import annotations

import collections
import heapq
import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from asc_cli.audio import decode
from asc_cli.core import parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.limits import require_sample_rate
from asc_cli.evaluation import aggregate
from asc_cli.features import stream
from asc_cli.frontend import clips
from asc_cli.inference import ensemble, graphs
from asc_cli.inference.engine import NOT_FINITE
from asc_cli.inference.level import Meter
from asc_cli.inference.member import AUTO, require_engine
from asc_cli.inference.types import LivePrediction, likeliest_scene
from asc_cli.registry import models


def listen(
    blocks: Iterable[np.ndarray],  # each (n,) or (n, channels), floats
    sample_rate: int,
    *,
    model: str | None = None,
    fold: int | None = None,
    window_s: float = 10.0,
    every_s: float = 1.0,
    threshold: float = 0.0,
    engine: str = AUTO,
    unknown: bool = False,
) -> Iterator[LivePrediction]:
    """Classify live sound again and again: the scene of the last seconds.

    Until the sound ends, the numerical libraries of the process use one thread: on a busy machine,
    clips this small wait for other threads for longer than they are computed.

    Args:
        blocks: Parts of the sound, one after another: (n,) or (n, channels) floats, full scale
            from −1 to 1. Channels are averaged.
        sample_rate: Samples per second, Hz.
        model: NAME or NAME@VERSION; the default model when None.
        fold: The member that this fold trained, alone. None: all members, whose probabilities are
            averaged.
        window_s: Seconds of sound that each result is of; at first, all there is.
        every_s: Seconds of sound between results.
        threshold: Below this probability, from 0 to 1, a scene is "unsure".
        engine: What answers: auto, which needs torch for models alone that have no graph; or torch.
        unknown: Score how far the window is from all scenes, as in `predict`.

    Yields:
        A prediction every `every_s` seconds of sound.

    Raises:
        AscError: There is no such model, or the window is shorter than its clips.
    """
    require_sample_rate("sample_rate", sample_rate)
    chosen = models.find(model)
    ensemble.require_scenes(chosen)
    ensemble.require_parts(chosen, "listen")
    graphs.ensure_graphs(chosen)
    with parallel.one_thread():
        loaded = ensemble.load_systems(chosen, fold, engine=require_engine(engine), unknown=unknown)
        yield from _predictions(blocks, sample_rate, loaded, window_s, every_s, threshold)


def _predictions(
    blocks: Iterable[np.ndarray],  # each (n,) or (n, channels)
    sample_rate: int,
    loaded: ensemble.Loaded | ensemble.LoadedEnsemble,
    window_s: float,
    every_s: float,
    threshold: float,
) -> Iterator[LivePrediction]:
    clip_s = max(_seconds(system)[0] for system in loaded.systems)
    if not window_s >= clip_s or not every_s > 0:
        raise AscError(
            f"listen: a window of {window_s} s every {every_s} s; at least {clip_s:.2f} s, the "
            "length of the model's clips, every more than 0 s was expected"
        )
    meter = Meter()
    copies = itertools.tee(meter.measured(blocks), len(loaded.systems))
    streams = [
        _windows(system, number, decode.resample_stream(copy, sample_rate, rate), window_s)
        for number, (system, copy) in enumerate(zip(loaded.systems, copies, strict=True))
        for rate in [system.feature.sample_rate]
    ]
    latest: dict[int, tuple[np.ndarray, float | None]] = {}  # each system's of its last window
    last_reported_s = 0.0
    for time_s, number, own in heapq.merge(*streams, key=lambda window: window[0]):
        latest[number] = own
        if len(latest) < len(streams) or (time_s < last_reported_s + every_s and last_reported_s):
            continue
        last_reported_s = time_s
        parts, far = zip(*(latest[n] for n in sorted(latest)), strict=True)
        scores = aggregate.weighted_mean(parts, loaded.weights)
        score = None if far[0] is None else float(np.average(far, weights=loaded.weights))
        if not np.isfinite(scores).all() or (score is not None and not np.isfinite(score)):
            raise FileFault("the sound", NOT_FINITE)
        scenes = dict(zip(loaded.labels, scores.tolist(), strict=True))
        yield LivePrediction(
            time_s=round(time_s, 2),
            scene=likeliest_scene(scenes, threshold, score),
            probability=max(scenes.values()),
            scenes=scenes,
            model=loaded.id,
            level=meter.read(),
            unknown_score=score,
        )


def _seconds(system: ensemble.Loaded) -> tuple[float, float]:
    """Return the length of a system's clips, and from one to the next."""
    grid, rate = system.clip_grid, system.feature.sample_rate
    hop = system.feature.framing.hop_samples
    return grid.n_frames * hop / rate, grid.step_frames * hop / rate


def _windows(
    system: ensemble.Loaded, number: int, blocks: Iterable[np.ndarray], window_s: float
) -> Iterator[tuple[float, int, tuple[np.ndarray, float | None]]]:
    """Yield time, the system's number, and its scores (C,) of the last `window_s` seconds, clip by
    clip, with how far they are from all scenes if it has statistics."""
    frames = _name_source(stream(system.feature.compute, blocks, system.feature.sample_rate))
    clip_s, step_s = _seconds(system)
    window: collections.deque[tuple[np.ndarray, np.ndarray, bool]] = collections.deque(
        maxlen=max(1, int((window_s - clip_s) / step_s) + 1)
    )  # summand, description (ΣV,), silent?
    for k, (batch, lengths) in enumerate(clips.from_stream(frames, system.clip_grid, 1)):
        rows: list[np.ndarray] | None = [] if system.unknown else None
        logs = ensemble.log_probabilities(system, batch, lengths, described=rows)[0]
        row = np.hstack(rows)[0] if rows else np.zeros(0)
        silent = bool(system.clip_grid.silent(batch).all())
        window.append((aggregate.summands(logs, system.aggregate)[0], row, silent))
        sounding = [own for own in window if not own[2]] or [window[0]]
        counted, described, _ = zip(*sounding, strict=True)
        far: float | None = None
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            scores = aggregate.normalise(
                np.sum(counted, axis=0)[None], np.array([len(counted)]), system.aggregate
            )[0]
            if system.unknown:
                far = float(ensemble.unknown_scores(system, np.mean(described, 0)[None])[0])
        yield k * step_s + clip_s, number, (scores, far)


def _name_source(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the frames; raise errors as FileFault of the live sound."""
    try:
        yield from frames
    except FileFault:
        raise
    except AscError as fault:
        raise FileFault("the sound", str(fault)) from fault
