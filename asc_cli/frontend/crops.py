"""Clips of training at random places, other ones in each epoch.

A recording of T frames gives max(1, ⌊T / n⌋) clips of n frames: as many as it has room for side by
side. Each begins at any frame with the same probability, less those where a clip would be nothing
but silence, if the grid leaves that out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from asc_cli.frontend.clips import ClipGrid, ClipSet
from asc_cli.frontend.standardise import Standardisation


@dataclass(frozen=True)
class RandomCrops:
    """Where an epoch's clips of many recordings may begin."""

    frames: np.ndarray  # (N, F) as in a ClipSet
    firsts: np.ndarray  # (n,) where each recording begins
    counts: np.ndarray  # (n,) its frames
    grid: ClipGrid
    standardise: Standardisation
    allowed: tuple[np.ndarray | None, ...]  # starts within each recording; None: all

    @property
    def owners(self) -> np.ndarray:  # -> (B,)
        """The recording of each clip, the same in every epoch."""
        n_clips = np.maximum(1, self.counts // self.grid.n_frames)
        return np.repeat(np.arange(len(self.counts)), n_clips)

    def __len__(self) -> int:
        return len(self.owners)

    def draw(self, rng: np.random.Generator) -> ClipSet:
        """Return the clips of an epoch."""
        owners = self.owners
        latest = np.maximum(0, self.counts - self.grid.n_frames)
        starts = rng.integers(0, latest[owners] + 1)
        for clip, owner in enumerate(owners):
            if (choice := self.allowed[owner]) is not None:
                starts[clip] = choice[rng.integers(len(choice))]
        return ClipSet(
            self.frames,
            self.firsts[owners] + starts,
            np.minimum(self.counts, self.grid.n_frames)[owners],
            owners,
            self.grid.n_frames,
            self.standardise,
            self.grid.loop,
        )


def random_crops(
    frames: np.ndarray,  # (N, F)
    firsts: np.ndarray,  # (n,) where each recording begins in `frames`
    counts: np.ndarray,  # (n,) how many frames it has
    grid: ClipGrid,
    standardise: Standardisation,
) -> RandomCrops:
    """Return the random clips of n recordings that are stored in one array."""
    allowed = tuple(_allowed(frames, firsts, counts, grid))
    return RandomCrops(frames, firsts, counts, grid, standardise, allowed)


def _allowed(
    frames: np.ndarray, firsts: np.ndarray, counts: np.ndarray, grid: ClipGrid
) -> Iterator[np.ndarray | None]:
    for first, count in zip(firsts, counts, strict=True):
        every = np.arange(max(1, count - grid.n_frames + 1))
        starts = grid.without_silence(every, frames[first : first + count])
        yield None if len(starts) == len(every) else starts
