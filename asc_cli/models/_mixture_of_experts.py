"""Multi-label classification head: mixture of experts.

Mixture of experts (Jordan and Jacobs 1994; the head of the public YouTube-8M code, which the
paper's video experiment builds on). For every label c, with m experts:

    g_c  = softmax(V_c v)               (m + 1,)   gate, no bias; the last is the "off" expert
    e_cj = σ(⟨w_cj, v⟩ + b_cj)          j = 1 … m
    p_c  = Σ_{j ≤ m} g_cj e_cj                     the "off" expert's term is zero

Loss (the same code's, ε = 1e-5 added within both logarithms, so that p may be 0 or 1):

    loss = −1/B Σ_b Σ_c [ y ln(p + ε) + (1 − y) ln(1 − p + ε) ]

B videos, H hidden units, C labels, m mixtures.
"""

import torch
from torch import Tensor, nn

EPSILON = 1e-5


class MixtureOfExperts(nn.Module):
    """v (B, H) -> each label's own probability (B, C); they do not sum to one.

    Weights start as nn.Linear's do. Gates and experts are mixed in float32 at least, also where
    the products before are in half precision: there, labels would have the same confidence.

    >>> head = MixtureOfExperts(16, 5, n_mixtures=2)
    >>> head(torch.zeros(3, 16)).shape
    torch.Size([3, 5])
    """

    def __init__(self, n_inputs: int, n_labels: int, n_mixtures: int = 8):
        super().__init__()
        self.n_labels = n_labels
        self.gate = nn.Linear(n_inputs, n_labels * (n_mixtures + 1), bias=False)
        self.expert = nn.Linear(n_inputs, n_labels * n_mixtures)

    def forward(self, v: Tensor) -> Tensor:  # (B, H) -> (B, C)
        g = _wide(self.gate(v)).unflatten(-1, (self.n_labels, -1)).softmax(-1)  # (B, C, m + 1)
        e = _wide(self.expert(v)).unflatten(-1, (self.n_labels, -1)).sigmoid()  # (B, C, m)
        return (g[..., :-1] * e).sum(-1)


def multi_label_loss(probabilities: Tensor, targets: Tensor) -> Tensor:  # (B, C), (B, C) -> ()
    """Cross-entropy summed over labels, mean over videos; targets are 1 where a label is right."""
    if probabilities.shape != targets.shape:
        raise ValueError(
            f"probabilities of shape {tuple(probabilities.shape)} and targets of shape "
            f"{tuple(targets.shape)}; expected (videos, labels) of both"
        )
    p = _wide(probabilities)
    y = targets.to(p.dtype)
    log_likelihood = y * (p + EPSILON).log() + (1 - y) * (1 - p + EPSILON).log()
    return -log_likelihood.sum(-1).mean()


def _wide(x: Tensor) -> Tensor:
    """float32 at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
