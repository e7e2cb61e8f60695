"""CP-Mobile, simplified: the baseline of DCASE 2024 Task 1, a network of inverted bottlenecks.

    z = ReLU(N(conv3/2(ReLU(N(conv3/2(x))))))      stem: width / 4, then `width` channels
    each block of e = expansion · d channels:
        y = N(conv1(ReLU(N(depthwise3(ReLU(N(conv1(z))))))))      d → e → e → d'
        z = ReLU(y + s(z)) where d' = d, else ReLU(y)      s: mean over 3 × 3 where it has a stride
    scores = mean over time and bands of N(conv1(z))      as many channels as scenes

N is batch normalisation; channel d' of stage k = width · multiplier^k; all channels are rounded to
multiples of 8. A short clip's frames beyond its end are zeros after every step, as padding is.

CP-Mobile: Schmid et al., Distilling the knowledge of transformers and CNNs with CP-Mobile, DCASE
Workshop 2023. This network: Schmid et al., arXiv:2405.10018, and the table of its layers in its
readme (CPJKU/dcase2024_task1_baseline); it leaves out CP-Mobile's global response normalisation.
The defaults are its settings: on 65 frames of 256 bands 61 148 parameters and 29.42 million
multiply-accumulates, the published figures. `width` is what its family of networks differs in.

B clips, T frames, F bands, C scenes, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asc_cli.core.errors import AscError
from asc_cli.models._convolution import Convolution, Stride, every, maps_of, mean, silenced

MULTIPLE = 8  # of which every number of channels is one
LARGEST_CUT = 0.9  # rounding never leaves less than this share


class Bottleneck(nn.Module):
    """Expand, convolve each channel by itself, project."""

    def __init__(self, n_in: int, n_out: int, n_expanded: int, stride: Stride):
        super().__init__()
        self.step = stride[0]
        self.expand = Convolution(n_in, n_expanded, 1)
        self.depthwise = Convolution(n_expanded, n_expanded, 3, stride=stride, groups=n_expanded)
        self.project = Convolution(n_expanded, n_out, 1, rectify=False)
        pool = nn.Identity() if stride == (1, 1) else nn.AvgPool2d(3, stride, 1)
        self.shortcut = pool if n_in == n_out else None

    def forward(self, z: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        y, valid_after = self.expand(z, valid), every(valid, self.step)
        y = self.project(self.depthwise(y, valid_after), valid_after)
        y = y if self.shortcut is None else y + self.shortcut(z)
        return silenced(torch.relu(y), valid_after), valid_after


class CPMobile(nn.Module):
    def __init__(
        self, n_scenes: int, channels: tuple[int, ...], blocks: list[tuple[int, int, int, Stride]]
    ):
        super().__init__()
        self.stem = nn.ModuleList(
            Convolution(n_in, n_out, 3, stride=(2, 2))
            for n_in, n_out in ((1, channels[0] // 4), (channels[0] // 4, channels[0]))
        )
        self.blocks = nn.ModuleList(Bottleneck(*block) for block in blocks)
        self.classify = Convolution(channels[-1], n_scenes, 1, rectify=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        z, valid = maps_of(x, mask)
        for convolution in self.stem:
            valid = every(valid, 2)
            z = convolution(z, valid)
        for block in self.blocks:
            z, valid = block(z, valid)
        return mean(self.classify(z, valid), valid).mean(dim=2)


def build(
    n_bands: int,
    n_scenes: int,
    *,
    width: int = 32,
    multiplier: float = 1.8,
    expansion: float = 2.1,
    n_blocks: tuple[int, ...] = (3, 2, 1),
    halve_frames: tuple[int, ...] = (3,),
    halve_bands: tuple[int, ...] = (4,),
) -> nn.Module:
    """A stem of two convolutions that halve time and bands, then stages of inverted bottlenecks.

    width: channels of the first stage; all channels grow with it.
    multiplier: channels of a stage over those of the one before.
    expansion: channels inside a bottleneck over those that it takes.
    n_blocks: bottlenecks of each stage, a list.
    halve_frames: numbers of the bottlenecks, from 1 over all stages, that halve the frames.
    halve_bands: numbers of the bottlenecks that halve the bands.
    """
    numbers = range(1, sum(n_blocks) + 1)
    for key, chosen in (("halve_frames", halve_frames), ("halve_bands", halve_bands)):
        if not set(chosen) <= set(numbers):
            raise AscError(
                f"model.{key} = {list(chosen)}: model.n_blocks = {list(n_blocks)} has bottlenecks "
                f"1 to {len(numbers)}"
            )
    if width < 1 or multiplier <= 0 or expansion <= 0 or min(n_blocks, default=0) < 1:
        raise AscError(
            f"model: width {width}, multiplier {multiplier:g}, expansion {expansion:g} and "
            f"n_blocks {list(n_blocks)}: all must be more than 0, and there must be a stage"
        )
    first = rounded(width)
    channels = tuple(rounded(first * multiplier**stage) for stage in range(len(n_blocks)))
    outputs = [n for n, count in zip(channels, n_blocks, strict=True) for _ in range(count)]
    blocks = []
    for number, n_in, n_out in zip(numbers, [first, *outputs], outputs, strict=False):
        stride = (1 + (number in halve_frames), 1 + (number in halve_bands))
        blocks.append((n_in, n_out, rounded(expansion * n_in), stride))
    return CPMobile(n_scenes, channels, blocks)


def rounded(n_channels: float) -> int:
    """Return the nearest multiple of 8, the next one where that would cut more than a tenth."""
    nearest = max(MULTIPLE, int(n_channels + MULTIPLE / 2) // MULTIPLE * MULTIPLE)
    return nearest + MULTIPLE if nearest < LARGEST_CUT * n_channels else nearest
