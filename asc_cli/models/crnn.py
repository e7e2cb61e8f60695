"""Convolutions, then one of the paper's four LSTM cells over what they make of the frames.

    each stage: z = pool(ReLU(N(conv(z))))     pool: the maximum over pool_frames × pool_bands
    x_t = z[:, t, :], all channels and bands    one frame to the cell
    v = the cell's representation of x_1 … x_t  lstm.py: no attention, temporal, semantic or both
    scores = W₂ dropout(ReLU(W₁ dropout(v) + b₁)) + b₂

N is batch normalisation. Convolutions under attention over time: Zhang et al., arXiv:1907.02230,
who have another cell and other convolutions. A short clip's frames beyond its end are zeros in the
convolutions and left out by the cell; a pooled frame counts if it begins inside the clip.

B clips, T frames, F bands, C scenes, D channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from asc_cli.core.errors import AscError
from asc_cli.models._convolution import Convolution, every, maps_of
from asc_cli.models.lstm import AttentionLSTM, LSTMClassifier


class Frames(nn.Module):
    """Clips -> frames of convolutional features, and which of them count."""

    def __init__(self, channels: tuple[int, ...], kernel: int, pools: list[tuple[int, int]]):
        super().__init__()
        inputs = (1, *channels[:-1])
        self.convolutions = nn.ModuleList(
            Convolution(n_in, n_out, kernel) for n_in, n_out in zip(inputs, channels, strict=True)
        )
        self.pools = nn.ModuleList(nn.MaxPool2d(pool, ceil_mode=True) for pool in pools)
        self.strides = [frames for frames, _ in pools]

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        z, valid = maps_of(x, mask)
        for convolution, pool, stride in zip(
            self.convolutions, self.pools, self.strides, strict=True
        ):
            z = pool(convolution(z, valid))  # never negative, so zeros beyond the end win nothing
            valid = every(valid, stride)
        frames = z.transpose(1, 2).flatten(2)  # (B, t, D f)
        return frames, None if valid is None else valid[:, 0, :, 0] > 0


class CRNN(nn.Module):
    def __init__(self, frames: Frames, recurrent: LSTMClassifier):
        super().__init__()
        self.frames, self.recurrent = frames, recurrent

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        return self.recurrent(*self.frames(x, mask))


def build(
    n_bands: int,
    n_scenes: int,
    *,
    n_channels: tuple[int, ...] = (32, 64),
    kernel: int = 3,
    pool_frames: tuple[int, ...] = (1, 1),
    pool_bands: tuple[int, ...] = (4, 4),
    attention: Sequence[Literal["temporal", "semantic"]] = (),
    n_hidden: int = 128,
    attention_size: int = 64,
    n_codewords: int | None = None,
    classifier_hidden: int = 128,
    dropout: float = 0.0,
    gate_bias: bool = False,
    forget_bias: float | None = None,
) -> nn.Module:
    """A convolution and a pooling for each entry of n_channels, then an LSTM cell.

    n_channels: channels of each convolution, a list; its length is their number.
    kernel: width and height of a convolution's filters, in frames and bands; an odd number.
    pool_frames: frames of each pooling window, a list as long as n_channels.
    pool_bands: bands of each pooling window, a list as long as n_channels.
    attention: which attentions the cell has, a list: none of them, either or both.
    n_hidden: hidden units of the cell, H.
    attention_size: of temporal attention, the size A that frame and state are projected to.
    n_codewords: of semantic attention, the codewords K; none: as many as hidden units.
    classifier_hidden: units of the classifier's hidden layer.
    dropout: share of the classifier's inputs and hidden units dropped in training, from 0 to 1.
    gate_bias: whether temporal attention's gates have a bias; Eq. 4 prints none.
    forget_bias: initial bias of the forget gate; none: as torch does.
    """
    lengths = {len(n_channels), len(pool_frames), len(pool_bands)}
    if len(lengths) > 1 or not n_channels or min(*n_channels, *pool_frames, *pool_bands) < 1:
        raise AscError(
            f"model: n_channels {list(n_channels)}, pool_frames {list(pool_frames)} and pool_bands "
            f"{list(pool_bands)}: lists of one length, of numbers from 1, were expected"
        )
    if kernel % 2 == 0:
        raise AscError(f"model.kernel = {kernel}: an odd number was expected")
    for pool in pool_bands:
        n_bands = -(-n_bands // pool)
    cell = AttentionLSTM(
        n_channels[-1] * n_bands,
        n_hidden,
        attention=attention,
        attention_size=attention_size,
        n_codewords=n_codewords,
        gate_bias=gate_bias,
        forget_bias=forget_bias,
    )
    frames = Frames(n_channels, kernel, list(zip(pool_frames, pool_bands, strict=True)))
    return CRNN(frames, LSTMClassifier(cell, n_scenes, classifier_hidden, dropout))
