"""Features: one file each, samples in, frames out.

A feature module has

    VERSION       raised whenever its output changes: it is part of the store's key
    one frozen dataclass with a `__call__`: a `Feature`, whose fields are the recipe's keys

and, so that models on it can be exported, perhaps a front end as export/frontends/ describes it:
there in a file of the same name, or as the feature's own method `onnx(sample_rate)`.

N samples give T = 1 + (N - frame_samples) // hop_samples frames; frame t covers the samples from
t · hop_samples on. A centred frame has its middle there; then T = 1 + N // hop_samples, and the
recording is reflected at its ends. `context_frames` says how many neighbours on each side a frame
depends on (deltas do); away from the ends that is all it may depend on, so a long recording can be
analysed a block at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from asc_cli.core.errors import AscError


@dataclass(frozen=True)
class Framing:
    """Store the lengths of frame and hop.

    Attributes:
        frame_samples: Samples that one frame covers.
        hop_samples: Samples from the start of one frame to the start of the next.
        context_frames: Neighbours on each side that a frame depends on; 0 for most features.
        padded_from_samples: A recording shorter than a frame, but not than this, is padded with
            zeros to one frame; 0: it is refused.
        centred: Whether frame t has its middle, not its first sample, at t · hop_samples: the
            recording is extended at both ends by its reflection.
        of_recording: Whether the feature is one frame, of the recording as a whole: it has a method
            `of_blocks(blocks, sample_rate) -> (1, F)`, which reads it in parts.
        window_samples: Samples of a window, of a feature whose frames are computed a window at a
            time and depend on all of it: it has a method `of_window(samples, sample_rate)` →
            at least as many frames (t, F) as begin in these samples, which the last windows of
            a recording have fewer of. 0: frames do not depend on a window.
        window_frames: Frames of a window; the next window begins that many hops later.
    """

    frame_samples: int
    hop_samples: int
    context_frames: int = 0
    padded_from_samples: int = 0
    centred: bool = False
    of_recording: bool = False
    window_samples: int = 0
    window_frames: int = 0

    @property
    def shortest_samples(self) -> int:
        """Samples of the shortest recording that has a frame."""
        if self.centred:
            return 1 + (self.frame_samples + 1) // 2  # fewer cannot be reflected
        return self.padded_from_samples or self.frame_samples

    def count(self, n_samples: int) -> int:
        """Return how many frames fit in a recording.

        Args:
            n_samples: N, samples of the recording.

        Returns:
            T = 1 + (N − frame_samples) // hop_samples, at least 0; of centred frames
            1 + N // hop_samples, and 0 for a recording that is too short to be reflected; 1 of a
            feature of the recording as a whole; of windows at least 1, where there is a frame.
        """
        if self.of_recording:
            return int(n_samples >= self.shortest_samples)
        if self.centred:
            return 0 if n_samples < self.shortest_samples else 1 + n_samples // self.hop_samples
        n_frames = max(0, 1 + (n_samples - self.frame_samples) // self.hop_samples)
        if self.window_samples and n_samples >= self.shortest_samples:
            return max(1, n_frames)
        return n_frames


class Feature(Protocol):
    """The interface of a feature's dataclass.

    Its fields are the keys of a recipe's `features` section, with a comment each; their defaults
    are written there and nowhere else. Its module sets VERSION, a whole number that is raised
    whenever the output changes, since it is part of the store's key.

    A feature may also have `centres_hz(sample_rate) -> (F,)`, the centre of each band for the axis
    of pictures, and `onnx(sample_rate)`, the same computation as ONNX operators, so that models
    on it can be exported.

    A feature whose frames are logarithms of the power in bands also has `log_of_power`, a ClassVar
    or a property: the k of k · ln(power); 1 for a natural logarithm, 0.5 where it is of a
    magnitude, 10 / ln 10 for dB. Augmentations that change levels need it.

    A parameter that is added after a release is named in `ADDED`, a ClassVar: parameter → the value
    that stands for what was computed before. Stored arrays and models from before then go on.

    A feature that reads files has `files() -> str`, a hash of their contents, which is part of its
    key; and `outside_data: ClassVar[bool] = True` where they were trained on other recordings:
    results are marked so. One whose files can be downloaded has `download()`, which does that.
    """

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Compute the frames of a recording.

        Args:
            samples: (N,) float32, mono, full scale from −1 to 1.
            sample_rate: Samples per second, Hz.

        Returns:
            (T, F) float32, finite, with T = framing(sample_rate).count(N).
        """
        ...

    def framing(self, sample_rate: int) -> Framing:
        """Return the lengths of frame and hop.

        Args:
            sample_rate: Samples per second, Hz.

        Returns:
            Lengths in samples, and how many neighbours a frame depends on.
        """
        ...


