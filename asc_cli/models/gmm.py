"""Gaussian mixtures, one per scene: the baseline of Mesaros et al., EUSIPCO 2016.

    p(x | c) = Σ_k π_ck N(x; μ_ck, diag σ²_ck)      K components per scene, frames independent
    score_c  = Σ_t ln p(x_t | c)                    over the clip's frames; scenes equally likely

Clips of one frame with evaluation.aggregate log_sum give the sum over a recording's every frame.
Fitted by scikit-learn: k-means start, then expectation-maximisation.

B clips, T frames, F bands, C scenes, K components.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.models import FitNetwork, OwnedClips
from asc_cli.models._sklearn import frames_of, ignore_convergence_warnings, require_enough, tensor


class Mixtures(nn.Module):
    """C mixtures of K Gaussians with diagonal covariances, in float64."""

    weights: Tensor  # (C, K)
    means: Tensor  # (C, K, F)
    variances: Tensor  # (C, K, F)

    def __init__(
        self, n_bands: int, n_scenes: int, K: int, n_iterations: int, tolerance: float, floor: float
    ):
        super().__init__()
        self.n_iterations, self.tolerance, self.floor = n_iterations, tolerance, floor
        self.register_buffer("weights", torch.full((n_scenes, K), 1 / K, dtype=torch.float64))
        self.register_buffer("means", torch.zeros(n_scenes, K, n_bands, dtype=torch.float64))
        self.register_buffer("variances", torch.ones(n_scenes, K, n_bands, dtype=torch.float64))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # (B, T, F) -> (B, C)
        frames = self.log_likelihoods(x.flatten(0, 1)).unflatten(0, x.shape[:2])  # (B, T, C)
        return (frames if mask is None else frames * mask[:, :, None]).sum(dim=1)

    def log_likelihoods(self, x: Tensor) -> Tensor:  # (n, F) -> (n, C)
        """ln p(x | c) of each frame; (x − μ)²/σ² = x²/σ² − 2xμ/σ² + μ²/σ²."""
        x = x.double()
        C, _, F = self.means.shape
        precision = (1 / self.variances).flatten(0, 1)  # (C K, F)
        means = self.means.flatten(0, 1)
        distance = (
            x.square() @ precision.T
            - 2 * x @ (means * precision).T
            + (means.square() * precision).sum(dim=1)
        )  # (n, C K)
        spread = F * math.log(2 * math.pi) - precision.log().sum(dim=1)
        log_gauss = -0.5 * (distance + spread)
        return torch.logsumexp(log_gauss.unflatten(1, (C, -1)) + self.weights.log(), dim=2)

    def estimate(
        self, clips: OwnedClips, labels: np.ndarray, fit_network: FitNetwork, seed: int
    ) -> None:
        """Fit each scene's mixture to its own frames."""
        C, K, _ = self.means.shape
        for c in range(C):
            frames = frames_of(clips, np.flatnonzero(labels == c))
            require_enough(len(frames), c, C, K, "frames")
            self._fit_one(c, frames, seed)

    def _fit_one(self, c: int, frames: np.ndarray, seed: int) -> None:
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(
            self.means.shape[1],
            covariance_type="diag",
            max_iter=self.n_iterations,
            tol=self.tolerance,
            reg_covar=self.floor,
            random_state=(seed + c) % 2**32,
        )
        with ignore_convergence_warnings():
            mixture.fit(frames.astype(np.float64))
        self.weights[c] = tensor(mixture.weights_)
        self.means[c] = tensor(mixture.means_)
        self.variances[c] = tensor(mixture.covariances_)


def build(
    n_bands: int,
    n_scenes: int,
    *,
    n_components: int = 16,
    n_iterations: int = 40,
    tolerance: float = 1e-3,
    variance_floor: float = 1e-3,
) -> nn.Module:
    """A mixture of Gaussians for each scene.

    n_components: Gaussians of each scene's mixture.
    n_iterations: steps of expectation-maximisation, at most.
    tolerance: a step that raises the mean log likelihood by less is the last.
    variance_floor: added to every variance, so that none is 0.
    """
    return Mixtures(n_bands, n_scenes, n_components, n_iterations, tolerance, variance_floor)
