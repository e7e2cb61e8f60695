"""Linear support vector machines, one scene against the rest, with Platt's probabilities.

    u = low + (high − low) (v − min) / (max − min)          per feature, the training clips' figures
    f_c = ⟨w_c, u⟩ + b_c
    P_c = 1 / (1 + exp(α_c f_c + β_c))                      Platt 1999, fitted on held-out f_c
    score_c = ln P_c                                        so probabilities are P_c / Σ P

scikit-learn's LinearSVC (squared hinge) and CalibratedClassifierCV find w, b, α and β.
B clips, H features, C scenes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.models._sklearn import (
    frozen_linear,
    ignore_convergence_warnings,
    stratified_group_folds,
    tensor,
)

CALIBRATION_FOLDS = 5
SMALLEST_RANGE = 1e-12


class LinearSVM(nn.Module):
    lowest: Tensor  # (H,)
    scale: Tensor  # (H,)
    alpha: Tensor  # (C,)
    beta: Tensor  # (C,)

    def __init__(self, H: int, n_scenes: int, low: float, high: float, c: float):
        super().__init__()
        self.low, self.high, self.c = low, high, c
        shapes = {"lowest": H, "scale": H, "alpha": n_scenes, "beta": n_scenes}
        for name, size in shapes.items():
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))
        self.linear = frozen_linear(H, n_scenes)

    def forward(self, v: Tensor) -> Tensor:  # (B, H) -> (B, C)
        f = self.linear(self.scaled(v))
        return nn.functional.logsigmoid(-(self.alpha * f + self.beta))

    def scaled(self, v: Tensor) -> Tensor:  # (B, H) -> (B, H)
        return self.low + (v.double() - self.lowest) * self.scale

    def estimate(self, v: Tensor, labels: np.ndarray, owners: np.ndarray, seed: int) -> None:
        """Fit to clips v (B, H) of recordings `owners`; calibration folds share no recording."""
        lowest, highest = v.double().amin(dim=0), v.double().amax(dim=0)
        self.lowest.copy_(lowest)
        self.scale.copy_((self.high - self.low) / (highest - lowest).clamp_min(SMALLEST_RANGE))
        fold = stratified_group_folds(
            owners, labels, CALIBRATION_FOLDS, np.random.default_rng(seed)
        )
        splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in np.unique(fold)]
        u = self.scaled(v).numpy()
        for scene in range(len(self.alpha)):
            self._fit_one(scene, u, labels == scene, splits)

    def _fit_one(self, scene: int, u: np.ndarray, is_scene: np.ndarray, splits: list) -> None:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.svm import LinearSVC

        machine = LinearSVC(C=self.c, dual=False)
        with ignore_convergence_warnings():
            fitted = CalibratedClassifierCV(machine, cv=splits, ensemble=False).fit(u, is_scene)
        fitted_svm = fitted.calibrated_classifiers_[0]
        self.linear.weight[scene] = tensor(fitted_svm.estimator.coef_[0])
        self.linear.bias[scene] = float(fitted_svm.estimator.intercept_[0])
        self.alpha[scene] = float(fitted_svm.calibrators[0].a_)
        self.beta[scene] = float(fitted_svm.calibrators[0].b_)
