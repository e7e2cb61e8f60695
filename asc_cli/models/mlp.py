"""Multilayer perceptron over a block of frames: Kong et al., DCASE 2016, and the DNN on CQT slices.

    h_0 = the block's frames, one after another          (T F,)
    h_l = dropout(ReLU(W_l h_{l-1} + b_l))               l = 1 … n_layers
    scores = W h + b

B clips, T frames, F bands, H hidden units, C scenes.
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from asc_cli.core.errors import AscError


class Perceptron(nn.Module):
    def __init__(
        self, n_bands: int, n_scenes: int, n_frames: int, H: int, n_layers: int, dropout: float
    ):
        super().__init__()
        self.n_frames = n_frames
        sizes = [n_frames * n_bands, *[H] * n_layers]
        hidden: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(sizes):
            hidden += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*hidden, nn.Linear(sizes[-1], n_scenes))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        if x.shape[1] != self.n_frames:
            raise AscError(
                f"model.n_frames = {self.n_frames}, but a clip holds {x.shape[1]} frames; "
                f"set model.n_frames or clips.length_frames so that they agree"
            )
        return self.layers(x.flatten(1))  # frames that a short clip lacks are zeros


def build(
    n_bands: int,
    n_scenes: int,
    *,
    n_frames: int = 10,
    n_hidden: int = 500,
    n_layers: int = 3,
    dropout: float = 0.1,
) -> nn.Module:
    """Hidden layers over a block of frames.

    n_frames: frames in a clip, the same as clips.length_frames.
    n_hidden: units of each hidden layer.
    n_layers: hidden layers.
    dropout: share of each hidden layer's units dropped in training, from 0 to 1.
    """
    return Perceptron(n_bands, n_scenes, n_frames, n_hidden, n_layers, dropout)
