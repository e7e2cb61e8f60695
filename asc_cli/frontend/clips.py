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

SMALLEST_DEVIATION = 1e-5  # a band that never changes is centred, not divided by zero


@dataclass(frozen=True)
class Clipping:
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


def clipping(
    length_s: float, overlap: float, sample_rate: int, frame_samples: int, hop_samples: int
) -> Clipping:
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
    return Clipping(n_frames, step)


def clipping_in_frames(n_frames: int, overlap: float) -> Clipping:
    """Clips of a given number of frames. Raises AscError when the next begins where one does."""
    step = n_frames * (1 - overlap)
    if step < 1:
        raise AscError(
            f"clips.overlap = {overlap}: the step between clips of {n_frames} frames is "
            f"{step:.2f} frames; at most {1 - 1 / n_frames:.4f} leaves a whole one"
        )
    return Clipping(n_frames, step)


@dataclass(frozen=True)
class Standardisation:
    """Per band: x → (x − mean) / deviation, with the training fold's figures."""

    mean: np.ndarray  # (F,) float32
    deviation: np.ndarray  # (F,) float32

    def __call__(self, frames: np.ndarray) -> np.ndarray:  # (..., F) -> (..., F)
        return (frames - self.mean) / self.deviation


def standardisation(
    recordings: Sequence[np.ndarray], wanted: bool = True
) -> Standardisation:  # each (T, F)
    """Mean and deviation of each band over all frames, summed in float64.

    Mean 0 and deviation 1 when none is wanted: for models that need features as they are.
    """
    if not wanted:
        n_bands = recordings[0].shape[1]
        return Standardisation(np.zeros(n_bands, np.float32), np.ones(n_bands, np.float32))
    n, total, squares = 0, np.float64(0), np.float64(0)
    for frames in recordings:
        wide = frames.astype(np.float64)
        n += len(wide)
        total = total + wide.sum(axis=0)
        squares = squares + np.square(wide).sum(axis=0)
    mean = total / n
    deviation = np.sqrt(np.maximum(squares / n - mean**2, 0))
    return Standardisation(
        mean.astype(np.float32),
        np.maximum(deviation, SMALLEST_DEVIATION).astype(np.float32),
    )


@dataclass(frozen=True)
class ClipSet:
    """The clips of many recordings, cut on demand from one array of all their frames."""

    frames: np.ndarray  # (sum of T, F) float32, standardised
    starts: np.ndarray  # (B,) first frame of each clip in `frames`
    lengths: np.ndarray  # (B,) its frames; fewer than n_frames for a short recording
    owners: np.ndarray  # (B,) which recording it is from
    n_frames: int

    def __len__(self) -> int:
        return len(self.starts)

    def batch(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Clips `which` (b,) -> frames (b, T, F) and a mask (b, T), None if all frames count.

        Frames beyond a short clip's end are zeros, the mean of every band.
        """
        offsets = np.arange(self.n_frames)
        lengths = self.lengths[which]
        if (lengths == self.n_frames).all():
            return self.frames[self.starts[which][:, None] + offsets], None
        mask = offsets < lengths[:, None]  # (b, T)
        rows = np.where(mask, self.starts[which][:, None] + offsets, 0)
        return self.frames[rows] * mask[:, :, None], mask


def cut(
    recordings: Sequence[np.ndarray],  # each (T, F)
    where: Clipping,
    standardise: Standardisation,
) -> ClipSet:
    """Standardise recordings into one array and lay clips over it."""
    lengths = [len(frames) for frames in recordings]
    whole = np.empty((sum(lengths), len(standardise.mean)), np.float32)
    starts, owners, clip_lengths = [], [], []
    position = 0
    for owner, frames in enumerate(recordings):
        whole[position : position + len(frames)] = standardise(frames)
        first = where.starts(len(frames))
        starts.append(position + first)
        owners.append(np.full(len(first), owner))
        clip_lengths.append(np.full(len(first), min(len(frames), where.n_frames)))
        position += len(frames)
    return ClipSet(
        whole,
        np.concatenate(starts),
        np.concatenate(clip_lengths),
        np.concatenate(owners),
        where.n_frames,
    )


def streamed(
    parts: Iterable[np.ndarray], where: Clipping, batch_clips: int
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
