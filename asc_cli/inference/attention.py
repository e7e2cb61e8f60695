"""The attention of a network over a recording, from that over its clips.

Every clip has its own α, which sums to 1 over the clip's frames. α times the clip's number of
frames is attention relative to uniform attention: 1 is the average. Where clips overlap, theirs is
averaged. The codewords' weights a are averaged likewise.
"""

from __future__ import annotations

import numpy as np

from asc_cli.frontend import clips
from asc_cli.inference.networks import Network

BATCH_CLIPS = 64


def trace(
    network: Network, clip_set: clips.ClipSet, n_frames: int
) -> tuple[np.ndarray | None, np.ndarray | None]:  # (T,), (T, K)
    """Return both attentions over the frames that clips cover."""
    attention, codewords = _Spread(n_frames), _Spread(n_frames)
    for start in range(0, len(clip_set), BATCH_CLIPS):
        which = np.arange(start, min(start + BATCH_CLIPS, len(clip_set)))
        batch, mask = clip_set.batch(which)
        alpha, a = network.attention(batch, mask)
        for i, clip in enumerate(which):
            length = int(clip_set.lengths[clip])
            n = clip_set.n_frames if clip_set.loop else length
            frames = int(clip_set.starts[clip]) + np.arange(n) % length
            if alpha is not None:
                attention.add(frames, alpha[i, :n, None] * n)
            if a is not None:
                codewords.add(frames, a[i, :n])
    spread = attention.mean()
    return None if spread is None else spread[:, 0], codewords.mean()


class _Spread:
    """Average values of overlapping clips, frame by frame."""

    def __init__(self, n_frames: int):
        self.n = np.zeros(n_frames)
        self.total: np.ndarray | None = None

    def add(self, frames: np.ndarray, values: np.ndarray) -> None:  # (t,), (t, D)
        if self.total is None:
            self.total = np.zeros((len(self.n), values.shape[1]))
        np.add.at(self.total, frames, values)
        np.add.at(self.n, frames, 1)

    def mean(self) -> np.ndarray | None:  # -> (T, D), up to the last frame that a clip covers
        if self.total is None:
            return None
        covered = int(np.flatnonzero(self.n)[-1]) + 1
        return self.total[:covered] / np.maximum(self.n[:covered], 1)[:, None]
