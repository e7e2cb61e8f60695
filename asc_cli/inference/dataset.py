"""A model on a dataset's recordings, in worker processes: all are answered, or it is an error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from asc_cli.core import parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.inference import engine
from asc_cli.protocol.source import Source
from asc_cli.registry import models

CHUNK = 16  # recordings that a worker predicts at a time


def hear(
    model: str,
    asked: list[tuple[int | None, str]],
    source: Source,
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
) -> dict[tuple[int | None, str], np.ndarray]:
    """(member, file) → probabilities (C,). Raises AscError naming every file that has none."""
    tasks = [(model, asked[i : i + CHUNK], source) for i in range(0, len(asked), CHUNK)]
    heard: dict[tuple[int | None, str], np.ndarray] = {}
    failed: list[FileFault] = []
    done = 0
    for answers in parallel.map_unordered(_answers, tasks, jobs):
        for key, answer in answers:
            done += 1
            if isinstance(answer, FileFault):
                failed.append(answer)
            else:
                heard[key] = answer
        if progress:
            progress(done, len(asked))
    if failed:
        named = "\n".join(f"  {fault}" for fault in failed)
        raise AscError(
            f"{source.dataset.name}: {len(failed)} tested file(s) cannot be predicted, and a score "
            f"over the others would not be the protocol's:\n{named}"
        )
    return heard


def _answers(
    model: str, asked: list[tuple[int | None, str]], source: Source
) -> list[tuple[tuple[int | None, str], np.ndarray | FileFault]]:
    """In a worker process: a chunk of recordings."""
    answers: list[tuple[tuple[int | None, str], np.ndarray | FileFault]] = []
    found = models.find(model)
    for fold in dict.fromkeys(fold for fold, _ in asked):
        named = [file for k, file in asked if k == fold]
        request = engine.Request(found, fold)
        outcomes = engine.score_files(request, [source.path(file) for file in named])
        for file, outcome in zip(named, outcomes, strict=True):
            if isinstance(outcome, FileFault):
                answers.append(((fold, file), FileFault(file, outcome.reason)))
            else:
                answers.append(((fold, file), outcome.whole))
    return answers
