"""Predict scenes with probabilities for recordings, by a registered model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asc_cli.audio import inputs
from asc_cli.core import parallel
from asc_cli.core.errors import AscError
from asc_cli.inference import graphs
from asc_cli.inference.engine import Request, decoded, loaded, score
from asc_cli.inference.ensemble import (
    clip_seconds,
    require_fold,
    require_one_system,
    require_parts,
    require_scenes,
)
from asc_cli.inference.journal import Journal, from_record, stamp, to_record
from asc_cli.inference.member import AUTO, require_engine
from asc_cli.inference.types import Prediction, as_predictions
from asc_cli.registry import models

CHUNK_FILES = 16  # files that share batches, and that a crash may lose per worker
CHUNK_BYTES = 64 << 20
SINGLE_PROCESS_BYTES = 24 << 20  # less audio is predicted without worker processes
SINGLE_PROCESS_FILES = 24


@as_predictions
def predict(
    paths: str | Path | Iterable[str | Path],
    *,
    model: str | None = None,
    fold: int | None = None,
    timeline_s: float | None = None,
    threshold: float = 0.0,
    embeddings: bool = False,
    jobs: int | None = None,
    journal: bool = False,
    resumed: Callable[[int], None] | None = None,
    device: str | None = None,
    engine: str = AUTO,
    unknown: bool = False,
) -> Iterator[Prediction]:
    """Classify the acoustic scene of recordings.

    Predictions come as they are ready, in no particular order when there are many. A bad file gives
    a Prediction with an `error`; the others are predicted. Memory does not grow with a recording's
    length, unless the model scores variants of it (`evaluation.variants`).

    Args:
        paths: Audio files, of any rate, depth and number of channels; folders, whose recordings
            are predicted, those of their sub-folders too; or patterns such as "2026-*/*.wav". One
            of them, or several.
        model: NAME or NAME@VERSION; the default model when None.
        fold: The member that this fold trained, alone. None: all members, whose probabilities are
            averaged.
        timeline_s: Classify every so many seconds too; at least the length of the model's clips.
            None: whole recordings alone.
        threshold: Below this probability, from 0 to 1, a scene is "unsure".
        embeddings: Compute each recording's embedding too.
        jobs: Worker processes; one per processor when None, and none for a few files. Results
            differ by rounding at most.
        journal: Save results at once, so that the same call resumes after a crash.
        resumed: Called with the number of recordings that an earlier call has done.
        device: The recording device, whose members classify if the model has any; None: the
            general members.
        engine: What answers: auto, which needs torch for models alone that have no graph; or torch.
        unknown: Score how far each recording, and each segment, is from all scenes; one that is too
            far has the scene "unknown". For models trained with `evaluation.unknown`.

    Yields:
        One Prediction for each distinct recording, as they are ready. What is returned is a
        `Predictions`, whose `to_frame()` is a table of pandas.

    Raises:
        AscError: At the first prediction: there is no such model or fold, it takes videos, a
            pattern matches nothing, or a setting is out of range.

    Examples:
        >>> for prediction in predict(["clip.wav"]):  # doctest: +SKIP
        ...     print(prediction.file, prediction.error or prediction.scene)
        clip.wav park
        >>> predict("recordings").to_frame()["scene"].value_counts()  # doctest: +SKIP
    """
    chosen = models.find(model)
    require_scenes(chosen)
    if embeddings:
        require_one_system(chosen, "embeddings")
    if require_engine(engine) == AUTO:
        graphs.ensure_graphs(chosen)
    request = with_timeline(
        Request(chosen, fold, None, embeddings, device, engine, unknown),
        timeline_s,
        threshold,
    )
    if unknown:
        loaded(request)  # raises at once what a worker would
    names = [paths] if isinstance(paths, (str, Path)) else paths
    files = inputs.find([*map(str, names)])
    log = Journal(_key(request), os.getcwd(), *map(str, files)) if journal else None
    labels = tuple(chosen.card["labels"])
    finished = _finished_records(log, files) if log else {}
    if resumed and finished:
        resumed(len(finished))
    for path, record in finished.items():
        yield from_record(path, record, request, labels, threshold)
    todo = [path for path in files if path not in finished]
    sizes = {path: (stamp(path) or [0])[0] for path in todo}
    n_workers = _workers(sizes, jobs)
    tasks = [(request, chunk) for chunk in _chunks(sizes, n_workers)]
    for rows in parallel.map_unordered(_score_chunk, tasks, n_workers):
        if log:
            log.add(rows)
        for path, _, record in rows:
            yield from_record(path, record, request, labels, threshold)
    if log:
        log.finish()


def with_timeline(request: Request, timeline_s: float | None, threshold: float) -> Request:
    """Return the request with a timeline. Raises AscError for invalid settings."""
    if request.fold is not None:
        require_fold(request.model, request.fold)
    if not 0 <= threshold <= 1:
        raise AscError(f"threshold {threshold}: a probability from 0 to 1 was expected")
    shortest = clip_seconds(request.model)
    if timeline_s is not None:
        require_parts(request.model, "a timeline")
    if timeline_s is not None and not shortest <= timeline_s < float("inf"):
        raise AscError(
            f"timeline {timeline_s} s: at least {shortest} s, the length of the clips of "
            f"{request.model.id}, was expected"
        )
    return replace(request, timeline_s=timeline_s)


def _key(request: Request) -> list[Any]:
    model = request.model
    card = model.card
    return [
        model.id,
        card["created"],
        [system.card["feature"] for system in model.systems()]
        if model.is_ensemble
        else card["feature"],
        request.fold,
        request.timeline_s,
        request.embeddings,
        *([] if request.device is None else [request.device]),
        *([] if request.engine == AUTO else [request.engine]),
        *(["unknown"] if request.unknown else []),
    ]


def _finished_records(journal: Journal, paths: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """Return the journal's records of files that have not changed."""
    rows = journal.read()
    return {path: rows[path][1] for path in paths if path in rows and rows[path][0] == stamp(path)}


