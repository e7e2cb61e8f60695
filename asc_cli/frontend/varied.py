"""Clips of recordings and of their variants: at test, those of all.

In training, each epoch has the clips of the recordings as they are, but each clip is taken from the
recording or from one of its variants, each with the same probability: clip k of a recording is then
clip k mod n of the n that the variant has.

B clips, T frames, F bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asc_cli.frontend.clips import ClipSet
from asc_cli.frontend.crops import RandomCrops


@dataclass(frozen=True)
class MixedClips:
    """Clips from several sets, which have the same recordings and clips as long."""

    sets: tuple[ClipSet, ...]
    which_set: np.ndarray  # (B,)
    which_clip: np.ndarray  # (B,) in its set

    def __len__(self) -> int:
        return len(self.which_set)

    @property
    def owners(self) -> np.ndarray:  # -> (B,)
        """The recording of each clip."""
        owners = np.zeros(len(self), np.int64)
        for i, clips in enumerate(self.sets):
            owners[self.which_set == i] = clips.owners[self.which_clip[self.which_set == i]]
        return owners

    def batch(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """As `ClipSet.batch`."""
        n_frames, n_bands = self.sets[0].n_frames, self.sets[0].frames.shape[1]
        frames = np.empty((len(which), n_frames, n_bands), np.float32)
        mask = np.ones((len(which), n_frames), bool)
        for i, clips in enumerate(self.sets):
            rows = np.flatnonzero(self.which_set[which] == i)
            if len(rows):
                frames[rows], own = clips.batch(self.which_clip[which[rows]])
                if own is not None:
                    mask[rows] = own
        return frames, None if mask.all() else mask


@dataclass(frozen=True)
class VariedClips:
    """The recordings' clips first, then those of each variant."""

    sets: tuple[ClipSet | RandomCrops, ...]

    @property
    def owners(self) -> np.ndarray:  # -> (B,)
        """The recording of each clip, the same in every epoch."""
        return self.sets[0].owners

    def __len__(self) -> int:
        return len(self.sets[0])

    def draw(self, rng: np.random.Generator) -> MixedClips:
        """Return the clips of an epoch."""
        sets = tuple(s.draw(rng) if isinstance(s, RandomCrops) else s for s in self.sets)
        owners = self.owners
        which_set = rng.integers(0, len(sets), len(owners))
        which_clip = np.arange(len(owners))
        number = which_clip - _firsts(owners)[owners]  # of each clip within its recording
        for i, clips in enumerate(sets[1:], start=1):
            rows = which_set == i
            counts, firsts = np.bincount(clips.owners), _firsts(clips.owners)
            own = owners[rows]
            which_clip[rows] = firsts[own] + number[rows] % counts[own]
        return MixedClips(sets, which_set, which_clip)

    def joined(self, labels: np.ndarray) -> tuple[MixedClips, np.ndarray]:  # (B,) -> (all,)
        """Return all clips, those of one set after those of another, and the label of each.

        labels: Of the clips of the recordings as they are.
        """
        clips = joined(tuple(s for s in self.sets if isinstance(s, ClipSet)))
        of_recording = labels[_firsts(self.owners)]
        return clips, of_recording[clips.owners]

    @property
    def is_random(self) -> bool:
        """Whether the clips are at random places, so that there is no set of all."""
        return isinstance(self.sets[0], RandomCrops)


def joined(sets: tuple[ClipSet, ...]) -> MixedClips:
    """Return all clips of several sets, those of one after those of another."""
    lengths = [len(clips) for clips in sets]
    which_set = np.repeat(np.arange(len(sets)), lengths)
    return MixedClips(sets, which_set, np.concatenate([np.arange(n) for n in lengths]))


def _firsts(owners: np.ndarray) -> np.ndarray:  # (B,) in order -> (n,)
    """Return the first clip of each recording."""
    return np.searchsorted(owners, np.arange(owners[-1] + 1))