def stream(
    feature: Feature,
    blocks: Iterable[np.ndarray],  # each (n,)
    sample_rate: int,
) -> Iterator[np.ndarray]:  # each (t, F)
    """Yield the frames of a recording that comes in blocks; joined, they equal those of the whole.

    Only samples that later frames need are kept in memory. Raises AscError when all blocks
    together are shorter than one frame, and cannot be padded to one.
    """
    framing = feature.framing(sample_rate)
    if framing.of_recording:
        yield _of_recording(feature, blocks, sample_rate, framing.shortest_samples)
        return
    if framing.window_samples:
        yield from _by_windows(feature, blocks, sample_rate, framing)
        return
    hop, context = framing.hop_samples, framing.context_frames
    buffer = np.zeros(0, np.float32)
    lead = 0  # frames at the start of `buffer` that were yielded already
    n_samples = 0
    for block in blocks:
        buffer = np.concatenate([buffer, block]) if len(buffer) else block
        n_samples += len(block)
        ready = framing.count(len(buffer)) - context  # the last ones lack right neighbours
        if ready <= lead:
            continue
        with np.errstate(all="ignore"):
            frames = feature(buffer, sample_rate)
        yield _finite(frames, buffer)[lead:ready]
        start = max(0, ready - context)
        buffer, lead = buffer[start * hop :], ready - start
    if 0 < framing.padded_from_samples <= n_samples < framing.frame_samples:
        buffer = np.pad(buffer, (0, framing.frame_samples - n_samples))
    elif framing.count(n_samples) == 0:
        what = "the shortest that is padded" if framing.padded_from_samples else "one frame"
        raise _too_short(n_samples, sample_rate, what, framing.shortest_samples)
    if framing.count(len(buffer)) > lead:
        with np.errstate(all="ignore"):
            frames = feature(buffer, sample_rate)
        yield _finite(frames, buffer)[lead:]


def _by_windows(
    feature: Any, blocks: Iterable[np.ndarray], sample_rate: int, framing: Framing
) -> Iterator[np.ndarray]:  # each (t, F)
    """Yield the frames of one window after another: the bits are the same whatever the blocks."""
    step = framing.window_frames * framing.hop_samples
    buffer = np.zeros(0, np.float32)
    n_samples = n_frames = 0

    def next_frames(n: int) -> np.ndarray:  # -> (n, F)
        window = buffer[: framing.window_samples]
        frames = feature.of_window(window, sample_rate)
        if len(frames) < n:
            raise AscError(f"features: {len(frames)} frames of a window, where {n} were expected")
        return _finite(frames[:n], window)

    for block in blocks:
        buffer = np.concatenate([buffer, block])
        n_samples += len(block)
        while len(buffer) >= framing.window_samples:
            yield next_frames(framing.window_frames)
            n_frames += framing.window_frames
            buffer = buffer[step:]
    if framing.count(n_samples) == 0:
        raise _too_short(
            n_samples, sample_rate, "the shortest that is encoded", framing.shortest_samples
        )
    while (left := framing.count(n_samples) - n_frames) > 0:
        yield next_frames(min(left, framing.window_frames))
        n_frames += min(left, framing.window_frames)
        buffer = buffer[step:]


def _of_recording(
    feature: Any, blocks: Iterable[np.ndarray], sample_rate: int, shortest: int
) -> np.ndarray:  # -> (1, F)
    n_samples, loudest = 0, 0.0

    def counted() -> Iterator[np.ndarray]:
        nonlocal n_samples, loudest
        for block in blocks:
            n_samples += len(block)
            loudest = max(loudest, float(np.abs(block).max(initial=0.0)))
            yield block

    with np.errstate(all="ignore"):
        frame = feature.of_blocks(counted(), sample_rate)
    if n_samples < shortest:
        raise _too_short(n_samples, sample_rate, "one frame", shortest)
    return _finite(frame, np.array([loudest]))


def _too_short(n_samples: int, sample_rate: int, what: str, shortest: int) -> AscError:
    return AscError(
        f"is {n_samples / sample_rate:.3f} s long, shorter than {what} "
        f"({shortest} samples = {shortest / sample_rate:.3f} s)"
    )


def _finite(frames: np.ndarray, samples: np.ndarray) -> np.ndarray:  # -> (T, F)
    """Return the frames of samples. Raises AscError where they are not finite."""
    if not np.isfinite(frames).all():
        loudest = float(np.abs(samples).max())
        raise AscError(
            f"has samples of {loudest:.3g}, where full scale is 1: its features are not finite; "
            "scale it down and write it again"
        )
    return frames
