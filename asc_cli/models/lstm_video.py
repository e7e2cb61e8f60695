"""An attention LSTM over a video's frames, then a mixture of experts for each label.

    v = AttentionLSTM(x)                  (H,)   models/lstm.py: Zhang, Zhang and Wu, Eq. 1-6
    p = MixtureOfExperts(v)               (C,)   _mixture_of_experts.py: one for each label

Unlike a model of scenes, forward gives probabilities, of every label for itself: a video has many
labels (MANY_LABELS), so they do not sum to 1, and the loss is a cross-entropy of each.

B videos, T frames, F numbers a frame, H hidden units, C labels.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from asc_cli.models._mixture_of_experts import MixtureOfExperts
from asc_cli.models.lstm import AttentionLSTM

MANY_LABELS = True


class VideoLSTM(nn.Module):
    """x (B, T, F) and mask (B, T) -> probabilities (B, C)."""

    def __init__(self, cell: AttentionLSTM, head: MixtureOfExperts):
        super().__init__()
        self.cell, self.head = cell, head

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        return self.head(self.cell(x, mask))


def build(
    n_bands: int,
    n_scenes: int,
    *,
    attention: Sequence[Literal["temporal", "semantic"]] = (),
    n_hidden: int = 1024,
    attention_size: int = 64,
    n_codewords: int | None = None,
    n_mixtures: int = 8,
    gate_bias: bool = False,
    forget_bias: float | None = None,
) -> VideoLSTM:
    """An attention LSTM and a mixture of experts for each label.

    attention: which attentions, a list: none of them, either or both.
    n_hidden: hidden units, H.
    attention_size: of temporal attention, the size that frame and state are projected to.
    n_codewords: of semantic attention, the codewords; none: as many as hidden units.
    n_mixtures: experts of each label, beside the "off" expert.
    gate_bias: whether temporal attention's gates have a bias; Eq. 4 prints none.
    forget_bias: initial bias of the forget gate; none: as torch does.
    """
    cell = AttentionLSTM(
        n_bands,
        n_hidden,
        attention=attention,
        attention_size=attention_size,
        n_codewords=n_codewords,
        gate_bias=gate_bias,
        forget_bias=forget_bias,
    )
    return VideoLSTM(cell, MixtureOfExperts(n_hidden, n_scenes, n_mixtures))
