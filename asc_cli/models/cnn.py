"""Convolutional network on log-mel windows, after Battaglino et al., DCASE 2016.

    twice:  z = maxpool(ReLU(conv(z)))      over time and bands
    v = mean of z over the valid time steps, per channel and band
    scores = W₂ dropout(ReLU(W₁ v))

Averaging over time lets a window have any length. A pooled step is valid if it begins inside
the recording.

B clips, T frames, F bands, C scenes, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Convolutions(nn.Module):
    def __init__(
        self,
        n_bands: int,
        n_scenes: int,
        D: tuple[int, ...],
        kernel: int,
        pool: int,
        dense: int,
        dropout: float,
    ):
        super().__init__()
        self.pool = pool
        stages: list[nn.Module] = []
        for n_in, n_out in zip((1, *D), D, strict=False):
            conv = nn.Conv2d(n_in, n_out, kernel, padding="same")
            stages += [conv, nn.ReLU(), nn.MaxPool2d(pool, ceil_mode=True)]
            n_bands = -(-n_bands // pool)
        self.shrink = pool ** len(D)
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            nn.Linear(D[-1] * n_bands, dense),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(dense, n_scenes),
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        z = self.stages(x[:, None])  # (B, D, t, f)
        if mask is None:
            v = z.mean(dim=2)  # (B, D, f)
        else:
            counts = mask[:, :: self.shrink].to(z.dtype)[:, None, :, None]  # (B, 1, t, 1)
            v = (z * counts).sum(dim=2) / counts.sum(dim=2)
        return self.head(torch.flatten(v, 1))


def build(
    n_bands: int,
    n_scenes: int,
    *,
    n_channels: tuple[int, ...] = (32, 64),
    kernel: int = 3,
    pool: int = 3,
    dense: int = 128,
    dropout: float = 0.5,
) -> nn.Module:
    """A convolution and a pooling for each entry of n_channels, then a hidden layer.

    n_channels: channels of each convolution, a list; its length is their number.
    kernel: width and height of a convolution's filters, in frames and bands.
    pool: width and height of a pooling window.
    dense: units of the hidden layer.
    dropout: share of the hidden layer's units dropped in training, from 0 to 1.
    """
    return Convolutions(n_bands, n_scenes, n_channels, kernel, pool, dense, dropout)