def _workers(sizes: dict[Path, int], jobs: int | None) -> int:
    """Return how many worker processes to use; 1 for a few files, unless `jobs` says otherwise."""
    few = len(sizes) < SINGLE_PROCESS_FILES and sum(sizes.values()) < SINGLE_PROCESS_BYTES
    return parallel.workers(1 if few and jobs is None else jobs)


def _chunks(sizes: dict[Path, int], n_workers: int) -> Iterator[tuple[Path, ...]]:
    """Yield chunks of files that share batches, the largest files first and ever smaller chunks, so
    that all workers end at about the same time."""
    if n_workers > 1:  # sorted() leaves the others in their order
        sizes = dict(sorted(sizes.items(), key=lambda each: -max(each[1], CHUNK_BYTES)))
    left, most = len(sizes), 1
    chunk: list[Path] = []
    total = 0
    for path, size in sizes.items():
        if chunk and (len(chunk) == most or total + size > CHUNK_BYTES):
            yield tuple(chunk)
            left -= len(chunk)
            chunk, total = [], 0
        if not chunk:
            most = min(CHUNK_FILES, -(-left // (4 * n_workers)))
        chunk.append(path)
        total += size
    if chunk:
        yield tuple(chunk)


def _score_chunk(
    request: Request, paths: Sequence[Path]
) -> list[tuple[Path, list[int] | None, dict[str, Any]]]:
    """Score a chunk in a worker: (path, its stamp before it was read, its record) of each file."""
    stamps = [stamp(path) for path in paths]
    model = loaded(request)
    outcomes = score(model, request, decoded(paths))
    return [
        (path, stamped, to_record(outcome))
        for path, stamped, outcome in zip(paths, stamps, outcomes, strict=True)
    ]
