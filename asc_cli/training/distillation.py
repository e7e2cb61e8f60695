"""Knowledge distillation: the network learns a teacher's answers besides the labels.

    loss = (1 − w) · CE(t, s) + w · T² · KL(q ‖ p)
    KL(q ‖ p) = 1/b Σ_b Σ_c q_bc ln(q_bc / p_bc)
    q = softmax(l / T)      l: the teacher's logits, the mean of several teachers'
    p = softmax(s / T)      s: the network's scores

w: weight, T: temperature, t: targets; CE is `loss.cross_entropy`. T² makes the gradients of the
second term as large as those of the first, whatever T. Hinton, Vinyals, Dean: Distilling the
knowledge in a neural network, arXiv:1503.02531.

Of a teacher that is an ensemble, l = ln Σ_i w_i softmax(l_i)_c / Σ_i w_i over its systems i with
their weights w_i.

A teacher's logits are of a recording as a whole, or of its variant: each clip of it has them,
wherever it was cut. Augmentations that mix clips mix q as they mix t.

b clips of a batch, B of an epoch, n recordings, V of each: as it is, and its variants; C scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asc_cli.frontend.varied import MixedClips
from asc_cli.inference.logits import StoredLogits


@dataclass(frozen=True)
class TeacherLogits:
    """The logits of a teacher's member for a fold's training recordings.

    Attributes:
        teacher: NAME@VERSION.
        logits: Of the recordings as they are, then of each of their variants; of an ensemble, the
            same of each of its systems, one after the other.
        columns: For each of the network's scenes, its number among the teacher's.
        weights: What each system of the teacher weighs.
    """

    teacher: str
    logits: tuple[StoredLogits, ...]
    columns: tuple[int, ...]
    weights: tuple[float, ...] = (1.0,)

    @property
    def member(self) -> int:
        """The fold whose member teaches."""
        return self.logits[0].fold

    def load(self, digests: Sequence[str]) -> np.ndarray:  # -> (V, n, C)
        """Return the logits of recordings, whose files have these SHA-256."""
        rows = np.stack([each.load(digests) for each in self.logits])[:, :, [*self.columns]]
        if len(self.weights) == 1:
            return rows
        by_system = rows.reshape(len(self.weights), -1, *rows.shape[1:])
        return _ensemble_logits(by_system, self.weights)


def _ensemble_logits(logits: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Return the logits (V, n, C) of an ensemble from those of its systems, (S, V, n, C)."""
    shares = np.log(weights) - np.log(sum(weights))
    log_p = torch.log_softmax(torch.from_numpy(logits).double(), dim=-1).numpy()
    return np.float32(np.logaddexp.reduce(log_p + shares[:, None, None, None], axis=0))


@dataclass(frozen=True)
class Distillation:
    """The logits of teachers for the recordings of a fold, and how much they count."""

    logits: np.ndarray  # (V, n, C) float32, the mean of the teachers'
    weight: float
    temperature: float

    def of_clips(self, clips: Any) -> np.ndarray:  # -> (B, C) float32
        """Return q of each clip of an epoch."""
        variants = clips.which_set if isinstance(clips, MixedClips) else 0
        logits = torch.from_numpy(self.logits[variants, clips.owners])
        return torch.softmax(logits / self.temperature, dim=1).numpy()

    def loss(self, hard: Tensor, scores: Tensor, q: Tensor) -> Tensor:  # (), (b, C), (b, C) -> ()
        """Return the loss above of a batch, from that of the targets alone."""
        log_p = torch.log_softmax(scores / self.temperature, dim=1)
        divergence = (torch.xlogy(q, q) - q * log_p).sum(dim=1).mean()
        return (1 - self.weight) * hard + self.weight * self.temperature**2 * divergence


def distillation(
    teaching: Sequence[TeacherLogits],
    digests: Sequence[str],
    weight: float,
    temperature: float,
) -> Distillation | None:
    """Return the teachers' logits of recordings with these SHA-256; None without teachers."""
    if not teaching:
        return None
    logits = np.stack([one.load(digests) for one in teaching]).mean(axis=0)
    return Distillation(logits, weight, temperature)
