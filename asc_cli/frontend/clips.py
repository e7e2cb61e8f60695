"""A recording's frames → clips of fixed length, standardised.

A clip of length ℓ seconds holds the frames that fit in ℓ, and clip k starts where the time
k · ℓ · (1 − overlap) falls on the grid of frames:

    n_frames = 1 + ⌊(ℓ · sr − frame) / hop⌋       1 s: 96 at 22 050 Hz, 196 at 44 100 Hz
    start_k  = round(k · ℓ · (1 − overlap) · sr / hop)

so half a second is 50.11 (100.23) frames and nothing drifts: a 30 s recording has 59 clips. A
recording shorter than a clip gives one clip, padded and masked.

B clips, T frames, F bands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.frontend.standardise import Standardisation


@dataclass(frozen=True)
class ClipGrid:
    """Where clips lie on a recording's frames."""

    n_frames: int
    step_frames: float

    def starts(self, n_frames: int) -> np.ndarray:  # -> (B,)
        """First frame of each whole clip; one clip at 0 for a recording shorter than that."""
        if n_frames < self.n_frames:
            return np.zeros(1, np.int64)
        last = math.floor((n_frames - self.n_frames) / self.step_frames) + 1
        starts = np.floor(np.arange(last + 1) * self.step_frames + 0.5).astype(np.int64)
        return starts[starts + self.n_frames <= n_frames]


def clip_grid_from_seconds(
    length_s: float, overlap: float, sample_rate: int, frame_samples: int, hop_samples: int
) -> ClipGrid:
    """Raises AscError when not even one frame fits in a clip."""
    n_samples = round(length_s * sample_rate, 6)  # 2.01 · 8000 is 16079.999999999998
    n_frames = 1 + math.floor((n_samples - frame_samples) / hop_samples)
    if n_frames < 1:
        raise AscError(
            f"clips.length_s = {length_s}: shorter than one frame "
            f"({frame_samples} samples = {frame_samples / sample_rate:.3f} s)"
        )
    step = length_s * (1 - overlap) * sample_rate / hop_samples
    if step < 1:
        raise AscError(
            f"clips.overlap = {overlap}: the step between clips is {step:.2f} frames; "
            f"at most {1 - hop_samples / (length_s * sample_rate):.4f} leaves a whole one"
        )
    return ClipGrid(n_frames, step)


def clip_grid_from_frames(n_frames: int, overlap: float) -> ClipGrid:
    """Clips of a given number of frames. Raises AscError when the next begins where one does."""
    step = n_frames * (1 - overlap)
    if step < 1:
        raise AscError(
            f"clips.overlap = {overlap}: the step between clips of {n_frames} frames is "
            f"{step:.2f} frames; at most {1 - 1 / n_frames:.4f} leaves a whole one"
        )
    return ClipGrid(n_frames, step)


@dataclass(frozen=True)
class ClipSet:
    """The clips of many recordings, cut and standardised when they are asked for.

    `frames` is shared and may be mapped from a file: nothing here holds a copy of it.
    """

    frames: np.ndarray  # (N, F) float32, as the feature gives them; other recordings' too
    starts: np.ndarray  # (B,) first frame of each clip in `frames`
    lengths: np.ndarray  # (B,) its frames; fewer than n_frames for a short recording
    owners: np.ndarray  # (B,) which recording it is from
    n_frames: int
    standardise: Standardisation

    def __len__(self) -> int:
        return len(self.starts)

    def batch(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Clips `which` (b,) -> frames (b, T, F) and a mask (b, T), None if all frames count.

        Frames beyond a short clip's end are zeros, the mean of every band.
        """
        lengths = self.lengths[which]
        whole = bool((lengths == self.n_frames).all())
        clips = np.zeros((len(which), self.n_frames, self.frames.shape[1]), np.float32)
        for clip, start, length in zip(clips, self.starts[which], lengths, strict=True):
            clip[:length] = self.frames[start : start + length]
        clips -= self.standardise.mean
        clips /= self.standardise.deviation
        if whole:
            return clips, None
        mask = np.arange(self.n_frames) < lengths[:, None]  # (b, T)
        clips *= mask[:, :, None]
        return clips, mask


def lay(
    frames: np.ndarray,  # (N, F)
    firsts: np.ndarray,  # (n,) where each recording begins in `frames`
    counts: np.ndarray,  # (n,) how many frames it has
    where: ClipGrid,
    standardise: Standardisation,
) -> ClipSet:
    """The clips of n recordings that lie in one array."""
    starts = [where.starts(int(count)) for count in counts]
    n_clips = [len(each) for each in starts]
    return ClipSet(
        frames,
        np.concatenate(starts) + np.repeat(firsts, n_clips),
        np.repeat(np.minimum(counts, where.n_frames), n_clips),
        np.repeat(np.arange(len(counts)), n_clips),
        where.n_frames,
        standardise,
    )


def cut(
    recordings: Sequence[np.ndarray],  # each (T, F)
    where: ClipGrid,
    standardise: Standardisation,
) -> ClipSet:
    """The clips of recordings that are arrays of their own."""
    counts = np.array([len(frames) for frames in recordings])
    firsts = np.cumsum(counts) - counts
    return lay(np.concatenate(recordings), firsts, counts, where, standardise)


def streamed(
    parts: Iterable[np.ndarray], where: ClipGrid, batch_clips: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # each (t, F) -> (b, T, F), (b,)
    """Clips of a recording whose frames come in parts, and the frames of each that count.

    The clips that `cut` would lay, at most `batch_clips` at a time; keeps only the frames that
    clips to come still need.
    """
    kept, first, k = None, 0, 0  # frames at hand, index of the first of them, next clip
    waiting: list[np.ndarray] = []
    for part in parts:
        kept = np.array(part) if kept is None else np.concatenate([kept, part])
        while (start := math.floor(k * where.step_frames + 0.5)) + where.n_frames <= first + len(
            kept
        ):
            waiting.append(kept[start - first : start - first + where.n_frames])
            k += 1
            if len(waiting) == batch_clips:
                yield np.stack(waiting), np.full(len(waiting), where.n_frames)
                waiting = []
        drop = max(0, min(start - first, len(kept)))
        kept, first = kept[drop:], first + drop
    if waiting:
        yield np.stack(waiting), np.full(len(waiting), where.n_frames)
    if k == 0 and kept is not None:
        padded = np.zeros((1, where.n_frames, kept.shape[1]), kept.dtype)
        padded[0, : len(kept)] = kept
        yield padded, np.array([len(kept)])
