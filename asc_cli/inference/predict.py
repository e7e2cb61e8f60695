"""Recordings → scenes with probabilities, by the members of a registered model."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.inference import engine
from asc_cli.inference.ensemble import clip_seconds, require_fold, require_scenes
from asc_cli.inference.journal import Journal, stamp
from asc_cli.registry import models

CHUNK_FILES = 16  # files that share batches, and that a crash may cost each worker
CHUNK_BYTES = 64 << 20
ALONE_BYTES = 24 << 20  # less audio than this is heard here, sooner than a worker starts
ALONE_FILES = 24
UNSURE = "unsure"


@dataclass(frozen=True)
class Stretch:
    """The scene of a part of a recording."""

    start_s: float
    end_s: float
    scene: str
    probability: float
    scenes: dict[str, float]  # probability of each, in the model's order

    def json(self) -> dict[str, Any]:
        return vars(self)


@dataclass(frozen=True)
class Prediction:
    """The scene of one recording, or what is wrong with its file."""

    file: str
    model: str
    scenes: dict[str, float]  # probability of each, in the model's order; {} on failure
    duration_s: float
    error: str | None = None
    threshold: float = 0.0
    timeline: tuple[Stretch, ...] | None = None  # None unless it was asked for
    embedding: np.ndarray | None = None  # (D,) likewise

    @property
    def scene(self) -> str:
        """The most probable scene; "unsure" when that is below the threshold."""
        return best(self.scenes, self.threshold)

    @property
    def probability(self) -> float:
        return max(self.scenes.values())

    def json(self) -> dict[str, Any]:
        if self.error is not None:
            return {"file": self.file, "error": self.error}
        row: dict[str, Any] = {
            "file": self.file,
            "scene": self.scene,
            "probability": self.probability,
            "scenes": self.scenes,
            "duration_s": round(self.duration_s, 3),
            "model": self.model,
        }
        if self.timeline is not None:
            row["timeline"] = [part.json() for part in self.timeline]
            row["stretches"] = [part.json() for part in merged(self.timeline)]
        return row


def best(scenes: dict[str, float], threshold: float) -> str:
    scene = max(scenes, key=scenes.__getitem__)
    return scene if scenes[scene] >= threshold else UNSURE


def merged(timeline: Sequence[Stretch]) -> list[Stretch]:
    """Neighbours of one scene made one; their probabilities are averaged over time."""
    runs: list[list[Stretch]] = []
    for part in timeline:
        if runs and runs[-1][0].scene == part.scene:
            runs[-1].append(part)
        else:
            runs.append([part])
    return [_joined(run) for run in runs]


def _joined(run: Sequence[Stretch]) -> Stretch:
    weights = np.array([part.end_s - part.start_s for part in run])
    scenes = {
        scene: float(np.average([part.scenes[scene] for part in run], weights=weights))
        for scene in run[0].scenes
    }
    probability = float(np.average([part.probability for part in run], weights=weights))
    return Stretch(run[0].start_s, run[-1].end_s, run[0].scene, probability, scenes)


def predict(
    paths: Iterable[str | Path],
    *,
    model: str | None = None,
    fold: int | None = None,
    timeline_s: float | None = None,
    threshold: float = 0.0,
    embeddings: bool = False,
    jobs: int | None = None,
    journal: bool = False,
    resumed: Callable[[int], None] | None = None,
) -> Iterator[Prediction]:
    """The scene of each recording, as it is known: in no particular order when there are many.

    model: NAME or NAME@VERSION, the default model when None. fold: that member alone; the
    average of all members' probabilities when None. timeline_s: the scene of every so many
    seconds too. threshold: a less probable scene is "unsure". embeddings: each recording's
    embedding too. jobs: worker processes, one per processor when None; the answers do not depend
    on it beyond rounding. journal: write down what is known, so that the same call goes on after a
    crash; resumed(how many) tells what an earlier call knew. A bad file gives a Prediction with
    `error`. Memory does not grow with a recording's length. Raises AscError if there is no such
    model.
    """
    chosen = models.find(model)
    require_scenes(chosen)
    request = timed(engine.Request(chosen, fold, None, embeddings), timeline_s, threshold)
    wanted = list(dict.fromkeys(Path(path) for path in paths))
    kept = Journal(_key(request), os.getcwd(), *map(str, wanted)) if journal else None
    labels = tuple(chosen.card["labels"])
    known = _answered(kept, wanted) if kept else {}
    if resumed and known:
        resumed(len(known))
    for path, words in known.items():
        yield prediction(path, words, request, labels, threshold)
    for path, words in _heard(request, [path for path in wanted if path not in known], jobs, kept):
        yield prediction(path, words, request, labels, threshold)
    if kept:
        kept.finish()


def timed(request: engine.Request, timeline_s: float | None, threshold: float) -> engine.Request:
    """The request with a timeline. Raises AscError for settings that cannot be."""
    if request.fold is not None:
        require_fold(request.model, request.fold)
    if not 0 <= threshold <= 1:
        raise AscError(f"threshold {threshold}: a probability from 0 to 1 was expected")
    shortest = clip_seconds(request.model)
    if timeline_s is not None and not shortest <= timeline_s < float("inf"):
        raise AscError(
            f"timeline {timeline_s} s: at least {shortest} s, the length of the clips that "
            f"{request.model.id} hears, was expected"
        )
    return replace(request, timeline_s=timeline_s)


def _key(request: engine.Request) -> list[Any]:
    card = request.model.card
    return [request.model.id, card["created"], card["feature"], request.fold,
            request.timeline_s, request.embeddings]  # fmt: skip


def _answered(journal: Journal, paths: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """What the journal knows of files that are as they were."""
    rows = journal.read()
    return {path: rows[path][1] for path in paths if path in rows and rows[path][0] == stamp(path)}


def _heard(
    request: engine.Request, paths: Sequence[Path], jobs: int | None, journal: Journal | None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """What is said of each file, chunk by chunk, written into the journal first."""
    sizes = {path: (stamp(path) or [0])[0] for path in paths}
    few = len(paths) < ALONE_FILES and sum(sizes.values()) < ALONE_BYTES
    n = parallel.workers(1 if few and jobs is None else jobs)
    tasks = [(request, chunk) for chunk in _chunks(paths, sizes, n)]
    for rows in parallel.each(_said_of, tasks, n):
        if journal:
            journal.add(rows)
        yield from ((path, said) for path, _, said in rows)


def _chunks(
    paths: Sequence[Path], sizes: dict[Path, int], n_workers: int
) -> Iterator[tuple[Path, ...]]:
    """Files that are heard together: few enough for every worker to have some."""
    most = max(1, min(CHUNK_FILES, -(-len(paths) // (4 * n_workers))))
    chunk: list[Path] = []
    total = 0
    for path in paths:
        if chunk and (len(chunk) == most or total + sizes[path] > CHUNK_BYTES):
            yield tuple(chunk)
            chunk, total = [], 0
        chunk.append(path)
        total += sizes[path]
    if chunk:
        yield tuple(chunk)


def _said_of(
    request: engine.Request, paths: Sequence[Path]
) -> list[tuple[Path, list[int] | None, dict[str, Any]]]:
    """In a worker: (path, its stamp before it was read, what is said of it) of each file."""
    stamps = [stamp(path) for path in paths]
    outcomes = engine.score_files(request, paths)
    return [
        (path, stamped, said(outcome))
        for path, stamped, outcome in zip(paths, stamps, outcomes, strict=True)
    ]


def said(outcome: engine.Scored | FileFault) -> dict[str, Any]:
    """A score as plain values that a journal can hold."""
    if isinstance(outcome, FileFault):
        return {"error": outcome.reason}
    packed = None
    if outcome.embedding is not None:
        packed = base64.b64encode(outcome.embedding.astype("<f4").tobytes()).decode()
    return {
        "duration_s": outcome.duration_s,
        "whole": outcome.whole.tolist(),
        "ends_s": outcome.ends_s.tolist(),
        "stretches": outcome.stretches.tolist(),
        "embedding": packed,
    }


def prediction(
    path: Path,
    said: dict[str, Any],
    request: engine.Request,
    labels: tuple[str, ...],
    threshold: float,
) -> Prediction:
    """What was said of a file, for people to use."""
    if "error" in said:
        return Prediction(str(path), request.model.id, {}, 0.0, said["error"])
    made = Prediction(
        str(path), request.model.id, dict(zip(labels, said["whole"], strict=True)),
        said["duration_s"], threshold=threshold,
    )  # fmt: skip
    if request.timeline_s is not None:
        made = replace(made, timeline=tuple(_timeline(said, labels, threshold)))
    if said["embedding"] is not None:
        packed = base64.b64decode(said["embedding"])
        made = replace(made, embedding=np.frombuffer(packed, "<f4"))
    return made


def _timeline(said: dict[str, Any], labels: tuple[str, ...], threshold: float) -> Iterator[Stretch]:
    start_s = 0.0
    for end_s, row in zip(said["ends_s"], said["stretches"], strict=True):
        scenes = dict(zip(labels, row, strict=True))
        yield Stretch(start_s, end_s, best(scenes, threshold), max(row), scenes)
        start_s = end_s
