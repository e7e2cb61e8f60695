"""A recording's frames → clips of fixed length, standardised.

A clip of length ℓ seconds holds the frames that fit in ℓ, and clip k starts where the time
k · ℓ · (1 − overlap) falls on the grid of frames:

    n_frames = 1 + ⌊(ℓ · sr − frame) / hop⌋       1 s: 96 at 22 050 Hz, 196 at 44 100 Hz
    start_k  = round(k · ℓ · (1 − overlap) · sr / hop)

so half a second is 50.11 (100.23) frames and nothing drifts: a 30 s recording has 59 clips. A
recording shorter than a clip gives one clip, padded and masked, or repeated until it is full. Clips
of digital silence may be left out; a recording of nothing else gives its first. crops.py has clips
at random places.

B clips, T frames, F bands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.frontend.standardise import Standardisation


@dataclass(frozen=True)
class ClipGrid:
    """The positions of clips on a recording's frames, and what becomes of short and silent ones."""

    n_frames: int
    step_frames: float
    loop: bool = False  # a recording shorter than a clip is repeated, not masked
    floor: np.ndarray | None = field(default=None, compare=False)  # (F,) the frame of digital
    # silence; None: clips of it are clips like others

    def starts(self, n_frames: int) -> np.ndarray:  # -> (B,)
        """Return the first frame of each full clip; one clip at 0 for a shorter recording."""
        if n_frames < self.n_frames:
            return np.zeros(1, np.int64)
        last = math.floor((n_frames - self.n_frames) / self.step_frames) + 1
        starts = np.floor(np.arange(last + 1) * self.step_frames + 0.5).astype(np.int64)
        return starts[starts + self.n_frames <= n_frames]

    def silent(self, frames: np.ndarray) -> np.ndarray:  # (..., F) -> (...)
        """Return which frames are those of digital silence; none where silence is a clip."""
        if self.floor is None:
            return np.zeros(frames.shape[:-1], bool)
        return (np.abs(frames - self.floor) <= self.floor_tolerance).all(axis=-1)

    @property
    def floor_tolerance(self) -> float:
        """How far a silent frame may be from the floor in any band: exported front ends, and
        differences in time, round otherwise."""
        return 0.0 if self.floor is None else 1e-5 * float(np.abs(self.floor).max())

    def without_silence(self, starts: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Return the starts (B,) of clips of a recording (T, F) that are not silent throughout; the
        first where all are."""
        if self.floor is None or len(frames) < self.n_frames:
            return starts
        silent = np.concatenate([[0], np.cumsum(self.silent(frames))])
        sounding = starts[silent[starts + self.n_frames] - silent[starts] < self.n_frames]
        return sounding if len(sounding) else starts[:1]


def clip_grid_from_seconds(
    length_s: float, overlap: float, sample_rate: int, frame_samples: int, hop_samples: int
) -> ClipGrid:
    """Return the grid of clips of a length in seconds. Raises AscError if no frame fits.

    frame_samples: of a frame that must lie inside a clip; 0 for centred frames, of which only the
    middle must.
    """
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
            f"at most {1 - hop_samples / (length_s * sample_rate):.4f} gives one frame or more"
        )
    return ClipGrid(n_frames, step)


def clip_grid_from_frames(n_frames: int, overlap: float) -> ClipGrid:
    """Return the grid of clips of a number of frames. Raises AscError for a step below 1 frame."""
    step = n_frames * (1 - overlap)
    if step < 1:
        raise AscError(
            f"clips.overlap = {overlap}: the step between clips of {n_frames} frames is "
            f"{step:.2f} frames; at most {1 - 1 / n_frames:.4f} gives one frame or more"
        )
    return ClipGrid(n_frames, step)


@dataclass(frozen=True)
class ClipSet:
    """The clips of many recordings, cut and standardised per batch, on demand.

    `frames` is shared and may be mapped from a file: no copy is made of it.
    """

    frames: np.ndarray  # (N, F) float32, not standardised; may hold other recordings too
    starts: np.ndarray  # (B,) first frame of each clip in `frames`
    lengths: np.ndarray  # (B,) its frames; fewer than n_frames for a short recording
    owners: np.ndarray  # (B,) which recording it is from
    n_frames: int
    standardise: Standardisation
    loop: bool = False  # short ones are repeated

    def __len__(self) -> int:
        return len(self.starts)

    def batch(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Clips `which` (b,) -> frames (b, T, F) and a mask (b, T), None if all frames count.

        Frames beyond a short clip's end are zeros, the mean of every band; or the clip again.
        """
        lengths = self.lengths[which]
        full = self.loop or bool((lengths == self.n_frames).all())
        clips = np.zeros((len(which), self.n_frames, self.frames.shape[1]), np.float32)
        for clip, start, length in zip(clips, self.starts[which], lengths, strict=True):
            clip[:length] = self.frames[start : start + length]
            if self.loop and length < self.n_frames:
                clip[length:] = clip[np.arange(length, self.n_frames) % length]
        clips -= self.standardise.mean
        clips /= self.standardise.deviation
        if full:
            return clips, None
        mask = np.arange(self.n_frames) < lengths[:, None]  # (b, T)
        clips *= mask[:, :, None]
        return clips, mask


def from_array(
    frames: np.ndarray,  # (N, F)
    firsts: np.ndarray,  # (n,) where each recording begins in `frames`
    counts: np.ndarray,  # (n,) how many frames it has
    grid: ClipGrid,
    standardise: Standardisation,
) -> ClipSet:
    """Return the clips of n recordings that are stored in one array."""
    starts = [
        grid.without_silence(grid.starts(int(count)), frames[first : first + count])
        for first, count in zip(firsts, counts, strict=True)
    ]
    n_clips = [len(clip_starts) for clip_starts in starts]
    return ClipSet(
        frames,
        np.concatenate(starts) + np.repeat(firsts, n_clips),
        np.repeat(np.minimum(counts, grid.n_frames), n_clips),
        np.repeat(np.arange(len(counts)), n_clips),
        grid.n_frames,
        standardise,
        grid.loop,
    )


def from_recordings(
    recordings: Sequence[np.ndarray],  # each (T, F)
    grid: ClipGrid,
    standardise: Standardisation,
) -> ClipSet:
    """Return the clips of recordings that are separate arrays."""
    counts = np.array([len(frames) for frames in recordings])
    firsts = np.cumsum(counts) - counts
    return from_array(np.concatenate(recordings), firsts, counts, grid, standardise)


def from_stream(
    parts: Iterable[np.ndarray], grid: ClipGrid, batch_clips: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # each (t, F) -> (b, T, F), (b,)
    """Yield the clips of a recording that arrives in parts, and the number of valid frames of each.

    The same clips as `from_recordings`, at most `batch_clips` at a time; only the frames that later
    clips need are kept in memory.
    """
    buffer, first, k = None, 0, 0  # buffered frames, index of the first, next clip
    pending: list[np.ndarray] = []
    for part in parts:
        buffer = np.array(part) if buffer is None else np.concatenate([buffer, part])
        while (start := math.floor(k * grid.step_frames + 0.5)) + grid.n_frames <= first + len(
            buffer
        ):
            pending.append(buffer[start - first : start - first + grid.n_frames])
            k += 1
            if len(pending) == batch_clips:
                yield np.stack(pending), np.full(len(pending), grid.n_frames)
                pending = []
        drop = max(0, min(start - first, len(buffer)))
        buffer, first = buffer[drop:], first + drop
    if pending:
        yield np.stack(pending), np.full(len(pending), grid.n_frames)
    if k == 0 and buffer is not None:
        if grid.loop:
            yield buffer[None, np.arange(grid.n_frames) % len(buffer)], np.array([grid.n_frames])
            return
        padded = np.zeros((1, grid.n_frames, buffer.shape[1]), buffer.dtype)
        padded[0, : len(buffer)] = buffer
        yield padded, np.array([len(buffer)])


def numbered(
    batches: Iterable[tuple[np.ndarray, np.ndarray]], grid: ClipGrid
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:  # (b, T, F), (b,), (b,)
    """Yield the clips of `from_stream` without those of silence, and the number of each on the
    grid; of a recording of nothing but silence the first one."""
    n, first, any_sounding = 0, None, False
    for batch, lengths in batches:
        numbers = np.arange(n, n + len(batch))
        n += len(batch)
        sounding = ~grid.silent(batch).all(axis=1)
        first = first or (batch[:1], lengths[:1], numbers[:1])
        if sounding.any():
            any_sounding = True
            yield batch[sounding], lengths[sounding], numbers[sounding]
    if first and not any_sounding:
        yield first
