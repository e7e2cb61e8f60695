"""A small residual network over log-mel clips of some seconds.

    z = pool2(ReLU(N(conv5/2(x))))                       stem: D_1 channels
    each block, one a stage, stride 2 in the stages of `halve`:
        y = N(conv3(ReLU(N(conv3(z)))))                  the last N begins with scale 0, so
        z = ReLU(y + p(z))                               a block begins as its shortcut p
    p: nothing, or a mean over 3 × 3 where it halves, and N(conv1) where channels change
    v = mean over bands of (mean over time + max over time of z)
    scores = W dropout(v) + b

N is batch normalisation, pool2 the maximum over 2 × 2. He et al., arXiv:1512.03385; scale 0: Goyal
et al., arXiv:1706.02677; the mean in the shortcut: He et al., arXiv:1812.01187; the mean and the
maximum over time: Kong et al., arXiv:1912.10211. A short clip's frames beyond its end are zeros
after every step.

B clips, T frames, F bands, C scenes, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asc_cli.core.errors import AscError
from asc_cli.models._convolution import Convolution, every, maps_of, mean, silenced


class Block(nn.Module):
    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.stride = stride
        self.first = Convolution(n_in, n_out, 3, stride=(stride, stride))
        self.second = Convolution(n_out, n_out, 3, rectify=False)
        nn.init.zeros_(self.second.normalise.weight)
        self.pool = nn.AvgPool2d(3, stride, 1) if stride == 2 else nn.Identity()
        self.project = None if n_in == n_out else Convolution(n_in, n_out, 1, rectify=False)

    def forward(self, z: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        after = every(valid, self.stride)
        y = self.second(self.first(z, after), after)
        shortcut = self.pool(z)
        shortcut = shortcut if self.project is None else self.project(shortcut, after)
        return silenced(torch.relu(y + shortcut), after), after


class ResNet(nn.Module):
    def __init__(self, n_scenes: int, channels: tuple[int, ...], halve: set[int], dropout: float):
        super().__init__()
        self.stem = Convolution(1, channels[0], 5, stride=(2, 2))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        inputs = (channels[0], *channels[:-1])
        self.blocks = nn.ModuleList(
            Block(n_in, n_out, 2 if stage in halve else 1)
            for stage, (n_in, n_out) in enumerate(zip(inputs, channels, strict=True), start=1)
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels[-1], n_scenes))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        z, valid = maps_of(x, mask)
        valid = every(valid, 2)
        z = self.pool(self.stem(z, valid))  # never negative, so zeros beyond the end win nothing
        valid = every(valid, 2)
        for block in self.blocks:
            z, valid = block(z, valid)
        return self.head((mean(z, valid) + z.amax(dim=2)).mean(dim=2))


def build(
    n_bands: int,
    n_scenes: int,
    *,
    n_channels: tuple[int, ...] = (24, 48, 96, 96),
    halve: tuple[int, ...] = (2, 3),
    dropout: float = 0.2,
) -> nn.Module:
    """A stem that divides time and bands by four, then a residual block a stage.

    n_channels: channels of each stage, a list; its length is their number.
    halve: numbers of the stages, from 1, that halve time and bands.
    dropout: share of the last layer's inputs dropped in training, from 0 to 1.
    """
    stages = range(1, len(n_channels) + 1)
    if not n_channels or not set(halve) <= set(stages):
        raise AscError(
            f"model.halve = {list(halve)}: model.n_channels = {list(n_channels)} has stages "
            f"1 to {len(n_channels)}"
        )
    return ResNet(n_scenes, n_channels, set(halve), dropout)
