"""Predict a dataset's recordings with a model, in worker processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from asc_cli.core import parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.inference import engine
from asc_cli.protocol.source import Source
from asc_cli.registry import models

CHUNK = 16  # recordings that a worker predicts at a time


def predict_dataset(
    model: str,
    requests: list[tuple[int | None, str]],
    source: Source,
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
) -> dict[tuple[int | None, str], np.ndarray]:
    """Predict every listed recording: {(member, file): probabilities (C,)}.

    Raises AscError naming every file that cannot be predicted.
    """
    chunks = [requests[i : i + CHUNK] for i in range(0, len(requests), CHUNK)]
    tasks = [(model, [(fold, file, source.path(file)) for fold, file in chunk]) for chunk in chunks]
    predictions: dict[tuple[int | None, str], np.ndarray] = {}
    failed: list[FileFault] = []
    done = 0
    for chunk in parallel.map_unordered(_predict_chunk, tasks, jobs):
        for key, prediction in chunk:
            done += 1
            if isinstance(prediction, FileFault):
                failed.append(prediction)
            else:
                predictions[key] = prediction
        if progress:
            progress(done, len(requests))
    if failed:
        listed = "\n".join(f"  {fault}" for fault in failed)
        raise AscError(
            f"{source.dataset.name}: {len(failed)} tested file(s) cannot be predicted, and a score "
            f"over the others would not be the protocol's:\n{listed}"
        )
    return predictions


def _predict_chunk(
    model: str, requests: list[tuple[int | None, str, Path]]
) -> list[tuple[tuple[int | None, str], np.ndarray | FileFault]]:
    """Predict a chunk of recordings in a worker process."""
    predictions: list[tuple[tuple[int | None, str], np.ndarray | FileFault]] = []
    registered = models.find(model)
    for fold in dict.fromkeys(fold for fold, _, _ in requests):
        files, paths = zip(*((file, path) for k, file, path in requests if k == fold), strict=True)
        request = engine.Request(registered, fold)
        loaded = engine.loaded(request)
        outcomes = engine.score(loaded, request, engine.decoded(paths))
        for file, outcome in zip(files, outcomes, strict=True):
            if isinstance(outcome, FileFault):
                predictions.append(((fold, file), FileFault(file, outcome.reason)))
            else:
                predictions.append(((fold, file), outcome.probabilities))
    return predictions
