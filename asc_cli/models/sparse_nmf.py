"""Sparse nonnegative matrix factorisation and logistic regression: Bisot et al., TASLP 2017.

    x_t ≈ Σ_k h_tk d_k        d_k ≥ 0, ‖d_k‖ ≤ 1; h ≥ 0      a frame as a sum of few parts
    h_t = argmin_{h ≥ 0} ½ ‖x_t − D h‖² + λ Σ_k h_k
    z   = (mean over t of h_t − mean) / deviation            per part, the training clips' figures
    scores = W z + b                                         multinomial logistic regression

scikit-learn learns D (MiniBatchDictionaryLearning: its NMF has the l1 penalty but lets D grow
without bound, which undoes it) and W. h is computed by FISTA (Beck & Teboulle 2009) with a fixed
number of steps, in torch, so that a prediction needs arrays only:

    h ← max(0, y − (Dᵀ(D y − x) + λ) / L)       L = ‖DᵀD‖₂; y runs ahead of h by its momentum

Frames are divided by the mean norm of the training frames first, so λ means the same for any
feature. B clips, T frames, F bands, K parts, C scenes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.core.errors import AscError
from asc_cli.models import Clips, FitNetwork, OwnedClips
from asc_cli.models._sklearn import (
    frames_of,
    frozen_linear,
    ignore_convergence_warnings,
    require_enough,
    tensor,
)

BATCH_CLIPS = 64
SMALLEST_NORM = 1e-12


class SparseParts(nn.Module):
    scale: Tensor  # ()
    parts: Tensor  # (F, K)
    mean: Tensor  # (K,)
    deviation: Tensor  # (K,)

    def __init__(
        self,
        n_bands: int,
        n_scenes: int,
        K: int,
        sparsity: float,
        n_passes: int,
        n_steps: int,
        regression_c: float,
    ):
        super().__init__()
        self.sparsity, self.n_passes, self.n_steps = sparsity, n_passes, n_steps
        self.regression_c = regression_c
        shapes = {"scale": (), "parts": (n_bands, K), "mean": (K,), "deviation": (K,)}
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self.linear = frozen_linear(K, n_scenes)
        self.step = 0.0  # 1 / L

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        return self.linear((self.activations(x, mask) - self.mean) / self.deviation)

    def activations(self, x: Tensor, mask: Tensor | None) -> Tensor:  # (B, T, F) -> (B, K)
        """Mean over a clip's frames of h."""
        h = self.encode(x.flatten(0, 1)).unflatten(0, x.shape[:2])  # (B, T, K)
        if mask is None:
            return h.mean(dim=1)
        return (h * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def encode(self, x: Tensor) -> Tensor:  # (n, F) -> (n, K)
        x = x.double() / self.scale
        gram = self.parts.T @ self.parts  # (K, K)
        towards = x @ self.parts - self.sparsity  # (n, K)
        h = y = torch.zeros_like(towards)
        momentum = 1.0
        for _ in range(self.n_steps):
            ahead = (y - self.step * (y @ gram - towards)).clamp_min(0)
            following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            y = ahead + (momentum - 1) / following * (ahead - h)
            h, momentum = ahead, following
        return h

    def estimate(
        self, clips: OwnedClips, labels: np.ndarray, fit_network: FitNetwork, seed: int
    ) -> None:
        n_scenes = self.linear.out_features
        for scene, count in enumerate(np.bincount(labels, minlength=n_scenes)):
            require_enough(count, scene, n_scenes, 2, "clips")
        frames = frames_of(clips, np.arange(len(clips)))
        if frames.min() < 0:
            raise AscError(
                "model sparse_nmf: the features hold negative values; it takes those that never "
                "do (cqt, mel), with clips.standardise: false"
            )
        self.scale.fill_(max(float(np.linalg.norm(frames, axis=1).mean()), SMALLEST_NORM))
        self._learn_parts(frames / float(self.scale), seed)
        self._learn_regression(self._all_activations(clips), labels)

    def _learn_parts(self, frames: np.ndarray, seed: int) -> None:  # (n, F)
        from sklearn.decomposition import MiniBatchDictionaryLearning

        learner = MiniBatchDictionaryLearning(
            self.parts.shape[1],
            alpha=self.sparsity,
            max_iter=self.n_passes,
            batch_size=256,
            fit_algorithm="cd",
            positive_code=True,
            positive_dict=True,
            tol=0.0,
            max_no_improvement=None,
            random_state=seed % 2**32,
        )
        with ignore_convergence_warnings():
            learner.fit(frames.astype(np.float64))
        self.parts.copy_(tensor(learner.components_.T))
        self._measure()

    def _load_from_state_dict(self, *state: Any) -> None:
        super()._load_from_state_dict(*state)
        self._measure()

    def _measure(self) -> None:
        """1 / L once, as a number: exported models have no operator for a matrix's norm."""
        self.step = 1 / float(torch.linalg.matrix_norm(self.parts.T @ self.parts, 2))

    def _all_activations(self, clips: Clips) -> np.ndarray:  # -> (B, K)
        batches = []
        for start in range(0, len(clips), BATCH_CLIPS):
            x, mask = clips.batch(np.arange(start, min(start + BATCH_CLIPS, len(clips))))
            batches.append(self.activations(tensor(x), None if mask is None else tensor(mask)))
        return torch.cat(batches).numpy()

    def _learn_regression(self, activations: np.ndarray, labels: np.ndarray) -> None:
        from sklearn.linear_model import LogisticRegression

        deviation = activations.std(axis=0)
        self.mean.copy_(tensor(activations.mean(axis=0)))
        self.deviation.copy_(tensor(np.where(deviation > 0, deviation, 1.0)))
        scaled = (activations - self.mean.numpy()) / self.deviation.numpy()
        with ignore_convergence_warnings():
            fitted = LogisticRegression(C=self.regression_c, max_iter=1000).fit(scaled, labels)
        weight, bias = fitted.coef_, fitted.intercept_
        if (
            self.linear.out_features == 2
        ):  # scikit-learn gives two scenes one row: that of the second
            weight, bias = np.stack([-weight[0], weight[0]]) / 2, np.array([-1, 1]) * bias[0] / 2
        self.linear.weight.copy_(tensor(weight))
        self.linear.bias.copy_(tensor(bias))


def build(
    n_bands: int,
    n_scenes: int,
    *,
    n_parts: int = 256,
    sparsity: float = 0.1,
    n_passes: int = 5,
    n_steps: int = 100,
    regression_c: float = 1.0,
) -> nn.Module:
    """Parts that frames are sums of, and a regression on how much of each there is.

    n_parts: parts, K.
    sparsity: λ, the weight of the l1 penalty.
    n_passes: passes over the frames to learn the parts.
    n_steps: steps of FISTA for each frame.
    regression_c: inverse strength of the l2 penalty on W.
    """
    return SparseParts(n_bands, n_scenes, n_parts, sparsity, n_passes, n_steps, regression_c)
