"""A model's answers to a recording without parts of it.

A model of frames: the frames of the parts are cut out of each clip, what is left moves together,
and the clip ends as that of a shorter recording does: masked, or repeated where the recipe says
`clips.short: loop`. An attention LSTM then skips them, exactly as masked frames. A clip of which
nothing is left does not count. A model of a recording as a whole, or with variants at test: the
parts are cut out of the samples, with ramps of FADE_S at each cut. Of nothing at all, every scene
has the same probability.

V selections of parts, U parts, B clips, n frames of a clip, F bands, C scenes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from asc_cli.audio import decode
from asc_cli.core.errors import FileFault
from asc_cli.evaluation import aggregate, calibration
from asc_cli.frontend import clips, store
from asc_cli.inference import ensemble
from asc_cli.inference.engine import BATCH_CLIPS, Request, score
from asc_cli.inference.member import Member

MOST_CLIPS = 64  # of a long recording, evenly spaced
FADE_S = 0.01


class _Parts(Protocol):
    def answers(self, removed: np.ndarray) -> np.ndarray: ...  # (V, U) -> (V, C)


class Recording:
    """A recording, ready to be answered without parts of it."""

    def __init__(
        self, model: ensemble.Loaded | ensemble.LoadedEnsemble, request: Request, path: Path
    ) -> None:
        self.weights = model.weights
        self.systems: list[_Parts] = [
            _Undivided(system, request, path)
            if system.feature.framing.of_recording or system.variants
            else _Frames(system, path)
            for system in model.systems
        ]

    @property
    def frames(self) -> np.ndarray | None:  # -> (T, F)
        """The frames, of a model of one system that takes frames."""
        [first, *others] = self.systems
        return first.frames if isinstance(first, _Frames) and not others else None

    def answers(self, removed: np.ndarray) -> np.ndarray:  # (V, U) bool -> (V, C)
        """Return probabilities without the parts that are True."""
        parts = [system.answers(removed) for system in self.systems]
        return aggregate.weighted_mean(parts, self.weights)


class _Frames:
    """Of a system that takes frames."""

    def __init__(self, system: ensemble.Loaded, path: Path) -> None:
        self.system = system
        self.frames = store.compute(system.feature, path)
        sets = [
            clips.from_recordings([self.frames], system.clip_grid, member.standardise)
            for member in system.members
        ]
        first = sets[0]
        n_clips = min(len(first), MOST_CLIPS)
        chosen = np.linspace(0, len(first) - 1, n_clips).round().astype(int)
        self.clips = [own.batch(chosen)[0] for own in sets]  # of each member: (B, n, F)
        offsets = np.arange(first.n_frames)
        lengths = first.lengths[chosen][:, None]
        self.counts = offsets < (first.n_frames if first.loop else lengths)  # (B, n)
        self.places = first.starts[chosen][:, None] + offsets % lengths  # (B, n) in the recording
        self.loop = system.clip_grid.loop

    def answers(self, removed: np.ndarray) -> np.ndarray:
        parts = self.places * removed.shape[1] // len(self.frames)  # (B, n)
        remaining = ~removed[:, parts] & self.counts  # (V, B, n)
        n_clips = remaining.any(axis=2).sum(axis=1)  # (V,)
        where, which = np.nonzero(remaining.any(axis=2))
        n_scenes = len(self.system.labels)
        total = np.zeros((len(removed), n_scenes))
        for start in range(0, len(where), BATCH_CLIPS):
            rows, own = where[start : start + BATCH_CLIPS], which[start : start + BATCH_CLIPS]
            logs = [
                _logs(member, *_shortened(x[own], remaining[rows, own], self.loop))
                for member, x in zip(self.system.members, self.clips, strict=True)
            ]
            mean = np.logaddexp.reduce(logs) - np.log(len(logs))
            np.add.at(total, rows, aggregate.summands(mean, self.system.aggregate))
        result = np.full((len(removed), n_scenes), 1 / n_scenes)
        some = n_clips > 0
        result[some] = aggregate.normalise(total[some], n_clips[some], self.system.aggregate)
        return result


def _shortened(
    x: np.ndarray, remaining: np.ndarray, loop: bool
) -> tuple[np.ndarray, np.ndarray | None]:  # (b, n, F), (b, n) -> the same
    """Return clips of the frames that remain, moved together, and their mask."""
    n_frames = x.shape[1]
    lengths = remaining.sum(axis=1, keepdims=True)  # (b, 1)
    order = np.argsort(~remaining, axis=1, kind="stable")
    if loop:
        order = np.take_along_axis(order, np.arange(n_frames) % lengths, axis=1)
    moved = np.take_along_axis(x, order[:, :, None], axis=1)
    if loop or bool((lengths == n_frames).all()):
        return moved, None
    mask = np.arange(n_frames) < lengths
    return moved * mask[:, :, None], mask


def _logs(member: Member, x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:  # -> (b, C)
    return calibration.apply_temperature(
        member.network.log_probabilities(x, mask)[0], member.temperature
    )


class _Undivided:
    """Of a system that takes a recording as a whole."""

    def __init__(self, system: ensemble.Loaded, request: Request, path: Path) -> None:
        self.system, self.request, self.path = system, request, path
        self.samples = decode.read(path, system.feature.sample_rate)

    def answers(self, removed: np.ndarray) -> np.ndarray:
        sources = [(self.path, functools.partial(self._blocks, ~row)) for row in removed]
        n_scenes = len(self.system.labels)
        return np.stack(
            [
                np.full(n_scenes, 1 / n_scenes)
                if isinstance(outcome, FileFault)  # too little is left
                else outcome.probabilities
                for outcome in score(self.system, self.request, sources)
            ]
        )

    def _blocks(self, remaining: np.ndarray, rate: int) -> Iterable[np.ndarray]:
        """Yield the samples of the parts (U,) that remain, as one block if there are any."""
        pieces = list(_faded(self.samples, remaining, round(FADE_S * rate)))
        if pieces:
            yield np.concatenate(pieces)


def _faded(samples: np.ndarray, remaining: np.ndarray, fade: int) -> Iterator[np.ndarray]:
    """Yield stretches of samples that remain, with ramps where something was cut out."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], remaining.astype(int), [0]])))
    for first, end in edges.reshape(-1, 2).tolist():
        cuts = np.array([first, end]) * len(samples) // len(remaining)
        piece = samples[cuts[0] : cuts[1]].copy()
        ramp = np.linspace(0, 1, min(fade, len(piece)), dtype=np.float32)
        if first > 0:
            piece[: len(ramp)] *= ramp
        if end < len(remaining) and len(ramp):
            piece[-len(ramp) :] *= ramp[::-1]
        yield piece
