"""Predict a dataset's recordings with a model, in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from asc_cli.core import parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.inference import graphs
from asc_cli.inference.engine import Request, decoded, loaded, score
from asc_cli.inference.member import AUTO
from asc_cli.protocol.source import Source
from asc_cli.registry import models

CHUNK = 16  # recordings that a worker predicts at a time


def predict_dataset(
    model: str,
    requests: list[tuple[int | None, str]],
    source: Source,
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
    devices: Mapping[str, str] | None = None,
    engine: str = AUTO,
) -> dict[tuple[int | None, str], np.ndarray]:
    """Predict every listed recording: {(member, file): probabilities (C,)}.

    devices: File → recording device, of a model with members for devices.
    engine: What answers: auto or torch.

    Raises AscError naming every file that cannot be predicted.
    """
    registered = models.find(model)
    graphs.ensure_graphs(registered)
    chunks = [requests[i : i + CHUNK] for i in range(0, len(requests), CHUNK)]
    device_of = devices or {}
    tasks = [
        (
            registered,
            [(fold, file, source.path(file), device_of.get(file)) for fold, file in chunk],
            engine,
        )
        for chunk in chunks
    ]
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
    model: models.Model, requests: list[tuple[int | None, str, Path, str | None]], engine: str
) -> list[tuple[tuple[int | None, str], np.ndarray | FileFault]]:
    """Predict a chunk of recordings in a worker process."""
    predictions: list[tuple[tuple[int | None, str], np.ndarray | FileFault]] = []
    for fold, device in dict.fromkeys((fold, device) for fold, _, _, device in requests):
        own = [(file, path) for k, file, path, d in requests if (k, d) == (fold, device)]
        files, paths = zip(*own, strict=True)
        request = Request(model, fold, device=device, engine=engine)
        outcomes = score(loaded(request), request, decoded(paths))
        for file, outcome in zip(files, outcomes, strict=True):
            if isinstance(outcome, FileFault):
                predictions.append(((fold, file), FileFault(file, outcome.reason)))
            else:
                predictions.append(((fold, file), outcome.probabilities))
    return predictions
