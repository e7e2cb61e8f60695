"""The loss of clips that each have one scene, or a mixture of several.

    t ← (1 − ε) t + ε / C                                            ε: label_smoothing
    loss = −Σ_b Σ_c w_c t_bc ln softmax(logits_b)_c / Σ_b Σ_c w_c t_bc
    w_c = B / (C · B_c)                     of balance: weights, B_c clips of scene c; otherwise 1

b clips of a batch, B of the fold, C scenes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(
    logits: Tensor,  # (b, C)
    targets: Tensor,  # (b,) int64, or (b, C) float32 whose rows sum to 1
    label_smoothing: float = 0.0,
    weights: Tensor | None = None,  # (C,)
) -> Tensor:
    """Return the mean loss of a batch, as above."""
    if weights is None and targets.ndim == 1:
        return functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)
    n_scenes = logits.shape[1]
    soft = one_hot(targets, n_scenes) if targets.ndim == 1 else targets
    soft = (1 - label_smoothing) * soft + label_smoothing / n_scenes
    if weights is not None:
        soft = soft * weights
    return -(soft * torch.log_softmax(logits, dim=1)).sum() / soft.sum()


def one_hot(labels: Tensor, n_scenes: int) -> Tensor:  # (b,) -> (b, C)
    """Return targets that are 1 for a clip's scene, else 0."""
    return functional.one_hot(labels, n_scenes).float()


def class_weights(labels: np.ndarray, n_scenes: int) -> Tensor:  # (B,) -> (C,)
    """Return weights by which every scene counts the same; 1 for a scene without clips."""
    counts = np.bincount(labels, minlength=n_scenes)
    weights = np.where(counts > 0, len(labels) / (n_scenes * np.maximum(counts, 1)), 1.0)
    return torch.from_numpy(weights.astype(np.float32))


def balanced_order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # (B,) -> (B,)
    """Return an epoch's clips: as many as there are, drawn so that each scene is as likely."""
    shares = 1 / np.bincount(labels)[labels]
    return rng.choice(len(labels), len(labels), p=shares / shares.sum())
