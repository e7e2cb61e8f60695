"""Sums over the clips of a recording, per segment, and the scores that they give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from asc_cli.core.errors import FileFault
from asc_cli.evaluation import aggregate
from asc_cli.inference import ensemble
from asc_cli.inference.member import AUTO
from asc_cli.inference.types import Scored
from asc_cli.registry import models

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
    engine: str = AUTO
    unknown: bool = False  # score how far recordings are from all scenes


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
    described: list[np.ndarray] = field(default_factory=list)  # of each segment, (ΣV,)

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

    def describe(self, rows: np.ndarray, numbers: np.ndarray) -> None:
        """Add the descriptions (b, ΣV) of clips by their numbers (b,), as `add` does."""
        segments = self.segment_of(numbers)
        while len(self.described) < len(self.sums):
            self.described.append(np.zeros(rows.shape[1]))
        for segment in np.unique(segments):
            self.described[segment] += rows[segments == segment].sum(axis=0)

    def unknown(self, segments: np.ndarray, n: int) -> np.ndarray:
        """Return the scores (1 + n,) of the recording and its segments, of none of the scenes;
        the mean over the members. `segments`: as in `scores`."""
        sums, counts = np.array(self.described), np.array(self.counts)
        rows, clips = np.zeros((1 + n, sums.shape[1])), np.zeros(1 + n)
        for places in (np.zeros(len(sums), int), 1 + segments[: len(sums)]):
            np.add.at(rows, places, sums)
            np.add.at(clips, places, counts)
        return ensemble.unknown_scores(self.model, rows / clips[:, None])

    def segment_of(self, numbers: np.ndarray) -> np.ndarray:  # (b,) -> (b,)
        if self.request.timeline_s is None:
            return np.zeros(len(numbers), np.int64)
        grid, feature = self.model.clip_grid, self.model.feature
        middles = numbers * grid.step_frames + grid.n_frames / 2
        seconds = middles * feature.framing.hop_samples / feature.sample_rate
        return np.floor(seconds / self.request.timeline_s).astype(np.int64)

    def scores(self, segments: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities (C,) of the recording and (n, C) of its segments; `segments`:
        which of them each sum is of."""
        method = self.model.aggregate
        sums, counts = np.array(self.sums), np.array(self.counts)
        joined, clips = np.zeros((n, sums.shape[1])), np.zeros(n, int)
        np.add.at(joined, segments[: len(sums)], sums)
        np.add.at(clips, segments[: len(counts)], counts)
        recording = aggregate.normalise(sums.sum(axis=0)[None], counts.sum()[None], method)[0]
        return recording, aggregate.normalise(joined, clips, method)


def average(parts: Sequence[SegmentAccumulator], weights: Sequence[float]) -> Scored | FileFault:
    """Return a recording's scores: the weighted mean of its systems' probabilities.

    A segment without a clip's middle, of any system, is joined to the next one, and those at the
    end to the last one before.

    Returns:
        The scores, or a fault: that of a system, or probabilities that are none.
    """
    if faults := [part.fault for part in parts if part.fault]:
        return faults[0]
    path, request = parts[0].path, parts[0].request
    seconds = parts[0].samples / parts[0].model.feature.sample_rate
    segments, ends = _segments(parts)
    ends_s = (ends + 1) * (request.timeline_s or seconds)
    ends_s[-1] = seconds  # the last segment ends with the recording
    with np.errstate(all="ignore"):
        scored = [part.scores(segments, len(ends)) for part in parts]
        scores, rows = (
            aggregate.weighted_mean(each, weights) for each in zip(*scored, strict=True)
        )
        embedding = (
            np.float32(np.concatenate([part.embedding / part.clips for part in parts]))
            if request.embeddings
            else None
        )
        unknown = (
            np.average([part.unknown(segments, len(ends)) for part in parts], 0, weights)
            if all(part.described for part in parts)
            else None
        )
    finite = [values for values in (scores, rows, embedding, unknown) if values is not None]
    if not all(np.isfinite(values).all() for values in finite):
        return FileFault(path, NOT_FINITE)
    return Scored(path, seconds, scores, ends_s, rows, embedding, unknown)


def _segments(parts: Sequence[SegmentAccumulator]) -> tuple[np.ndarray, np.ndarray]:
    """Return which joined segment each is part of, (n,), and the number of each one's last (m,)."""
    n = max(len(part.counts) for part in parts)
    counts = np.array([[*part.counts, *[0] * (n - len(part.counts))] for part in parts])
    ends = np.flatnonzero((counts > 0).all(axis=0))
    if not len(ends):
        return np.zeros(n, int), np.array([n - 1])
    return np.minimum(np.searchsorted(ends, np.arange(n)), len(ends) - 1), ends
