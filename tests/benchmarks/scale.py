"""How long a training takes with any number of workers: a simulation from measured task times.

A training is stages, one after another. The tasks of a stage are spread over the workers, each on
one thread; a stage with one task is the part that more workers do not make shorter:

    start       reading lists, auditing, looking up what is stored
    features    batches of recordings, as frontend/fill.py makes them
    pack        all features into one file
    folds       a task each: epochs x clips, and what a fold costs besides
    scores      metrics, intervals, the registered model, the page

Beside the stages: the first fold of a process is slower (`warm`), worker processes have to start
(`worker`), and two tasks at once on two cores that share memory, caches or an engine are each
slower than one alone (`busy`).

A worker that is free takes the next task in order, as the program does, so that a stage ends when
its last task does (list scheduling: Graham, 1969). With one worker the times add up; with many, the
longest task of each stage is left, and the serial share (Amdahl, 1967).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from asc_cli.frontend.fill import BATCH_BYTES, BATCH_FILES


@dataclass(frozen=True)
class Times:
    """Seconds of one thread, measured on one machine.

    Attributes:
        start: Of a command until its first task.
        audio: Of features, for a second of audio.
        pack: For a byte of features.
        clip: Of a training step, for a clip.
        fold: Of a fold beside its steps.
        scores: Of a run once its folds are finished.
        task: What handing a task to a worker costs, and taking its result.
        warm: Of the first fold of a process, beyond those after it.
        worker: From the start of a worker process until it computes as fast as later, two at once.
        busy: How many times as long a task takes while the other core computes too.
    """

    start: float
    audio: float
    pack: float
    clip: float
    fold: float
    scores: float
    task: float = 0.0
    warm: float = 0.0
    worker: float = 0.0
    busy: float = 1.0


@dataclass(frozen=True)
class Job:
    """A recipe on a dataset.

    Attributes:
        recordings: How many.
        seconds: Length of each.
        bytes_a_second: Of its audio.
        feature_bytes: Of the features of a second.
        trained: Recordings that each fold trains on.
        epochs: Of a fold.
        clips: Of a recording.
        seeds: Runs of the same recipe.
    """

    recordings: int
    seconds: float
    bytes_a_second: float
    feature_bytes: float
    trained: tuple[int, ...]
    epochs: int
    clips: float
    seeds: int = 1


def stages(job: Job, times: Times) -> dict[str, list[float]]:
    """Return the tasks of each stage, seconds of one thread each, in the order of the program."""
    files = min(BATCH_FILES, max(1, int(BATCH_BYTES / (job.seconds * job.bytes_a_second))))
    batches = [files] * (job.recordings // files)
    if rest := job.recordings % files:
        batches.append(rest)
    fits = [
        times.fold + n * job.clips * job.epochs * times.clip
        for _ in range(job.seeds)
        for n in job.trained
    ]
    feature_bytes = job.recordings * job.seconds * job.feature_bytes
    return {
        "start": [times.start],
        "features": [n * job.seconds * times.audio + times.task for n in batches],
        "pack": [feature_bytes * times.pack],
        "folds": [each + times.task for each in fits],
        "scores": [job.seeds * times.scores],
    }


def wall(tasks: Sequence[float], n_workers: int) -> float:
    """Return when the last task ends, if each free worker takes the next one in order."""
    free = [0.0] * n_workers
    for task in tasks:
        heapq.heapreplace(free, free[0] + task)
    return max(free)


def spent(job: Job, times: Times, n_workers: int) -> dict[str, float]:
    """Return the seconds of each stage with so many workers, and of their start."""
    slower = 1.0 if n_workers == 1 else times.busy
    seconds = {
        name: wall([slower * task for task in tasks], n_workers) if len(tasks) > 1 else tasks[0]
        for name, tasks in stages(job, times).items()
    }
    return {**seconds, "workers": times.warm if n_workers == 1 else times.worker}


def total(job: Job, times: Times, n_workers: int) -> float:
    """Return the seconds of a training with so many workers, nothing stored before."""
    return sum(spent(job, times, n_workers).values())


def bound(job: Job, times: Times, n_workers: int) -> str:
    """Return what takes longest with so many workers."""
    own = spent(job, times, n_workers)
    return max(own, key=own.__getitem__)


def serial_share(job: Job, times: Times) -> float:
    """Return the share of one worker's time that is no task of several: Amdahl's s."""
    own = spent(job, times, 1)
    return sum(own[name] for name in ("start", "pack", "scores", "workers")) / sum(own.values())
