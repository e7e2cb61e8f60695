"""The group `kernels` (1440): answers of fixed random filters, after ROCKET, in two dimensions."""

from __future__ import annotations

import functools

import numpy as np

from asc_cli.features._texture.sums import regions

SEED, N_KERNELS, TIME, BANDS, DILATIONS, N_REGIONS = 7, 24, 7, 5, (1, 2, 4, 8), 5
EDGE = (TIME // 2) * DILATIONS[-1]  # frames that are repeated at either end
BLOCK_FRAMES = 64  # windows of so many frames at once
LARGE = 0.5  # an answer above it counts as a hit


class Kernels:
    """96 filters of 7 frames × 5 bands with mean 0 and norm 1, at dilations 1, 2, 4 and 8; in 5
    regions of bands the mean and the deviation of ReLU, and the share of answers above 0.5."""

    def __init__(self, n_bands: int):
        self.buffer = np.zeros((0, n_bands), np.float32)
        self.count = 0
        self.sums = np.zeros((3, len(DILATIONS), N_KERNELS, N_REGIONS))

    def add(self, log_mel: np.ndarray) -> None:  # (t, M)
        if not self.count and not len(self.buffer) and len(log_mel):
            log_mel = np.concatenate([np.repeat(log_mel[:1], EDGE, axis=0), log_mel])
        self.buffer = np.concatenate([self.buffer, log_mel])
        while len(self.buffer) >= BLOCK_FRAMES + 2 * EDGE:
            self._answer(self.buffer[: BLOCK_FRAMES + 2 * EDGE])
            self.buffer = self.buffer[BLOCK_FRAMES:]

    def result(self) -> np.ndarray:
        self._answer(np.concatenate([self.buffer, np.repeat(self.buffer[-1:], EDGE, axis=0)]))
        self.buffer = self.buffer[:0]
        mean, square, hits = self.sums / self.count
        deviation = np.sqrt(np.maximum(square - mean * mean, 0))
        return np.concatenate([mean.ravel(), deviation.ravel(), hits.ravel()])

    def _answer(self, frames: np.ndarray) -> None:  # (t + 2 · EDGE, M)
        t = len(frames) - 2 * EDGE
        if t < 1:
            return
        self.count += t
        for index, (dilation, kernels) in enumerate(zip(DILATIONS, _kernels(), strict=True)):
            reach = (TIME // 2) * dilation
            part = frames[EDGE - reach : EDGE + t + reach]
            width = frames.shape[1] - (BANDS - 1) * dilation
            windows = np.lib.stride_tricks.as_strided(
                part,
                (t, width, TIME, BANDS),
                (*part.strides, part.strides[0] * dilation, part.strides[1] * dilation),
            ).reshape(t * width, TIME * BANDS)
            answers = windows @ kernels  # (t · width, kernels)
            hits = (answers > LARGE).reshape(t, width, -1).sum(axis=0)
            positive = np.maximum(answers, 0, out=answers).reshape(t, width, -1)
            starts = regions(width, N_REGIONS)
            sizes = np.diff([*starts, width])[:, None]
            square = np.einsum("twk,twk->wk", positive, positive)
            for row, total in enumerate((positive.sum(axis=0), square, hits)):
                by_region = np.add.reduceat(total.astype(np.float64), starts, axis=0) / sizes
                self.sums[row, index] += by_region.T


@functools.cache
def _kernels() -> tuple[np.ndarray, ...]:  # of each dilation (TIME · BANDS, N_KERNELS)
    drawn = np.random.default_rng(SEED).normal(size=(len(DILATIONS), TIME * BANDS, N_KERNELS))
    drawn -= drawn.mean(axis=1, keepdims=True)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return tuple(drawn.astype(np.float32))
