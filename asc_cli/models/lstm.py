"""interim"""

import torch
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self, n_bands, n_scenes, n_hidden, classifier_hidden, dropout):
        super().__init__()
        self.rnn = nn.LSTM(n_bands, n_hidden, batch_first=True)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(n_hidden, classifier_hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(classifier_hidden, n_scenes),
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        h, _ = self.rnn(x)
        if mask is None:
            return self.head(h[:, -1])
        return self.head(h[torch.arange(len(x)), mask.sum(1) - 1])


def build(
    n_bands: int,
    n_scenes: int,
    *,
    attention: tuple[str, ...] = (),
    n_hidden: int = 128,
    classifier_hidden: int = 128,
    dropout: float = 0.0,
) -> nn.Module:
    return Net(n_bands, n_scenes, n_hidden, classifier_hidden, dropout)
