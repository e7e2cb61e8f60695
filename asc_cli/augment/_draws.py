"""Random numbers that several transforms draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from asc_cli.augment import Batch

if TYPE_CHECKING:
    from torch import Tensor


def tensor(values: np.ndarray, like: Tensor) -> Tensor:
    """Return drawn numbers as a tensor of another one's type and device."""
    import torch

    return torch.from_numpy(values).to(like)


def uniform(
    rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...], like: Tensor
) -> Tensor:
    """Return evenly distributed numbers from low to high."""
    return tensor(rng.uniform(low, high, shape), like)


def span(
    rng: np.random.Generator, n_clips: int, size: int, widest: int
) -> np.ndarray:  # -> (N, size) bool
    """Return a run of neighbours per clip, from 0 to `widest` of them, anywhere in `size`."""
    widths = rng.integers(0, min(widest, size) + 1, n_clips)
    starts = rng.integers(0, size - widths + 1)
    places = np.arange(size)
    return (places >= starts[:, None]) & (places < (starts + widths)[:, None])


def shares(
    rng: np.random.Generator, n_clips: int, share: float, ratios: np.ndarray
) -> np.ndarray:  # (N,) -> (N,)
    """Return the ratios of a random `share` of the clips; 1 for the others, which stay alone."""
    return np.where(rng.random(n_clips) < share, ratios, 1.0)


def joined_mask(batch: Batch, others: np.ndarray, ratios: np.ndarray) -> Tensor | None:
    """Return the mask (N, T) of mixed clips: a frame counts where it does in either."""
    if batch.mask is None:
        return None
    mixed = tensor(ratios < 1, batch.mask)[:, None]
    return batch.mask | (batch.mask[others] & mixed)
