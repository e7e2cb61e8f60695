"""Classify live sound: the scene of the last seconds, at regular intervals."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

import numpy as np

from asc_cli.audio import decode
from asc_cli.core import parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.limits import require_sample_rate
from asc_cli.evaluation import aggregate
from asc_cli.features import stream
from asc_cli.frontend import clips
from asc_cli.inference import engine, ensemble
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

    Yields:
        A prediction every `every_s` seconds of sound.

    Raises:
        AscError: There is no such model, or the window is shorter than its clips.
    """
    require_sample_rate("sample_rate", sample_rate)
    with parallel.one_thread():
        yield from _predictions(blocks, sample_rate, model, fold, window_s, every_s, threshold)


def _predictions(
    blocks: Iterable[np.ndarray],  # each (n,) or (n, channels)
    sample_rate: int,
    model: str | None,
    fold: int | None,
    window_s: float,
    every_s: float,
    threshold: float,
) -> Iterator[LivePrediction]:
    chosen = models.find(model)
    ensemble.require_scenes(chosen)
    ensemble.require_parts(chosen, "listen")
    loaded = ensemble.load(chosen, fold)
    rate = loaded.feature.sample_rate
    hop = loaded.feature.framing.hop_samples
    clip_s, step_s = (
        frames * hop / rate for frames in (loaded.clip_grid.n_frames, loaded.clip_grid.step_frames)
    )
    if not window_s >= clip_s or not every_s > 0:
        raise AscError(
            f"listen: a window of {window_s} s every {every_s} s; at least {clip_s:.2f} s, the "
            "length of the model's clips, every more than 0 s was expected"
        )
    resampled = decode.resample_stream(blocks, sample_rate, rate)
    frames = _name_source(stream(loaded.feature.compute, resampled, rate))
    window: collections.deque[tuple[np.ndarray, bool]] = collections.deque(  # summand, silent?
        maxlen=max(1, int((window_s - clip_s) / step_s) + 1)
    )
    last_reported_s = 0.0
    for k, (batch, lengths) in enumerate(clips.from_stream(frames, loaded.clip_grid, 1)):
        logs = ensemble.log_probabilities(loaded, batch, lengths)[0]
        silent = bool(loaded.clip_grid.silent(batch).all())
        window.append((aggregate.summands(logs, loaded.aggregate)[0], silent))
        time_s = k * step_s + clip_s
        if time_s < last_reported_s + every_s and last_reported_s:
            continue
        last_reported_s = time_s
        counted = [summand for summand, silent in window if not silent] or [window[0][0]]
        scores = aggregate.normalise(
            np.sum(counted, axis=0)[None], np.array([len(counted)]), loaded.aggregate
        )[0]
        if not np.isfinite(scores).all():
            raise FileFault("the sound", engine.NOT_FINITE)
        scenes = dict(zip(loaded.labels, scores.tolist(), strict=True))
        yield LivePrediction(
            time_s=round(time_s, 2),
            scene=likeliest_scene(scenes, threshold),
            probability=max(scenes.values()),
            scenes=scenes,
            model=loaded.id,
        )


def _name_source(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the frames; raise errors as FileFault of the live sound."""
    try:
        yield from frames
    except FileFault:
        raise
    except AscError as fault:
        raise FileFault("the sound", str(fault)) from fault
